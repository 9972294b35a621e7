package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/version"
)

func newSDK(transport http.RoundTripper, api, accessKey, secretKey string) (*scw.Client, error) {
	sdk, err := scw.NewClient(
		scw.WithAPIURL(api), scw.WithAuth(accessKey, secretKey), scw.WithUserAgent(version.UserAgent),
		scw.WithHTTPClient(&http.Client{
			Transport: transport, Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // with the key
		}),
	)
	if err != nil {
		return nil, errors.New("the Scaleway SDK refuses the access key") // its own error may show what it was given
	}
	return sdk, nil
}

func (f *facts) iam(ctx context.Context, client *scaleway.Client) {
	var errs [3]error
	f.applications, errs[0] = client.Applications(ctx)
	f.policies, errs[1] = client.Policies(ctx)
	f.groups, errs[2] = client.Groups(ctx)
	f.iamErr = cmp.Or(f.iamErr, errs[0], errs[1], errs[2])
}

// deployed finds the function in whichever region it is, and its crons.
func (f *facts) deployed(ctx context.Context, api *functions.API) error {
	for _, region := range api.Regions() {
		namespaces, err := api.ListNamespaces(&functions.ListNamespacesRequest{Region: region, ProjectID: &f.project}, scw.WithContext(ctx), scw.WithAllPages())
		if err != nil {
			return err
		}
		for _, n := range namespaces.Namespaces {
			if n.ProjectID != f.project {
				continue
			}
			f.namespace[n.ID] = n.Name
			list, err := api.ListFunctions(&functions.ListFunctionsRequest{Region: region, NamespaceID: n.ID}, scw.WithContext(ctx), scw.WithAllPages())
			if err != nil {
				return err
			}
			for _, fn := range list.Functions {
				_, rotator := fn.EnvironmentVariables[config.Prefix+"PROJECT_ID"]
				switch {
				case fn.NamespaceID != n.ID:
				case n.Name == f.manifest.Name && fn.Name == f.manifest.Function.Name && f.function == nil:
					f.function = fn
				case n.Name == f.manifest.Name || rotator:
					f.strays = append(f.strays, fn)
				}
			}
		}
	}
	if f.function == nil {
		return nil
	}
	list, err := api.ListCrons(&functions.ListCronsRequest{Region: f.function.Region, FunctionID: f.function.ID}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return err
	}
	f.crons = slices.DeleteFunc(list.Crons, func(c *functions.Cron) bool { // the one before may still be listed
		return c.FunctionID != f.function.ID || c.Status == functions.CronStatusDeleting
	})
	return nil
}

// reach reads the rules of the policies that reach the function's application, or
// may.
func (f *facts) reach(ctx context.Context, client *scaleway.Client) {
	key := f.ownKey()
	if key == nil || key.ApplicationID == "" {
		return
	}
	for _, p := range f.policies {
		if !f.reaches(p, key.ApplicationID) {
			continue
		}
		rules, err := client.Rules(ctx, p)
		if err != nil {
			f.iamErr = cmp.Or(f.iamErr, err)
			continue
		}
		f.rules[p.PolicyID] = rules
	}
}

// reaches tells whether a policy is an application's, directly or through a group,
// or does not say whose it is.
func (f *facts) reaches(p scaleway.Principal, application string) bool {
	return p.Unknown || p.ApplicationID == application || f.through(p, application) != ""
}

// through is the ID of the group through which a policy reaches an application.
func (f *facts) through(p scaleway.Principal, application string) string {
	for _, g := range f.groups {
		if p.GroupID != "" && g.ID == p.GroupID && (g.AllApplications || slices.Contains(g.ApplicationIDs, application)) {
			return g.ID
		}
	}
	return ""
}

// ownKey is the key that the deployed function says that it runs on; nil: there is
// no such key, or no function.
func (f *facts) ownKey() *scaleway.APIKey {
	if f.function == nil {
		return nil
	}
	for i := range f.keys {
		if f.keys[i].AccessKey == f.function.EnvironmentVariables[config.Prefix+"ACCESS_KEY"] {
			return &f.keys[i]
		}
	}
	return nil
}

func (f *facts) applicationName(id string) string {
	for _, a := range f.applications {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

// ledgerName is the secret in which runs remember (internal/run).
const ledgerName = "rotator-ledger"

// left looks for what runs leave behind: the secrets of the credentials' folder.
func (f *facts) left(ctx context.Context, client *scaleway.Client) {
	f.secrets, f.secretsErr = client.Secrets(ctx, f.settings.SecretRegion, f.settings.SecretPath)
	for _, s := range f.secrets {
		versions, err := client.Versions(ctx, s)
		if err != nil {
			f.secretsErr = err
			return
		}
		f.versions[s.ID] = versions
	}
}

// remembered is the version that runs wrote last of their ledger; the zero one: there is
// none.
func (f *facts) remembered() (last scaleway.Version) {
	for _, s := range f.secrets {
		for _, v := range f.versions[s.ID] {
			if s.Name == ledgerName && v.CreatedAt.After(last.CreatedAt) {
				last = v
			}
		}
	}
	return last
}

// minted is the key that the rotator of this project made last; nil: it made none.
func (f *facts) minted() (last *scaleway.APIKey) {
	for i, k := range f.keys {
		if rotate.MintedBy(k, f.project) && (last == nil || k.CreatedAt.After(last.CreatedAt)) {
			last = &f.keys[i]
		}
	}
	return last
}

// placed tells whether a key is where the rotator puts the keys that it makes: in a
// version, or with the function.
func (f *facts) placed(k scaleway.APIKey) bool {
	for _, versions := range f.versions {
		for _, v := range versions {
			if rotate.VersionKey(v.Description) == k.AccessKey {
				return true
			}
		}
	}
	own := f.ownKey()
	return own != nil && own.AccessKey == k.AccessKey
}

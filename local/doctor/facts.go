package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/version"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

// facts are all that checks know. An error stands for what could not be read; the
// check whose business that is says so.
type facts struct {
	now          time.Time // by the API's clock
	caller       string    // the access key that is asked with
	organization string
	project      string
	elsewhere    string
	manifest     manifest.Service
	settings     config.Config // of the function; those of serverless.yml where they are refused
	refused      error         // why the deployed settings are

	iamErr       error
	keys         []scaleway.APIKey
	applications []scaleway.Application
	policies     []scaleway.Principal
	groups       []scaleway.Group
	rules        map[string][]scaleway.Grant // by policy, of those that reach the function's application

	functionErr error
	function    *functions.Function   // nil: it is not there
	namespace   map[string]string     // names of namespaces, by ID
	strays      []*functions.Function // that look as if they were it, too
	crons       []*functions.Cron

	report *report.Report // of a dry run
	runErr error          // why there is none

	ledgerErr error
	ledger    time.Time // of its newest version; zero: there is none
}

// gather reads all of it. Nothing that it asks changes anything.
func gather(ctx context.Context, o Options) *facts {
	is := environment(o.Caller)
	f := &facts{
		now: o.Clock.Now().UTC(), manifest: o.Manifest, elsewhere: o.Elsewhere,
		caller: is["ACCESS_KEY"], organization: is["ORGANIZATION_ID"], project: is["PROJECT_ID"],
		namespace: map[string]string{}, rules: map[string][]scaleway.Grant{},
	}
	api := cmp.Or(is["API_URL"], config.DefaultAPIURL)
	client, err := scaleway.New(scaleway.Options{
		APIURL: api, AccessKey: f.caller, SecretKey: redact.New(is["SECRET_KEY"]), OrganizationID: f.organization, ProjectID: f.project,
		Transport: o.API, Clock: o.Clock, Concurrency: 4, RequestsPerSecond: 50,
	})
	if err != nil {
		f.iamErr = err
		return f
	}
	if f.iamErr = knock(ctx, o.API, api); f.unreachable() {
		return f
	}
	if f.keys, f.iamErr = client.APIKeys(ctx); f.unreachable() {
		return f
	}
	f.now = client.Now()
	f.iam(ctx, client)
	if sdk, err := functionsAPI(o.API, api, is); err != nil {
		f.functionErr = err
	} else {
		f.functionErr = f.deployed(ctx, sdk)
	}
	f.configure(o.Caller)
	f.reach(ctx, client)
	f.left(ctx, client)
	f.dryRun(ctx, o)
	return f
}

// patience is how long the API is waited for before anything else is asked. A run
// has more, and tries again: a person waits here.
const patience = 10 * time.Second

// silence is why the API gave no answer at all.
type silence struct{ error }

// knock asks what needs no key, once, to see that anything can be asked.
func knock(ctx context.Context, transport http.RoundTripper, api string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/metadata", nil)
	if err != nil {
		return silence{err}
	}
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		if said, ok := errors.AsType[*url.Error](err); ok {
			err = said.Err
		}
		return silence{err}
	}
	_ = res.Body.Close() // what it says does not matter
	return nil
}

// unreachable tells whether nothing can be asked.
func (f *facts) unreachable() bool {
	return f.iamErr != nil && !errors.Is(f.iamErr, scaleway.ErrForbidden) && f.keys == nil
}

// environment is a list of ROTATOR_ variables by their short names.
func environment(environ []string) map[string]string {
	is := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, config.Prefix), "=")
		is[name] = value
	}
	return is
}

func functionsAPI(transport http.RoundTripper, api string, is map[string]string) (*functions.API, error) {
	sdk, err := scw.NewClient(
		scw.WithAPIURL(api), scw.WithAuth(is["ACCESS_KEY"], is["SECRET_KEY"]), scw.WithUserAgent(version.UserAgent),
		scw.WithHTTPClient(&http.Client{
			Transport: transport, Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // with the key
		}),
	)
	if err != nil {
		return nil, errors.New("the Scaleway SDK refuses the access key") // its own error may show what it was given
	}
	return functions.NewAPI(sdk), nil
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

// plain are the function's settings as they are deployed, or as they would be.
func (f *facts) plain() map[string]string {
	if f.function != nil {
		return f.function.EnvironmentVariables
	}
	return f.manifest.Function.Env
}

// configure reads the settings as the function does. Its secrets cannot be read:
// those of the caller stand in their place.
func (f *facts) configure(caller []string) {
	is := environment(caller)
	plain := maps.Clone(f.plain())
	if plain == nil {
		plain = map[string]string{}
	}
	maps.DeleteFunc(plain, func(name, _ string) bool { return secretSetting(name) })
	plain[config.Prefix+"SECRET_KEY"] = is["SECRET_KEY"]
	if f.settings, f.refused = config.Read(list(plain)); f.refused != nil {
		defaults := map[string]string{}
		for name, value := range f.manifest.Function.Env {
			if strings.HasPrefix(name, config.Prefix) {
				defaults[name] = value
			}
		}
		maps.Copy(defaults, asVariables(is))
		f.settings, _ = config.Read(list(defaults)) // of .env: the deployed ones are what is judged
	}
}

func asVariables(is map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range is {
		out[config.Prefix+name] = value
	}
	return out
}

func list(vars map[string]string) []string {
	out := make([]string, 0, len(vars))
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	return out
}

func secretSetting(name string) bool {
	return name == config.Prefix+"SECRET_KEY" || name == config.Prefix+"CONTROL_SECRET"
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

// left looks for what runs leave behind.
func (f *facts) left(ctx context.Context, client *scaleway.Client) {
	secrets, err := client.Secrets(ctx, f.settings.SecretRegion, f.settings.SecretPath)
	if err != nil {
		f.ledgerErr = err
		return
	}
	for _, s := range secrets {
		if s.Name != ledgerName {
			continue
		}
		versions, err := client.Versions(ctx, s)
		if err != nil {
			f.ledgerErr = err
			return
		}
		for _, v := range versions {
			if v.CreatedAt.After(f.ledger) {
				f.ledger = v.CreatedAt
			}
		}
	}
}

// minted is when the rotator of this project last made a key.
func (f *facts) minted() (at time.Time) {
	for _, k := range f.keys {
		if rotate.MintedBy(k, f.project) && k.CreatedAt.After(at) {
			at = k.CreatedAt
		}
	}
	return at
}

// dryRun does one in this process, as go run ./local run --live does, with the
// function's settings and the caller's key. It goes under the access key of the
// function, of which nothing is sent: so the run knows which function and which
// application are its own. What becomes of its key is left out: its secret is not
// known here.
func (f *facts) dryRun(ctx context.Context, o Options) {
	const control = "the doctor asks this of itself, in its own process"
	var environ []string
	for name, value := range f.plain() {
		if strings.HasPrefix(name, config.Prefix) && !secretSetting(name) {
			environ = append(environ, name+"="+value)
		}
	}
	secret := strings.ReplaceAll(control, " ", "-")
	environ = append(environ, o.Caller...)
	if own := f.ownKey(); own != nil {
		environ = append(environ, config.Prefix+"ACCESS_KEY="+own.AccessKey)
	}
	environ = append(environ, config.Prefix+"CONTROL_SECRET="+secret)
	function := handler.New(environ, io.Discard, handler.Options{API: o.API, Endpoints: o.Endpoints, Clock: o.Clock})
	body := `{"dry_run": true, "steps": ["rotate", "deliver", "check", "purge", "retire"]}`
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/?format=json&full=1", strings.NewReader(body))
	req.Header.Set(handler.ControlHeader, secret)
	answer := httptest.NewRecorder()
	function.ServeHTTP(answer, req)
	var refusal struct{ Error string }
	text := answer.Body.Bytes()
	if json.Unmarshal(text, &refusal) == nil && refusal.Error != "" {
		f.runErr = errors.New(refusal.Error)
		return
	}
	f.report = &report.Report{}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(f.report); err != nil {
		f.report, f.runErr = nil, err
	}
}

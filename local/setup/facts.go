package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	account "github.com/scaleway/scaleway-sdk-go/api/account/v3"
	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// Facts are all that a plan is made of.
type Facts struct {
	Organization string
	ProjectID    string
	ProjectName  string // "": the caller may not read it
	Applications []scaleway.Application
	Policies     []Policy // with a description of ours, or of an application of ours
	Env          DotEnv
	Narrow       Narrow

	// For a removal alone.
	Keys      []scaleway.APIKey
	Functions []Runner
}

// Policy is one with its rules.
type Policy struct {
	scaleway.Principal

	Rules []Rule
}

// Runner is a deployed function that may run on a key of ours.
type Runner struct {
	Name      string // with its namespace and region
	AccessKey string // that it says that it runs on
	Checks    string // ID of the application that it checks endpoints with
}

// Look reads what there is, and changes nothing. For a removal it reads more.
func Look(ctx context.Context, o Options, removal bool) (Facts, error) {
	f := Facts{Organization: o.Organization, ProjectID: o.ProjectID, Narrow: o.Narrow}
	var err error
	if f.Env, err = readDotEnv(o.Root); err != nil {
		return f, err
	}
	sdk, err := o.sdk(ctx)
	if err != nil {
		return f, err
	}
	// First of all, and once: who cannot be reached is not asked for a quarter of an hour.
	if f.ProjectName, err = projectName(ctx, sdk, o.ProjectID); err != nil {
		return f, err
	}
	client, err := o.client()
	if err != nil {
		return f, err
	}
	if f.Applications, err = client.Applications(ctx); err != nil {
		return f, asCaller(err)
	}
	policies, err := client.Policies(ctx)
	if err != nil {
		return f, asCaller(err)
	}
	for _, p := range policies {
		if !f.ours(p) {
			continue
		}
		grants, err := client.Rules(ctx, p)
		if err != nil {
			return f, asCaller(err)
		}
		f.Policies = append(f.Policies, Policy{p, rules(grants)})
	}
	if !removal {
		return f, nil
	}
	if f.Keys, err = client.APIKeys(ctx); err != nil {
		return f, asCaller(err)
	}
	f.Functions, err = runners(ctx, sdk, o.ProjectID)
	return f, err
}

func (f Facts) ours(p scaleway.Principal) bool {
	for _, r := range Roles() {
		if p.Description == Description(r, f.ProjectID) {
			return true
		}
	}
	return false
}

func rules(grants []scaleway.Grant) (out []Rule) {
	for _, g := range grants {
		out = append(out, Rule{Sets: g.PermissionSets, Organization: g.Organization, Projects: g.ProjectIDs, Condition: g.Condition})
	}
	return out
}

// client reads as a run does: all pages, and again where the API stumbles.
func (o Options) client() (*scaleway.Client, error) {
	c := o.Clock
	if c.Now == nil {
		c = clock.Real()
	}
	return scaleway.New(scaleway.Options{
		APIURL: o.API, AccessKey: o.AccessKey, SecretKey: redact.New(o.SecretKey), OrganizationID: o.Organization, ProjectID: o.ProjectID,
		Transport: o.Transport, Clock: c, Concurrency: 1, RequestsPerSecond: 20,
	})
}

// sdk changes things: once, as a request whose answer is lost may have been heard.
func (o Options) sdk(ctx context.Context) (*scw.Client, error) {
	sdk, err := scw.NewClient(
		scw.WithAPIURL(o.API), scw.WithAuth(o.AccessKey, o.SecretKey), scw.WithUserAgent(version.UserAgent),
		scw.WithHTTPClient(&http.Client{
			Transport: Interruptible(ctx, o.Transport), Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // with the key
		}),
	)
	if err != nil {
		return nil, errors.New("the Scaleway SDK refuses the access key") // its own error may show what it was given
	}
	return sdk, nil
}

// Interruptible ends each request with ctx, too: the SDK asks for /metadata without
// one. nil is the real transport.
func Interruptible(ctx context.Context, below http.RoundTripper) http.RoundTripper {
	if below == nil {
		below = http.DefaultTransport
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		both, cancel := context.WithCancel(r.Context())
		context.AfterFunc(ctx, cancel)
		return below.RoundTrip(r.WithContext(both)) //nolint:contextcheck // it ends with either
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ErrNone is that there is no such project.
var ErrNone = errors.New("there is none: look at --project and the profile")

// Project is the name of the project, or "" where the caller may do all else, but not
// read that. It asks once.
func Project(ctx context.Context, o Options) (string, error) {
	sdk, err := o.sdk(ctx)
	if err != nil {
		return "", err
	}
	return projectName(ctx, sdk, o.ProjectID)
}

// projectName is "" where the caller may do all else, but not read that.
func projectName(ctx context.Context, sdk *scw.Client, id string) (string, error) {
	project, err := account.NewProjectAPI(sdk).GetProject(&account.ProjectAPIGetProjectRequest{ProjectID: id}, scw.WithContext(ctx))
	var forbidden *scw.PermissionsDeniedError
	switch {
	case err == nil:
		return project.Name, nil
	case errors.As(err, &forbidden):
		return "", nil
	}
	return "", failed("look at project "+id, "ProjectReadOnly", err)
}

// runners are the project's functions that are rotators, wherever they are.
func runners(ctx context.Context, sdk *scw.Client, project string) (out []Runner, err error) {
	const act, needs = "list the project's functions", "FunctionsReadOnly"
	api := functions.NewAPI(sdk)
	for _, region := range api.Regions() {
		namespaces, err := api.ListNamespaces(&functions.ListNamespacesRequest{Region: region, ProjectID: &project}, scw.WithContext(ctx), scw.WithAllPages())
		if err != nil {
			return nil, failed(act, needs, err)
		}
		for _, n := range namespaces.Namespaces {
			list, err := api.ListFunctions(&functions.ListFunctionsRequest{Region: region, NamespaceID: n.ID}, scw.WithContext(ctx), scw.WithAllPages())
			if err != nil {
				return nil, failed(act, needs, err)
			}
			for _, fn := range list.Functions {
				r := Runner{
					Name: fmt.Sprintf("%s/%s (%s)", n.Name, fn.Name, region), AccessKey: fn.EnvironmentVariables[config.Prefix+"ACCESS_KEY"],
					Checks: fn.EnvironmentVariables[probeApplication],
				}
				if fn.NamespaceID == n.ID && n.ProjectID == project && r.AccessKey+r.Checks != "" {
					out = append(out, r)
				}
			}
		}
	}
	return out, nil
}

// failed words an error of the SDK for who called: what happened, and what to do.
func failed(act, needs string, err error) error {
	var (
		denied    *scw.DeniedAuthenticationError
		forbidden *scw.PermissionsDeniedError
		missing   *scw.ResourceNotFoundError
		transport *url.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: interrupted; run the same again, and it goes on from here", act)
	case errors.As(err, &denied):
		return fmt.Errorf("%s: the API does not accept the key (%s): want another profile, or scw init", act, denied.Reason)
	case errors.As(err, &forbidden):
		return fmt.Errorf("%s: your key may not: it needs the permission set %s; then run the same again", act, needs)
	case errors.As(err, &missing):
		return fmt.Errorf("%s: %w", act, ErrNone)
	case errors.As(err, &transport):
		return fmt.Errorf("%s: the API gives no answer (%w); run the same again, and it goes on from here", act, transport.Err)
	}
	return fmt.Errorf("%s: %w; run the same again, and it goes on from here", act, err)
}

// asCaller words an error of internal/scaleway so: what that advises is for the
// function.
func asCaller(err error) error {
	if said, ok := errors.AsType[*scaleway.Error](err); ok {
		return failed(said.Act, said.Needs, said.Cause)
	}
	return err
}

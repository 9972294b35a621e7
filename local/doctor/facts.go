package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
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

	called *answers // what the function says; nil: it was not called

	secretsErr error
	secrets    []scaleway.Secret             // in the credentials' folder
	versions   map[string][]scaleway.Version // by secret
	trial      *trial                        // of the fence, with the function's key; nil: there is no such key here

	quotas      map[string]int // by name; 0: no limit; absent: not told
	lifetimeCap time.Duration  // 0: none
	capErr      error
}

// gather reads all of it. Nothing that it asks changes anything.
func gather(ctx context.Context, o Options) *facts {
	is := environment(o.Caller)
	f := &facts{
		now: o.Clock.Now().UTC(), manifest: o.Manifest, elsewhere: o.Elsewhere,
		caller: is["ACCESS_KEY"], organization: is["ORGANIZATION_ID"], project: is["PROJECT_ID"],
		namespace: map[string]string{}, rules: map[string][]scaleway.Grant{}, versions: map[string][]scaleway.Version{}, quotas: map[string]int{},
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
	sdk, err := newSDK(o.API, api, is["ACCESS_KEY"], is["SECRET_KEY"])
	if err != nil {
		f.functionErr, f.capErr = err, err
	} else {
		f.functionErr = f.deployed(ctx, functions.NewAPI(sdk))
		f.limits(ctx, sdk, client)
	}
	f.configure(o.Caller)
	f.reach(ctx, client)
	f.left(ctx, client)
	f.try(ctx, o, api, sdk)
	f.call(ctx, o)
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

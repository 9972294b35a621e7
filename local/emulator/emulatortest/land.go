package emulatortest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Where the serverless APIs are.
const (
	FunctionsBase    = "/functions/v1beta1/regions/fr-par"
	ContainersBase   = "/containers/v1/regions/fr-par"
	ContainersOldest = "/containers/v1beta1/regions/fr-par"
)

// Land is an emulator on a clock that stands still, with its owner's clients.
type Land struct {
	*emulator.Emulator
	T      *testing.T
	Client *scw.Client
	Secret string
}

// NewLand runs an emulator that holds places. Without a clock in o it gets one that
// stands still until it is advanced.
func NewLand(t *testing.T, o emulator.Options, places ...emulator.SeedPlace) *Land {
	t.Helper()
	if o.Clock == nil {
		o.Clock = emulator.NewManualClock(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))
	}
	e := emulator.New(o)
	if err := e.Load(emulator.Seed{Serverless: places}); err != nil {
		t.Fatal(err)
	}
	access, secret := e.Owner()
	client, err := scw.NewClient(
		scw.WithAuth(access, secret), scw.WithDefaultRegion(scw.RegionFrPar), scw.WithDefaultOrganizationID(e.Organization()), scw.WithDefaultProjectID(e.Project("default")),
		scw.WithHTTPClient(&http.Client{Transport: e.RoundTripper()}),
	)
	if err != nil {
		t.Fatal(err)
	}
	return &Land{Emulator: e, T: t, Client: client, Secret: secret}
}

// Raw sends a request as no SDK would, and returns status and body.
func (l *Land) Raw(method, path, body string) (int, map[string]any) {
	l.T.Helper()
	r, err := http.NewRequestWithContext(l.T.Context(), method, "https://api.scaleway.com"+path, strings.NewReader(body))
	if err != nil {
		l.T.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.Secret)
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.T.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		l.T.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		l.T.Fatalf("%s %s: %d %q: %v", method, path, answer.StatusCode, text, err)
	}
	return answer.StatusCode, fields
}

// Pass moves the clock.
func (l *Land) Pass(d time.Duration) { l.Clock().Advance(d) }

// Must is the value of a call that has to succeed: Must(call())(t).
func Must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// StatusOf is the status of the API's error; 0 if it is none.
func StatusOf(err error) int {
	if answer, ok := errors.AsType[*scw.ResponseError](err); ok {
		return answer.StatusCode
	}
	return 0
}

// Place is a project with one namespace of functions and one of containers.
func Place() emulator.SeedPlace {
	return emulator.SeedPlace{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{
			Name: "web-ns", Tokens: []emulator.SeedToken{{Description: "whole namespace"}},
			Functions: []emulator.SeedFunction{
				{Name: "api", Tokens: []emulator.SeedToken{{Description: "old", ExpiresIn: "-30d"}, {Description: "live", ExpiresIn: "90d"}}},
				{Name: "open", Privacy: "public", HTTPOption: "enabled"},
			},
		}},
		ContainerNamespaces: []emulator.SeedContainerNamespace{{
			Name: "box-ns", Tokens: []emulator.SeedToken{{Description: "whole namespace"}},
			Containers: []emulator.SeedContainer{{Name: "shop", HealthPath: "/health", Tokens: []emulator.SeedToken{{Description: "shop"}}}},
		}},
	}}
}

// MustEndpoint is a seeded function or container.
func (l *Land) MustEndpoint(name string) emulator.Endpoint {
	l.T.Helper()
	end, ok := l.Endpoint(name)
	if !ok {
		l.T.Fatalf("no endpoint %q", name)
	}
	return end
}

// Namespace is the id of the functions' namespace.
func (l *Land) Namespace() string {
	l.T.Helper()
	name := "web-ns"
	for _, n := range Must(function.NewAPI(l.Client).ListNamespaces(&function.ListNamespacesRequest{Name: &name}))(l.T).Namespaces {
		return n.ID
	}
	l.T.Fatalf("no namespace %q", name)
	return ""
}

// Status sends a request that may be answered without a body.
func (l *Land) Status(method, path string) int {
	l.T.Helper()
	r, err := http.NewRequestWithContext(l.T.Context(), method, "https://api.scaleway.com"+path, nil)
	if err != nil {
		l.T.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.Secret)
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.T.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// Visit asks an endpoint, without following redirects.
func (l *Land) Visit(url, token string) (int, string, http.Header) {
	l.T.Helper()
	r, err := http.NewRequestWithContext(l.T.Context(), http.MethodGet, url, nil)
	if err != nil {
		l.T.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.T.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		l.T.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

// JWT is the legacy token of that description: the first, if name is "".
func (l *Land) JWT(name, description string) string {
	l.T.Helper()
	for _, token := range l.Tokens() {
		if token.Description == description && (name == "" || token.Name == name) {
			return token.JWT
		}
	}
	l.T.Fatalf("no token %q of %q", description, name)
	return ""
}

// SecretOf is the secret of an application's oldest key.
func (l *Land) SecretOf(application string) string {
	l.T.Helper()
	for _, pair := range l.Keys(l.Application(application)) {
		return pair.SecretKey
	}
	l.T.Fatalf("application %s has no key", application)
	return ""
}

// MustRaw is Raw of what has to succeed.
func (l *Land) MustRaw(method, path, body string) map[string]any {
	l.T.Helper()
	status, got := l.Raw(method, path, body)
	if status != 200 {
		l.T.Fatalf("%s %s: %d %v", method, path, status, got)
	}
	return got
}

// NamespaceOf is the path of the namespace that holds the workload at path.
func (l *Land) NamespaceOf(path string) string {
	l.T.Helper()
	id := l.MustRaw("GET", path, "")["namespace_id"].(string)
	return path[:strings.LastIndex(path[:strings.LastIndex(path, "/")], "/")] + "/namespaces/" + id
}

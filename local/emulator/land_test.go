package emulator_test

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

// land is an emulator on a clock that stands still, with its owner's clients.
type land struct {
	*emulator.Emulator
	t      *testing.T
	client *scw.Client
	secret string
}

func newLand(t *testing.T, o emulator.Options, places ...emulator.SeedPlace) *land {
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
	return &land{Emulator: e, t: t, client: client, secret: secret}
}

// raw sends a request as no SDK would, and returns status and body.
func (l *land) raw(method, path, body string) (int, map[string]any) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, "https://api.scaleway.com"+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.secret)
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		l.t.Fatalf("%s %s: %d %q: %v", method, path, answer.StatusCode, text, err)
	}
	return answer.StatusCode, fields
}

func (l *land) pass(d time.Duration) { l.Clock().Advance(d) }

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func statusOf(err error) int {
	if answer, ok := errors.AsType[*scw.ResponseError](err); ok {
		return answer.StatusCode
	}
	return 0
}

// place is a project with one namespace of functions and one of containers.
func place() emulator.SeedPlace {
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

// endpoint is a seeded function or container.
func (l *land) endpoint(name string) emulator.Endpoint {
	l.t.Helper()
	end, ok := l.Endpoint(name)
	if !ok {
		l.t.Fatalf("no endpoint %q", name)
	}
	return end
}

// namespace is the id of the functions' namespace.
func (l *land) namespace() string {
	l.t.Helper()
	name := "web-ns"
	for _, n := range must(function.NewAPI(l.client).ListNamespaces(&function.ListNamespacesRequest{Name: &name}))(l.t).Namespaces {
		return n.ID
	}
	l.t.Fatalf("no namespace %q", name)
	return ""
}

// status sends a request that may be answered without a body.
func (l *land) status(method, path string) int {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, "https://api.scaleway.com"+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.secret)
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

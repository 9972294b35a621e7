package scaleway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const (
	organization = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101" // of the demo
	project      = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102" // demo, of the demo
	accessKey    = "SCWCANARYCANARYCANAR"
	canary       = "c0ffee00-5ec2-4e7a-8bad-cafe00000001" // the secret key of a client without an emulator
)

// transport is a far side in this process.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is one that a server could give.
type answer struct {
	status int
	body   string // JSON where it begins so
	header map[string]string
	half   bool  // the connection breaks in the middle of the body
	err    error // none comes
}

func (a answer) to(r *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{}
	if strings.HasPrefix(a.body, "{") {
		header.Set("Content-Type", "application/json")
	}
	for name, value := range a.header {
		header.Set(name, value)
	}
	var body io.Reader = strings.NewReader(a.body)
	if a.half {
		body = io.MultiReader(strings.NewReader(a.body[:len(a.body)/2]), broken{})
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Header: header, Request: r,
		Body: io.NopCloser(body), ContentLength: int64(len(a.body)),
	}, nil
}

// broken reads as a connection that broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// script answers in turn, the last answer for ever, and notes what it is asked.
type script struct {
	answers []answer

	mu   sync.Mutex
	seen []asked
}

type asked struct {
	at     time.Time
	method string
	path   string
	body   string
	length int64
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, asked{time.Now(), r.Method, r.URL.Path, body, r.ContentLength})
	return s.answers[min(len(s.seen), len(s.answers))-1].to(r)
}

// waits are the times between what was asked.
func (s *script) waits() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(s.seen); i++ {
		out = append(out, s.seen[i].at.Sub(s.seen[i-1].at))
	}
	return out
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// options are those of a client of the demo project.
func options(over http.RoundTripper, change ...func(*scaleway.Options)) scaleway.Options {
	o := scaleway.Options{
		APIURL: emulatortest.API, AccessKey: accessKey, SecretKey: redact.New(canary), OrganizationID: organization, ProjectID: project,
		Transport: over, Clock: clock.Real(), Concurrency: 16, RequestsPerSecond: 10000,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func newClient(t *testing.T, o scaleway.Options) *scaleway.Client {
	t.Helper()
	c, err := scaleway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rig is an emulator and a client of its project demo, by the owner's key.
type rig struct {
	*emulatortest.Env
	*scaleway.Client
}

// start loads a seed; wrap may come between client and emulator.
func start(t *testing.T, o emulator.Options, seed emulator.Seed, wrap ...func(http.RoundTripper) http.RoundTripper) rig {
	t.Helper()
	env := emulatortest.Start(t, o, seed)
	over := env.RoundTripper()
	for _, w := range wrap {
		over = w(over)
	}
	return rig{env, newClient(t, options(over, func(o *scaleway.Options) {
		o.AccessKey, o.SecretKey = env.AccessKey, redact.New(env.Secret)
		o.OrganizationID, o.ProjectID = env.Organization(), env.Project("demo")
		o.DeployBound = deployBound
		o.Clock = clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After}
	}))}
}

// rewrite changes the JSON object that a method and path's end are answered
// with.
func rewrite(method, path string, change func(map[string]any)) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err != nil || r.Method != method || !strings.HasSuffix(r.URL.Path, path) {
				return resp, err
			}
			fields := map[string]any{}
			if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			change(fields)
			text, err := json.Marshal(fields)
			if err != nil {
				return nil, err
			}
			return answer{status: resp.StatusCode, body: string(text)}.to(r)
		})
	}
}

// deployBound is how long the rigs' clients wait for an environment.
const deployBound = 6 * time.Minute

// clockThat is the real clock, but for its sleep.
func clockThat(sleeps func() error) clock.Clock {
	c := clock.Real()
	c.Sleep = func(context.Context, time.Duration) error { return sleeps() }
	return c
}

// names are one thing of each item.
func names[T any](items []T, name func(T) string) []string {
	out := []string{}
	for _, item := range items {
		out = append(out, name(item))
	}
	return out
}

package stories_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// tokened has tokens of all kinds, and orders with an old key.
func tokened() emulator.Seed {
	seed := world(20, 10)
	token := func() []emulator.SeedToken { return []emulator.SeedToken{{}} }
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Tokens = token()
	place.FunctionNamespaces[0].Functions[0].Tokens = token()
	place.ContainerNamespaces[0].Tokens = token()
	place.ContainerNamespaces[0].Containers[0].Tokens = token()
	return seed
}

func toldListed(l *tale) (n int) {
	for _, tok := range l.Tokens() {
		if tok.Project == runtest.DemoProject {
			n++
		}
	}
	return n
}

func TestStoryTokens(t *testing.T) {
	t.Parallel()
	tokenList := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/tokens")
	}
	failing := func(code int, body string, pick func(*http.Request) bool) func(*http.Request) *http.Response {
		return func(r *http.Request) *http.Response {
			if pick(r) {
				return runtest.Answered(r, code, body)
			}
			return nil
		}
	}
	const notFound = `{"message":"resource is not found","resource":"function","resource_id":"x","type":"not_found"}`
	playAll(t, []bstory{
		{"the list of functions fails, the namespace's tokens are listed", emulator.Options{}, tokened(), nil, func(l *tale) {
			n := toldListed(l)
			l.via(failing(500, `{"message":"x"}`, func(r *http.Request) bool {
				return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/functions")
			}))
			l.t.Log(n, toldListed(l))
			if toldListed(l) < 2 {
				l.t.Errorf("tokens of functions went without evidence")
			}
		}},
		{"a function's token list says 404, a private function of the namespace; keys are not let in there", emulator.Options{}, tokened(), nil, func(l *tale) {
			e, _ := l.Endpoint("checkout")
			o := l.with()
			o.API = runtest.Over(func(r *http.Request) (*http.Response, error) {
				if tokenList(r) && strings.Contains(r.URL.RawQuery, e.ID) {
					return runtest.Answered(r, 404, notFound), nil
				}
				return l.RoundTripper().RoundTrip(r)
			})
			o.Endpoints = runtest.Over(func(r *http.Request) (*http.Response, error) {
				if strings.Contains(r.URL.Host, "checkout") {
					return runtest.Answered(r, 503, "no healthy upstream"), nil
				}
				return l.RoundTripper().RoundTrip(r)
			})
			rep, err := run.Do(l.t.Context(), l.Cfg, run.Request{}, o)
			if err != nil {
				l.t.Fatal(err)
			}
			l.last = rep
			for _, line := range rep.LegacyTokens {
				l.t.Log(line.Of, line.Scope, line.Result, line.Why)
			}
			for _, tok := range rep.LegacyTokens {
				if tok.Result == "deleted" && strings.Contains(fmt.Sprint(tok), "shop") {
					l.t.Errorf("the token of the namespace of a function that nobody got into is deleted: %v\n%s", tok, runtest.Text(l.t, rep))
				}
			}
		}},
		{"token lists fail for functions only", emulator.Options{}, tokened(), nil, func(l *tale) {
			l.via(failing(500, `{"message":"x"}`, func(r *http.Request) bool { return tokenList(r) && strings.HasPrefix(r.URL.Path, "/functions/") }))
			if l.last.Outcome == report.Success {
				l.t.Error("success with lists unread")
			}
			l.days(2)
			l.green()
			if n := toldListed(l); n != 0 {
				l.t.Errorf("%d tokens are left", n)
			}
		}},
		{"token lists end with 410 and no such route", emulator.Options{}, tokened(), nil, func(l *tale) {
			l.via(failing(404, `404 page not found`, tokenList))
			l.t.Log(runtest.Text(l.t, l.last))
			if n := toldListed(l); n != 4 {
				l.t.Errorf("%d are left", n)
			}
		}},
		{"report, delete, report, delete-all", emulator.Options{}, tokened(), nil, func(l *tale) {
			for _, m := range []string{"report", "delete", "report", "delete-all"} {
				l.Cfg.LegacyTokens = m
				l.days(1)
			}
			l.green()
			if n := toldListed(l); n != 0 {
				l.t.Errorf("%d tokens are left", n)
			}
		}},
		{"a namespace is deleted after the lists were read", emulator.Options{}, tokened(), nil, func(l *tale) {
			id := l.namespaceID("shop")
			gone := false
			l.via(func(r *http.Request) *http.Response {
				if !gone && r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/tokens/") {
					gone = true
					for _, n := range []string{"checkout", "courier", "seller"} {
						e, _ := l.Endpoint(n)
						l.MustCall(http.MethodDelete, fnPath+e.ID, nil)
						clear(l.calls)
					}
					l.MustCall(http.MethodDelete, "/functions/v1beta1/regions/fr-par/namespaces/"+id, nil)
				}
				return nil
			})
			l.t.Log(runtest.Errors(l.last))
			l.ask(run.Request{})
			l.ask(run.Request{})
			l.t.Log(l.outcomes, runtest.Errors(l.last))
		}},
		{"a private function is made in a namespace with a token, after the discovery", emulator.Options{}, tokened(), nil, func(l *tale) {
			id := l.namespaceID("shop")
			made := false
			l.via(func(r *http.Request) *http.Response {
				if !made && tokenList(r) {
					made = true
					l.MustCall(http.MethodPost, "/functions/v1beta1/regions/fr-par/functions", map[string]any{"name": "fresh", "namespace_id": id, "runtime": "go126", "privacy": "private"})
				}
				return nil
			})
			l.t.Log(runtest.Errors(l.last), toldListed(l))
			l.days(2)
		}},
	})
}

// The lists are read in the background, in time that passes.
func TestStoryTokensInTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		lists, asks     time.Duration
		budget          time.Duration
		wantAll, region bool
	}{
		{"slow lists", 20 * time.Second, 0, 0, true, false},
		{"lists slower than the budget", 20 * time.Minute, 0, 0, false, false},
		{"slow endpoints", 0, 8 * time.Second, 0, true, false},
		{"slow both, short budget", 50 * time.Second, 8 * time.Second, 200 * time.Second, false, false},
		{"lists end with the budget", 175 * time.Second, 0, 200 * time.Second, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seed := tokened()
				r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
				if tt.budget > 0 {
					r.Cfg.Budget = tt.budget
				}
				wait := func(req *http.Request, d time.Duration) error {
					select {
					case <-time.After(d):
						return nil
					case <-req.Context().Done():
						return req.Context().Err()
					}
				}
				o := r.Surroundings()
				o.Clock = clock.Real()
				o.Tell = runtest.Over(func(req *http.Request) (*http.Response, error) { return runtest.Answered(req, 200, ""), nil })
				o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/tokens") {
						if err := wait(req, tt.lists); err != nil {
							return nil, err
						}
					}
					return r.RoundTripper().RoundTrip(req)
				})
				o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
					if err := wait(req, tt.asks); err != nil {
						return nil, err
					}
					return r.RoundTripper().RoundTrip(req)
				})
				got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, tok := range r.Tokens() {
					if tok.Project == runtest.DemoProject {
						n++
					}
				}
				t.Logf("%s, %d tokens are there, listed %d, left %v, %.0fs, errors %s", got.Outcome, n, len(got.LegacyTokens), got.Left, got.API.DurationSeconds, runtest.Errors(got))
				for _, l := range got.LegacyTokens {
					t.Log(l.Of, l.Scope, l.Result, l.Why)
				}
				if tt.wantAll != (n == 0) {
					t.Errorf("%d tokens are there", n)
				}
				if n > 0 && got.Outcome == report.Success {
					t.Errorf("success\n%s", runtest.Text(t, got))
				}
				again, err := run.Do(t.Context(), r.Cfg, run.Request{}, r.Surroundings())
				if err != nil {
					t.Fatal(err)
				}
				if again.Outcome != report.Success {
					t.Errorf("the next run: %s", runtest.Errors(again))
				}
			})
		})
	}
}

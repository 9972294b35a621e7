//nolint:bodyclose // of answers that are made up, and that the client closes
package run_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// via does one run through a transport.
func (l *tale) via(strike func(*http.Request) *http.Response) {
	l.t.Helper()
	if !l.start() {
		l.down++
		return
	}
	o := l.with()
	var mu sync.Mutex
	o.API = over(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		resp := strike(r)
		mu.Unlock()
		switch {
		case resp == toldDead:
			return nil, errDead
		case resp != nil:
			return resp, nil
		}
		return l.RoundTripper().RoundTrip(r)
	})
	rep, err := run.Do(l.t.Context(), l.cfg, run.Request{}, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.last = rep
	if rep.Outcome == report.Success {
		l.outcomes += "v"
	} else {
		l.outcomes += "x"
	}
}

// toldDead stands for a process that is killed before it sends a request.
var toldDead = &http.Response{}

func killAt(method, prefix string) func(*http.Request) *http.Response {
	dead := false
	return func(r *http.Request) *http.Response {
		dead = dead || r.Method == method && strings.Contains(r.URL.Path, prefix)
		if dead {
			return toldDead
		}
		return nil
	}
}

func TestStoryKilled(t *testing.T) {
	t.Parallel()
	kill := func(method, at string, from int) func(l *tale) {
		return func(l *tale) {
			l.days(from)
			old := l.pair("orders", keyA)
			l.via(killAt(method, at))
			l.pass(24)
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": keyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.excused["courier"] = true // should the key be dead
			l.days(1)
			delete(l.excused, "courier")
			delete(l.refused, "courier")
			l.days(12)
			l.green()
			l.converged("orders")
			l.toldTwice()
		}
	}
	playAll(t, []bstory{
		{"between the ledger and the deletion of a key", emulator.Options{}, world(31, 31), nil, kill(http.MethodDelete, "/api-keys/", 7)},
		{"before the ledger", emulator.Options{}, world(31, 31), nil, kill(http.MethodPost, "/versions", 7)},
		{"at the version's disabling", emulator.Options{}, world(31, 31), nil, kill(http.MethodPost, "/disable", 7)},
		{"at the version's deletion", emulator.Options{}, world(31, 31), nil, kill(http.MethodDelete, "/versions/", 7)},
		{"at the same, daily for a week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(7)
			for range 7 {
				l.via(killAt(http.MethodDelete, "/api-keys/"))
				l.pass(24)
			}
			l.days(5)
			l.green()
			l.converged("orders")
		}},
		{"killed at each own redeployment, for a week", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			e, _ := l.Endpoint("key-rotator")
			for range 7 {
				l.via(killAt(http.MethodPatch, e.ID))
				l.pass(24)
			}
			l.days(20)
			l.green()
			l.converged("rotator")
			l.toldUp()
		}},
		{"killed after each own redeployment's ledger write, and the ledger restored to before", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			e, _ := l.Endpoint("key-rotator")
			l.ask(run.Request{Steps: []string{run.StepDeliver}})
			text := l.toldRead()
			for range 4 {
				l.via(killAt(http.MethodPatch, e.ID))
				l.toldWrite(text)
				l.pass(24)
			}
			l.days(60)
			l.toldUp()
			l.green()
		}},
		{"killed while it delivers to a namespace, and rolled back", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.via(killAt(http.MethodPatch, "/namespaces/"))
			l.pass(12)
			l.ask(rollback("orders"))
			l.days(3)
			l.ask(run.Request{Force: true})
			l.days(20)
			l.green()
		}},
	})
}

// limited answers 429 to what it picks, until so much time has passed.
func (l *tale) limited(lasts time.Duration, after string, pick func(*http.Request) bool) func(*http.Request) *http.Response {
	until := l.Clock().Now().Add(lasts)
	n := 0
	return func(r *http.Request) *http.Response {
		if !pick(r) || !l.Clock().Now().Before(until) {
			return nil
		}
		n++
		resp := answered(r, http.StatusTooManyRequests, "")
		if after != "" {
			resp.Header.Set("Retry-After", after)
		}
		return resp
	}
}

func TestStoryRates(t *testing.T) {
	t.Parallel()
	all := func(*http.Request) bool { return true }
	writes := func(r *http.Request) bool { return r.Method != http.MethodGet }
	var rows []bstory
	for _, after := range []string{"", "7", "120", "nonsense"} {
		for what, pick := range map[string]func(*http.Request) bool{"all": all, "writes": writes, "deletes": func(r *http.Request) bool { return r.Method == http.MethodDelete }, "patches": func(r *http.Request) bool { return r.Method == http.MethodPatch }} {
			for _, lasts := range []time.Duration{2 * time.Minute, 8 * time.Minute} {
				rows = append(rows, bstory{fmt.Sprintf("%s for %s, Retry-After %q", what, lasts, after), emulator.Options{}, world(31, 31), nil, func(l *tale) {
					for range 3 {
						l.via(l.limited(lasts, after, pick))
						l.pass(24)
					}
					l.days(6)
					for range 2 {
						l.via(l.limited(lasts, after, pick))
						l.pass(24)
					}
					l.days(9)
					l.green()
					l.converged("orders")
					l.converged("rotator")
				}})
			}
		}
	}
	playAll(t, rows)
}

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
		if tok.Project == demoProject {
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
				return answered(r, code, body)
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
			o.API = over(func(r *http.Request) (*http.Response, error) {
				if tokenList(r) && strings.Contains(r.URL.RawQuery, e.ID) {
					return answered(r, 404, notFound), nil
				}
				return l.RoundTripper().RoundTrip(r)
			})
			o.Endpoints = over(func(r *http.Request) (*http.Response, error) {
				if strings.Contains(r.URL.Host, "checkout") {
					return answered(r, 503, "no healthy upstream"), nil
				}
				return l.RoundTripper().RoundTrip(r)
			})
			rep, err := run.Do(l.t.Context(), l.cfg, run.Request{}, o)
			if err != nil {
				l.t.Fatal(err)
			}
			l.last = rep
			for _, line := range rep.LegacyTokens {
				l.t.Log(line.Of, line.Scope, line.Result, line.Why)
			}
			for _, tok := range rep.LegacyTokens {
				if tok.Result == "deleted" && strings.Contains(fmt.Sprint(tok), "shop") {
					l.t.Errorf("the token of the namespace of a function that nobody got into is deleted: %v\n%s", tok, text(l.t, rep))
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
			l.t.Log(text(l.t, l.last))
			if n := toldListed(l); n != 4 {
				l.t.Errorf("%d are left", n)
			}
		}},
		{"report, delete, report, delete-all", emulator.Options{}, tokened(), nil, func(l *tale) {
			for _, m := range []string{"report", "delete", "report", "delete-all"} {
				l.cfg.LegacyTokens = m
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
			l.t.Log(errs(l.last))
			l.ask(run.Request{})
			l.ask(run.Request{})
			l.t.Log(l.outcomes, errs(l.last))
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
			l.t.Log(errs(l.last), toldListed(l))
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
				r := startSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
				if tt.budget > 0 {
					r.cfg.Budget = tt.budget
				}
				wait := func(req *http.Request, d time.Duration) error {
					select {
					case <-time.After(d):
						return nil
					case <-req.Context().Done():
						return req.Context().Err()
					}
				}
				o := r.surroundings()
				o.Clock = clock.Real()
				o.Tell = over(func(req *http.Request) (*http.Response, error) { return answered(req, 200, ""), nil })
				o.API = over(func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/tokens") {
						if err := wait(req, tt.lists); err != nil {
							return nil, err
						}
					}
					return r.RoundTripper().RoundTrip(req)
				})
				o.Endpoints = over(func(req *http.Request) (*http.Response, error) {
					if err := wait(req, tt.asks); err != nil {
						return nil, err
					}
					return r.RoundTripper().RoundTrip(req)
				})
				got, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, tok := range r.Tokens() {
					if tok.Project == demoProject {
						n++
					}
				}
				t.Logf("%s, %d tokens are there, listed %d, left %v, %.0fs, errors %s", got.Outcome, n, len(got.LegacyTokens), got.Left, got.API.DurationSeconds, errs(got))
				for _, l := range got.LegacyTokens {
					t.Log(l.Of, l.Scope, l.Result, l.Why)
				}
				if tt.wantAll != (n == 0) {
					t.Errorf("%d tokens are there", n)
				}
				if n > 0 && got.Outcome == report.Success {
					t.Errorf("success\n%s", text(t, got))
				}
				again, err := run.Do(t.Context(), r.cfg, run.Request{}, r.surroundings())
				if err != nil {
					t.Fatal(err)
				}
				if again.Outcome != report.Success {
					t.Errorf("the next run: %s", errs(again))
				}
			})
		})
	}
}

var _ = slices.Sorted[string]

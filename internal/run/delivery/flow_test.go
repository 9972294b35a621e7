package delivery_test

import (
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

// What may go on at the same time ends in any order, and what safety needs comes
// first all the same: no legacy token goes before all lists of them are read and
// each private endpoint was asked; no key dies before its consumers were given
// another. Slow lists and slow endpoints would show an order that is only usual.
func TestWhatSafetyNeedsComesFirstHoweverSlowItIs(t *testing.T) {
	t.Parallel()
	is := func(q emulator.Request, method, part string) bool {
		return q.Host == "api.scaleway.com" && q.Method == method && strings.Contains(q.Path, part)
	}
	for name, slow := range map[string]func(*http.Request) bool{
		"lists of tokens": func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/tokens") && r.Method == http.MethodGet
		},
		"endpoints":    func(r *http.Request) bool { return r.URL.Host != "api.scaleway.com" },
		"environments": func(r *http.Request) bool { return r.Method == http.MethodPatch },
		"nothing":      func(*http.Request) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seed := runtest.Carrying(31)
				for i := range seed.Serverless[0].FunctionNamespaces[0].Functions {
					seed.Serverless[0].FunctionNamespaces[0].Functions[i].Tokens = []emulator.SeedToken{{}}
				}
				r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_LEGACY_TOKENS=delete-all")
				o := r.Surroundings()
				o.Clock = clock.Real()
				o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
					if slow(req) {
						time.Sleep(7 * time.Second)
					}
					return r.RoundTripper().RoundTrip(req)
				})
				o.Endpoints = o.API
				given, gone := 0, 0
				for n, wait := range []time.Duration{0, 0, 8 * 24 * time.Hour} {
					time.Sleep(wait)
					req := run.Request{}
					if n == 0 { // which takes no longer than the lists
						req.Steps = []string{run.StepCheck, run.StepPurge}
					}
					r.ForgetHistory()
					endpoints := map[string]bool{}
					for _, e := range r.Endpoints() {
						endpoints[e.Host] = false
					}
					rep, err := run.Do(t.Context(), r.Cfg, req, o)
					if err != nil || rep.Outcome != report.Success {
						t.Fatalf("%v\n%s", err, runtest.Text(t, rep))
					}
					lists := rep.Found.FunctionNamespaces + rep.Found.ContainerNamespaces + rep.Found.Functions + rep.Found.Containers
					read := 0
					for _, q := range r.History() {
						switch {
						case q.Host != "api.scaleway.com":
							endpoints[q.Host] = true
						case is(q, http.MethodGet, "/tokens"):
							read++
						case is(q, http.MethodDelete, "/tokens/"):
							if gone++; read < lists {
								t.Errorf("a token goes when %d of %d lists are read", read, lists)
							}
							for _, e := range rep.Endpoints {
								host, _, _ := strings.Cut(strings.TrimPrefix(e.URL, "https://"), "/")
								if !endpoints[host] {
									t.Errorf("a token goes before %s is asked", host)
								}
							}
						case is(q, http.MethodPatch, "/functions/") || is(q, http.MethodPatch, "/containers/") || is(q, http.MethodPatch, "/namespaces/"):
							given++
						case is(q, http.MethodDelete, "/api-keys/"):
							if wait == 0 || given == 0 {
								t.Error("a key goes in a run that gives its consumers another, or before")
							}
						}
					}
					if gone == 0 || n > 0 && given == 0 {
						t.Errorf("run %d: %d tokens deleted, %d environments changed: something was not waited for", n, gone, given)
					}
				}
			})
		})
	}
}

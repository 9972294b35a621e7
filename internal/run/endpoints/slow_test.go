package endpoints_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// On the day on which all keys are due, and their containers take longer than the
// timeout: keys are verified by the API then, and nothing starves.
func TestLongSlowContainersKeepNoKeyFromBeingRotated(t *testing.T) {
	t.Parallel()
	const applications, containers = 30, 25
	for _, all := range []bool{false, true} {
		t.Run(map[bool]string{true: "slow to everybody", false: "slow to keys"}[all], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seed := populated(0, containers, applications)
				for i := range seed.Applications {
					if a := &seed.Applications[i]; a.Name == "orders" || strings.HasPrefix(a.Name, "caller-") {
						a.Policies[0].Rules[0].PermissionSets = []string{"ContainersPrivateAccess"}
					}
				}
				r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
				r.MustRun(t, run.Request{})
				time.Sleep(31 * 24 * time.Hour)
				o := r.Surroundings()
				o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
					token := req.Header.Get("X-Auth-Token")
					if all || slices.ContainsFunc(seed.Applications, func(a emulator.SeedApplication) bool {
						return slices.ContainsFunc(r.Keys(a.Name), func(k emulator.KeyPair) bool { return k.SecretKey == token })
					}) {
						select {
						case <-time.After(11 * time.Second):
						case <-req.Context().Done():
							return nil, req.Context().Err()
						}
					}
					return r.RoundTripper().RoundTrip(req)
				})
				got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
				if err != nil {
					t.Fatal(err)
				}
				did := map[string]int{}
				for _, c := range got.Changes {
					if c.Result == report.Done {
						did[c.Kind]++
					}
				}
				if did["publish"] != applications || did["delete_key"] != applications {
					t.Errorf("%v in %.0f s; left %v\n%s", did, got.API.DurationSeconds, got.Left, strings.Join(runtest.Step(t, got, run.StepRotate).Errors, "\n"))
				}
				if took := time.Duration(got.API.DurationSeconds * float64(time.Second)); took > r.Cfg.Budget*2/3 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// What the check has time for is checked to the end: some endpoints wholly, and
// not each of them a little.
func TestLongTheCheckGoesAsFarAsItsTimeGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const functions, second = 1000, time.Second
		seed := populated(functions, 0, 2)
		seed.Serverless[0].FunctionNamespaces[0].Functions[functions-1].Tokens = []emulator.SeedToken{{}}
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
		r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
		o := r.Surroundings()
		o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
			select {
			case <-time.After(second):
				return r.RoundTripper().RoundTrip(req)
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		ok := 0
		for _, e := range got.Endpoints {
			if e.Result == "ok" {
				ok++
			}
		}
		// Four requests each, so many at a time, for a third of the budget.
		if time := int(r.Cfg.Budget / 3 / second); ok < time*r.Cfg.Concurrency/4*9/10 {
			t.Errorf("%d of %d endpoints were checked in %d s", ok, functions, time)
		}
		// What tokens open comes first, or they would be held for ever.
		if gone := runtest.Tokens(got, "deleted"); len(gone) != 1 {
			t.Errorf("%v went:\n%v", gone, got.LegacyTokens)
		}
		if !slices.IsSortedFunc(got.Endpoints, func(a, b report.Endpoint) int { return strings.Compare(a.Resource, b.Resource) }) {
			t.Error("the report has the endpoints in another order")
		}
	})
}

// A delivery that took most of the budget leaves the check no more than half of
// the rest: purge and retirement come after it.
func TestTheCheckLeavesTimeForWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := populated(2, 200, 2)
		shop := &seed.Serverless[0].FunctionNamespaces[0]
		shop.Functions[0].Tokens = []emulator.SeedToken{{}}
		shop.Functions = append(shop.Functions, emulator.SeedFunction{
			Name: "web", Privacy: "public", Env: map[string]string{"ORDERS_ACCESS_KEY": runtest.KeyA}, SecretEnv: map[string]string{"ORDERS_SECRET_KEY": "${secret_key:orders}"},
		})
		seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyA, 31)}
		seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31))}
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock(), Delays: emulator.Delays{Deploy: time.Hour}}, seed,
			"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par", "ROTATOR_BUDGET=9m")
		o := r.Surroundings()
		o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
			wait := time.Duration(0)
			if strings.Contains(req.URL.Host, "box-") {
				wait = 9 * time.Second
			}
			select {
			case <-time.After(wait):
				return r.RoundTripper().RoundTrip(req)
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{run.StepPurge, run.StepRetire} {
			if s := runtest.Step(t, got, name); s.Outcome == report.Incomplete {
				t.Errorf("step %s is %s; left %v\n%s", name, s.Outcome, len(got.Left), got.Left[len(got.Left)-1])
			}
		}
		if got.API.DurationSeconds < 420 || len(runtest.Tokens(got, "deleted")) != 1 {
			t.Errorf("it took %.0f s, %v went", got.API.DurationSeconds, runtest.Tokens(got, "deleted"))
		}
	})
}

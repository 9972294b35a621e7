package faults_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// hostileScenarios are few and full: each has what some lie would have deleted.
func hostileScenarios() []scenario {
	token := []emulator.SeedToken{{Description: "old"}}
	tokens := func(seed emulator.Seed) emulator.Seed {
		place := &seed.Serverless[0]
		place.FunctionNamespaces[0].Tokens, place.FunctionNamespaces[0].Functions[0].Tokens = token, token
		place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
		place.FunctionNamespaces[0].Functions[0].Domains = []string{"shop.example.com"}
		place.ContainerNamespaces[0].Containers[0].Domains = []string{"stock.example.com"}
		return seed
	}
	orphan := runtest.Minted(runtest.KeyC, 0)
	orphan.Age, orphan.ExpiresIn = emulator.SeedAge(2*time.Hour), runtest.Age(90)
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	return []scenario{
		{name: "nothing is due", settled: true, seed: func() emulator.Seed {
			return runtest.Small(keys(runtest.Minted(runtest.KeyA, 20), runtest.Minted(runtest.KeyB, 2)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 20), runtest.Holds(runtest.KeyB, 2)))
		}},
		{name: "everything is due", settled: true, seed: func() emulator.Seed {
			return tokens(runtest.Small(keys(runtest.Minted(runtest.KeyA, 60), runtest.Minted(runtest.KeyB, 31), orphan), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 60), runtest.Holds(runtest.KeyB, 31))))
		}},
		{name: "tokens are held", seed: func() emulator.Seed {
			seed := tokens(runtest.Small(keys(runtest.Minted(runtest.KeyB, 8)), runtest.CredentialOf(runtest.Holds(runtest.KeyB, 8))))
			rules := seed.Applications[1].Policies[0].Rules
			seed.Applications[1].Policies[0].Rules = slices.DeleteFunc(slices.Clone(rules), func(r emulator.SeedRule) bool {
				return slices.Contains(r.PermissionSets, "ContainersPrivateAccess")
			})
			return seed
		}},
	}
}

// truth is what a run does where nobody lies.
type truth struct {
	changes map[string]bool
	calls   int
	seen    map[string]map[string]any
	wants   string // the report's findings and errors
}

func (sc scenario) truth(t *testing.T) truth {
	t.Helper()
	r, _ := sc.rehearse(t)
	l := &liar{next: r.RoundTripper()}
	rep := runLied(t, r, l)
	if rep.Outcome == report.Success != sc.settled {
		t.Fatalf("without any lie:\n%s", runtest.Text(t, rep))
	}
	out := truth{changes: map[string]bool{}, calls: l.calls, seen: l.seen, wants: runtest.Complaints(rep)}
	for _, c := range rep.Changes {
		out.changes[c.Kind+" "+c.Object] = true
	}
	return out
}

func runLied(t *testing.T, r *runtest.Rig, l *liar) *report.Report {
	t.Helper()
	o := r.Surroundings()
	o.API, o.Endpoints, o.Clock = l, l, clock.Real()
	got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// endure plays one lie: the run that is lied to, then two that are not.
func (sc scenario) endure(t *testing.T, l lie, want truth) (requests int) {
	t.Helper()
	r, auditor := sc.rehearse(t)
	there := map[string]bool{}
	for _, k := range r.Keys("orders") {
		there[k.AccessKey] = true
	}
	start := time.Now()
	s := &liar{next: r.RoundTripper(), lie: l}
	listen := r.Listen()
	rep := runLied(t, r, s)
	listen.Report(t, rep)
	listen.Check(t)
	if took := time.Since(start); took > r.Cfg.Budget {
		t.Errorf("the run took %s of a budget of %s", took, r.Cfg.Budget)
	}
	if s.calls > 3*want.calls+150 {
		t.Errorf("%d requests, where the truth takes %d", s.calls, want.calls)
	}
	done := map[string]bool{}
	for _, c := range rep.Changes {
		change := c.Kind + " " + c.Object
		if c.Result == report.Refused {
			continue
		}
		done[change] = true
		undone := c.Kind == "delete_key" && !there[c.Object] // a creation that came to nothing
		unseen := c.Kind == "delete_token" && l.world
		if !want.changes[change] && !undone && !unseen {
			t.Errorf("changed what the truth would not have changed: %s (%s)", change, c.Reason)
		}
	}
	if !maps.Equal(done, want.changes) && !l.world && rep.Outcome == report.Success && runtest.Complaints(rep) == want.wants {
		t.Errorf("it left things undone, and says nothing about it")
	}
	for range 2 {
		time.Sleep(70 * time.Minute)
		last := runLied(t, r, &liar{next: r.RoundTripper()})
		if last.Outcome == report.Success != sc.settled && !l.world { // a token that went is held no more
			t.Errorf("afterwards, without the lie:\n%s", runtest.Text(t, last))
		}
	}
	audited, violations := auditor.Result()
	if len(violations) > 0 {
		t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
	}
	if t.Failed() {
		t.Logf("the run that was lied to:\n%s", runtest.Text(t, rep))
	}
	return audited
}

// TestAnAPIThatLies answers with absurd content, one lie a case, and lets the
// auditor of the emulator, which knows the truth, watch what a run makes of it.
func TestAnAPIThatLies(t *testing.T) {
	t.Parallel()
	var cases, requests atomic.Int64
	t.Cleanup(func() {
		t.Logf("lies: %d cases in %d scenarios, %d requests audited", cases.Load(), len(hostileScenarios()), requests.Load())
	})
	for _, sc := range hostileScenarios() {
		sc.options.Seed = 11 // the same identifiers in every case
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			var want truth
			synctest.Test(t, func(t *testing.T) { want = sc.truth(t) })
			chance := rand.New(rand.NewPCG(5, 5))
			lies := append(listLies(), fieldLies(want.seen)...)
			for i := chance.IntN(*runtest.OneIn); i < len(lies); i += *runtest.OneIn {
				l := lies[i]
				cases.Add(1)
				t.Run(l.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { requests.Add(int64(sc.endure(t, l, want))) })
				})
			}
		})
	}
}

// TestAClockThatIsWrong has our clock a day off, and one answer of the API with
// a date that is: ages are told by the API's clock, and not by one answer.
func TestAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for _, sc := range hostileScenarios() {
		sc.options.Seed = 11
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			var want truth
			synctest.Test(t, func(t *testing.T) { want = sc.truth(t) })
			for _, off := range []time.Duration{day, -day, 3 * time.Minute, -3 * time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					r, auditor := sc.rehearse(t)
					o := r.Surroundings()
					real := clock.Real()
					o.Clock = clock.Clock{Now: func() time.Time { return real.Now().Add(off) }, Sleep: real.Sleep, After: real.After}
					rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
					if err != nil {
						t.Fatal(err)
					}
					done := map[string]bool{}
					for _, c := range rep.Changes {
						done[c.Kind+" "+c.Object] = true
					}
					if !maps.Equal(done, want.changes) {
						t.Errorf("with our clock %s off it did %v, want %v", off, done, want.changes)
					}
					if !strings.Contains(runtest.Complaints(rep), "the function's clock is "+(-off).String()+" off the API's") {
						t.Errorf("with our clock %s off there is no finding:\n%s", off, runtest.Complaints(rep))
					}
					if _, violations := auditor.Result(); len(violations) > 0 {
						t.Errorf("with our clock %s off:\n%s", off, strings.Join(violations, "\n"))
					}
				})
			}
			for at := 0; at <= want.calls; at += max(*runtest.OneIn/6, 1) {
				for _, off := range []time.Duration{year, -year} {
					l := lie{name: fmt.Sprintf("the date of answer %d is %s off", at, off), date: func(call int, truth time.Time) time.Time {
						if call == at {
							return truth.Add(off)
						}
						return truth
					}}
					synctest.Test(t, func(t *testing.T) { sc.endure(t, l, want) })
					if t.Failed() {
						t.Fatal(l.name)
					}
				}
			}
		})
	}
}

// TestNoKeyGoesWhereTheAPIPoints has the API name absurd addresses: nothing at
// all is sent there, a finding says so, and the tokens that may be the only way
// in are held.
func TestNoKeyGoesWhereTheAPIPoints(t *testing.T) {
	t.Parallel()
	sc := hostileScenarios()[1]
	for _, host := range []string{"169.254.169.254", "127.0.0.1:8080", "api.scaleway.com", "evil.example", "", "a b.example", "x_y.functions.fnc.fr-par.scw.cloud", "x@evil.example/y"} {
		for kind, field := range map[string]string{"functions": "domain_name", "containers": "public_endpoint", "domains": "hostname"} {
			if kind == "domains" && host == "evil.example" || kind == "containers" && host == "" {
				continue // a custom domain may be any; a container may have its own address switched off
			}
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				l := &liar{next: r.RoundTripper(), lie: lie{kind: kind, item: func(thing map[string]any) { thing[field] = host }}}
				rep := runLied(t, r, l)
				for _, q := range r.History() {
					if q.Host != "api.scaleway.com" && !strings.HasSuffix(q.Host, ".functions.fnc.fr-par.scw.cloud") && !strings.HasSuffix(q.Host, ".example.com") {
						t.Errorf("%s %s=%q: sent %s %s%s", kind, field, host, q.Method, q.Host, q.Path)
					}
				}
				if rep.Outcome != report.Failure || !strings.Contains(runtest.Complaints(rep), "no request was sent there") || len(runtest.Tokens(rep, "held")) == 0 {
					t.Errorf("%s %s=%q: no finding, or no token held:\n%s", kind, field, host, runtest.Text(t, rep))
				}
				if _, violations := auditor.Result(); len(violations) > 0 {
					t.Errorf("%s %s=%q: %v", kind, field, host, violations)
				}
			})
		}
	}
}

package run_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

var everything = flag.Bool("everything", false, "try every fault at every request, not a tenth of them")

// scenario is a state of the world in which a run is tried with every fault.
type scenario struct {
	name    string
	seed    func() emulator.Seed
	options emulator.Options
	broken  []string // applications whose credential somebody else has spoilt
	// settled is whether a run in the end has nothing to complain about.
	settled bool
	// rotated is how many keys the run publishes if nothing goes wrong.
	rotated int
	// settings of the function, where they are not the defaults. Unless they say
	// otherwise, its own key is kept.
	settings []string
	request  run.Request // of the run that a fault strikes
	revoked  string      // access key that request wants dead
	own      bool        // the function rotates its own key, too, and each run has the environment that the platform gives it
}

const (
	demoProject = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102"
	ordersID    = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201"
)

// small is a project with one application, one private function, one private
// container, and a second project beside it.
func small(orders emulator.SeedApplication, secrets ...emulator.SeedSecret) emulator.Seed {
	orders.Name, orders.ID = "orders", ordersID
	orders.Policies = []emulator.SeedPolicy{{Name: "orders", Rules: emulator.CallerRules("demo")}}
	other := emulator.SeedServerless{FunctionNamespaces: []emulator.SeedFunctionNamespace{{
		Name: "billing", Functions: []emulator.SeedFunction{{Name: "invoices", Tokens: []emulator.SeedToken{{}}}},
	}}}
	return emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "default"}, {Name: "demo", ID: demoProject}, {Name: "other"}},
		Applications: []emulator.SeedApplication{
			{
				Name: "rotator", Keys: []emulator.SeedKey{{Age: age(20), Project: "demo"}},
				Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("demo")}},
			},
			orders,
			{
				Name: "invoicing", Keys: []emulator.SeedKey{{Age: age(250), Project: "other"}},
				Policies: []emulator.SeedPolicy{{Name: "invoicing", Rules: emulator.CallerRules("other")}},
			},
		},
		Secrets: secrets,
		Serverless: []emulator.SeedPlace{
			{Project: "demo", Region: "fr-par", SeedServerless: emulator.SeedServerless{
				FunctionNamespaces:  []emulator.SeedFunctionNamespace{{Name: "shop", Functions: []emulator.SeedFunction{{Name: "checkout"}}}},
				ContainerNamespaces: []emulator.SeedContainerNamespace{{Name: "backend", Containers: []emulator.SeedContainer{{Name: "stock", HealthPath: "/healthz"}}}},
			}},
			{Project: "other", Region: "fr-par", SeedServerless: other},
		},
	}
}

func age(days int) emulator.SeedAge { return emulator.SeedAge(days) * emulator.SeedAge(24*time.Hour) }

const (
	keyA = "SCWAAAAAAAAAAAAAAAAA"
	keyB = "SCWBBBBBBBBBBBBBBBBB"
	keyC = "SCWCCCCCCCCCCCCCCCCC"
)

// minted is a key that the rotator made so many days ago.
func minted(access string, days int) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: access, Age: age(days), ExpiresIn: age(90 - days), Project: "demo", Description: "[rotator " + demoProject + "]"}
}

// credentialOf is the secret of orders, with versions oldest first.
func credentialOf(versions ...emulator.SeedVersion) emulator.SeedSecret {
	return emulator.SeedSecret{
		Name: ordersID, Project: "demo", Path: "/rotator", Type: "key_value", Age: versions[0].Age,
		Tags: []string{"rotator", "application=" + ordersID}, Versions: versions,
	}
}

func holds(access string, days int) emulator.SeedVersion {
	return emulator.SeedVersion{
		Data:        fmt.Sprintf(`{"access_key":%q,"secret_key":"${secret_key:%s}"}`, access, access),
		Description: "rotator: key " + access, Age: age(days),
	}
}

func scenarios() []scenario {
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	person := emulator.SeedKey{AccessKey: keyA, Age: age(200), Project: "demo"}
	return []scenario{
		{name: "first run on the demo project", seed: emulator.Demo, settled: true, rotated: 3},
		{
			name: "a rotation that is due", settled: true, rotated: 1,
			seed: func() emulator.Seed { return small(keys(minted(keyA, 31)), credentialOf(holds(keyA, 31))) },
		},
		{
			name: "a grace period ends", settled: true,
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 40), minted(keyB, 8)), credentialOf(holds(keyA, 40), holds(keyB, 8)))
			},
		},
		{
			name: "a rotation is due as a grace period ends", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 60), minted(keyB, 31)), credentialOf(holds(keyA, 60), holds(keyB, 31)))
			},
		},
		{
			name: "legacy tokens in all scopes", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := small(keys(person))
				place := &seed.Serverless[0]
				token := []emulator.SeedToken{{Description: "old"}}
				place.FunctionNamespaces[0].Tokens, place.FunctionNamespaces[0].Functions[0].Tokens = token, token
				place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
				return seed
			},
		},
		{
			name: "an orphan was left", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				orphan := minted(keyB, 0)
				orphan.Age, orphan.ExpiresIn = emulator.SeedAge(2*time.Hour), age(90)
				return small(keys(minted(keyA, 31), orphan), credentialOf(holds(keyA, 31)))
			},
		},
		{
			name: "an application was removed", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := small(keys(person))
				gone := credentialOf(holds(keyA, 31))
				gone.Name = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f2ff"
				gone.Versions[0].Data = `{"access_key":"` + keyC + `","secret_key":"gone"}`
				seed.Secrets = append(seed.Secrets, gone)
				return seed
			},
		},
		{
			name: "someone else's version in the secret", settled: true, broken: []string{"orders"},
			seed: func() emulator.Seed {
				theirs := holds(keyA, 2)
				theirs.Description = "by hand"
				return small(keys(minted(keyA, 31)), credentialOf(holds(keyA, 31), theirs))
			},
		},
		{
			name: "the quota of keys is reached", options: emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}},
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 35), minted(keyB, 32)), credentialOf(holds(keyA, 35), holds(keyB, 2)))
			},
		},
		{
			name: "20 versions are reached", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				var versions []emulator.SeedVersion
				for i := range 19 {
					stale := holds(keyA, 80-i)
					stale.Data, stale.Description = `{"access_key":"`+keyC+`","secret_key":"gone"}`, "rotator: key "+keyC
					versions = append(versions, stale)
				}
				return small(keys(minted(keyA, 31)), credentialOf(append(versions, holds(keyA, 31))...))
			},
		},
		{
			name: "the organization caps key lifetimes at 30 d", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				capped := minted(keyA, 21)
				capped.ExpiresIn = age(9)
				seed := small(keys(capped), credentialOf(holds(keyA, 21)))
				seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: age(30)}
				return seed
			},
		},
	}
}

// rehearse starts a scenario in a bubble of fake time, under an auditor.
func (sc scenario) rehearse(t *testing.T) (*rig, *emulator.Auditor) {
	t.Helper()
	o := sc.options
	o.Clock = emulator.NewClock()
	settings := sc.settings
	if !sc.own {
		settings = append([]string{"ROTATOR_OWN_KEY=keep"}, settings...)
	}
	r := startSeed(t, o, sc.seed(), settings...)
	scope := []string{"orders"}
	if r.Application("orders") == "" {
		scope = []string{"checkout", "storefront", "nightly-batch"}
	}
	rules := emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: scope,
		OwnKey: r.cfg.AccessKey, Grace: r.cfg.Grace, Broken: sc.broken,
	}
	if sc.own {
		rules.OwnApplication = "rotator"
	}
	auditor := r.Audit(rules)
	if sc.revoked != "" {
		auditor.Revoked(sc.revoked)
	}
	return r, auditor
}

// next waits, and gives the function the environment with which the platform
// would start it then.
func (sc scenario) next(t *testing.T, r *rig, auditor *emulator.Auditor) {
	t.Helper()
	time.Sleep(70 * time.Minute) // older than any run can last
	if sc.own {
		r.restart(t)
		auditor.RunsOn(r.cfg.AccessKey)
	}
}

// runThrough does one run with its requests going through s.
func (r *rig) runThrough(t *testing.T, s *saboteur) *report.Report {
	t.Helper()
	got, err := r.ask(t, s, run.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// ask is runThrough for any request; the error is that of one that cannot be.
func (r *rig) ask(t *testing.T, s *saboteur, req run.Request) (*report.Report, error) {
	t.Helper()
	o := r.surroundings()
	o.API, o.Endpoints, o.Clock = s, s, clock.Real()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return run.Do(ctx, r.cfg, req, o)
}

// outcome is what a world has come to, without identifiers that differ from
// case to case.
func (r *rig) outcome(rep *report.Report) string {
	var out []string
	for _, a := range rep.Applications {
		if !a.InScope {
			continue
		}
		states := map[string]int{}
		for _, k := range r.Keys(a.Name) {
			for _, line := range a.Keys {
				if line.AccessKey == k.AccessKey {
					states[line.State]++
				}
			}
		}
		out = append(out, fmt.Sprint(a.Name, " keys ", len(r.Keys(a.Name)), " ", states))
	}
	left := 0
	for _, token := range r.Tokens() {
		if token.Project == r.Project("demo") {
			left++
		}
	}
	return strings.Join(append(out, fmt.Sprint("tokens ", left)), "; ")
}

// TestFaultMatrix tries every fault at every request of every scenario: the
// run with the fault, then up to three runs without, the invariants audited
// after every request.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	var cases, requests atomic.Int64
	t.Cleanup(func() {
		t.Logf("fault matrix: %d cases in %d scenarios with %d faults, %d requests audited", cases.Load(), len(scenarios())+len(carrierScenarios()), len(faults()), requests.Load())
	})
	for _, sc := range append(scenarios(), carrierScenarios()...) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			n, want := 0, ""
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				s := &saboteur{next: r.RoundTripper()}
				rep, err := r.ask(t, s, sc.request)
				if err != nil {
					t.Fatal(err)
				}
				n, want = s.seen, r.outcome(rep)
				if _, violations := auditor.Result(); len(violations) > 0 {
					t.Fatalf("without any fault:\n%s", strings.Join(violations, "\n"))
				}
				if rep.Outcome == report.Success != sc.settled {
					t.Fatalf("without any fault:\n%s", text(t, rep))
				}
				published := 0
				for _, c := range rep.Changes {
					if c.Kind == "publish" {
						published++
					}
				}
				if published != sc.rotated {
					t.Fatalf("without any fault, %d keys were published, want %d:\n%s", published, sc.rotated, text(t, rep))
				}
			})
			chance := rand.New(rand.NewPCG(4, uint64(n)))
			for _, f := range faults() {
				for k := 1; k <= n; k++ {
					if !*everything && chance.IntN(10) > 0 {
						continue
					}
					cases.Add(1)
					synctest.Test(t, func(t *testing.T) { requests.Add(sc.try(t, f, k, want)) })
					if t.Failed() {
						t.Fatalf("fault %q at request %d of %d", f.name, k, n)
					}
				}
			}
		})
	}
}

// try plays one case and returns how many requests were audited.
func (sc scenario) try(t *testing.T, f fault, k int, want string) int64 {
	t.Helper()
	r, auditor := sc.rehearse(t)
	listen := r.listen()
	s := &saboteur{next: r.RoundTripper(), fault: f, k: k}
	rep, err := r.ask(t, s, sc.request)
	if err != nil {
		t.Fatal(err)
	}
	listen.report(t, rep)
	if !f.dies && sc.settled && rep.Outcome == report.Success && r.outcome(rep) != want {
		t.Errorf("the run with the fault was a success, and left\n  %s\nwhere all is done with\n  %s", r.outcome(rep), want)
	}
	faulty := rep
	if len(sc.request.Revoke)+len(sc.request.Rollback) > 0 { // who got a failure asks again; who need not, is told
		sc.next(t, r, auditor)
		if again, err := r.ask(t, &saboteur{next: r.RoundTripper()}, sc.request); err == nil {
			listen.report(t, again)
			if again.Outcome == report.Success != sc.settled {
				t.Errorf("asked again, it ended in %s:\n%s", again.Outcome, text(t, again))
			}
		}
		if r.lives(sc.revoked) {
			t.Errorf("the key that was to be revoked lives on")
		}
	}
	for range 3 {
		sc.next(t, r, auditor)
		rep = r.runThrough(t, &saboteur{next: r.RoundTripper()})
		listen.report(t, rep)
		if rep.Outcome == report.Success && len(rep.Changes) == 0 {
			break
		}
	}
	if rep.Outcome == report.Success != sc.settled {
		t.Errorf("three runs later the outcome is %s", rep.Outcome)
	}
	for _, p := range r.unconverged(rep) {
		t.Error(p)
	}
	listen.check(t)
	audited, violations := auditor.Result()
	if len(violations) > 0 {
		t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
	}
	if t.Failed() {
		t.Logf("the run with the fault:\n%s\nthe last run:\n%s", text(t, faulty), text(t, rep))
	}
	return int64(audited)
}

// unconverged tells what is not as it must be once runs went through without a
// fault.
func (r *rig) unconverged(rep *report.Report) []string {
	var wrong []string
	for _, a := range rep.Applications {
		young := 0
		for _, k := range a.Keys {
			switch k.State {
			case "orphan", "in progress":
				wrong = append(wrong, fmt.Sprintf("%s: key %s is left as %s", a.Name, k.AccessKey, k.State))
			case "superseded":
				if k.Revision > 0 && !strings.HasPrefix(k.Note, "kept: ") { // else it is said who carries it
					young++
				}
			}
		}
		if young > 1 {
			wrong = append(wrong, fmt.Sprintf("%s has %d superseded keys within their grace", a.Name, young))
		}
	}
	for _, token := range rep.LegacyTokens {
		if !slices.Contains([]string{"deleted", "held"}, token.Result) {
			wrong = append(wrong, fmt.Sprintf("legacy token %s is %s", token.ID, token.Result))
		}
	}
	for _, token := range r.Tokens() {
		if token.Project == r.Project("demo") && !slices.ContainsFunc(rep.LegacyTokens, func(l report.LegacyToken) bool { return l.ID == token.ID && l.Result == "held" }) {
			wrong = append(wrong, fmt.Sprintf("legacy token %s lives and is not held", token.ID))
		}
	}
	return wrong
}

var _ http.RoundTripper = (*saboteur)(nil)

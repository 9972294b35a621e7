// Package faults_test has every request fail, the API lie, runs meet, and histories
// come by chance.
package faults_test

import (
	"context"
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
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// rehearse starts a scenario in a bubble of fake time, under an auditor.
func (sc scenario) rehearse(t *testing.T) (*runtest.Rig, *emulator.Auditor) {
	t.Helper()
	o := sc.options
	o.Clock = emulator.NewClock()
	settings := sc.settings
	if !sc.own {
		settings = append([]string{"ROTATOR_OWN_KEY=keep"}, settings...)
	}
	r := runtest.StartSeed(t, o, sc.seed(), settings...)
	scope := []string{"orders"}
	if r.Application("orders") == "" {
		scope = []string{"checkout", "storefront", "nightly-batch"}
	}
	rules := emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: scope,
		OwnKey: r.Cfg.AccessKey, Grace: r.Cfg.Grace, Broken: sc.broken,
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
func (sc scenario) next(t *testing.T, r *runtest.Rig, auditor *emulator.Auditor) {
	t.Helper()
	time.Sleep(70 * time.Minute) // older than any run can last
	if sc.own {
		r.Restart(t)
		auditor.RunsOn(r.Cfg.AccessKey)
	}
}

// runThrough does one run with its requests going through s.
func runThrough(t *testing.T, r *runtest.Rig, s *saboteur) *report.Report {
	t.Helper()
	got, err := runAny(t, r, s, run.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// runAny is runThrough for any request; the error is that of one that cannot be.
func runAny(t *testing.T, r *runtest.Rig, s *saboteur, req run.Request) (*report.Report, error) {
	t.Helper()
	o := r.Surroundings()
	o.API, o.Endpoints, o.Clock = s, s, clock.Real()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return run.Do(ctx, r.Cfg, req, o)
}

// outcome is what a world has come to, without identifiers that differ from
// case to case.
func outcome(r *runtest.Rig, rep *report.Report) string {
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
	for j, sc := range append(scenarios(), carrierScenarios()...) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			n, want := 0, ""
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				s := &saboteur{next: r.RoundTripper()}
				rep, err := runAny(t, r, s, sc.request)
				if err != nil {
					t.Fatal(err)
				}
				n, want = s.seen, outcome(r, rep)
				if _, violations := auditor.Result(); len(violations) > 0 {
					t.Fatalf("without any fault:\n%s", strings.Join(violations, "\n"))
				}
				if rep.Outcome == report.Success != sc.settled {
					t.Fatalf("without any fault:\n%s", runtest.Text(t, rep))
				}
				published := 0
				for _, c := range rep.Changes {
					if c.Kind == "publish" || c.Object == "function key-rotator" && c.Kind == "update_environment" {
						published++
					}
				}
				if published != sc.rotated {
					t.Fatalf("without any fault, %d keys were published, want %d:\n%s", published, sc.rotated, runtest.Text(t, rep))
				}
			})
			chance := rand.New(rand.NewPCG(4, uint64(n)))
			for i, f := range faults() {
				if *runtest.OneIn > n && (i+j)%len(faults()) > 0 { // each scenario with one of the faults, each fault in one scenario or two
					continue
				}
				for k := 1 + chance.IntN(min(*runtest.OneIn, n)); k <= n; k += *runtest.OneIn { // each fault once at the least
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
	listen := r.Listen()
	s := &saboteur{next: r.RoundTripper(), fault: f, k: k}
	rep, err := runAny(t, r, s, sc.request)
	if err != nil {
		t.Fatal(err)
	}
	listen.Report(t, rep)
	if !f.dies && sc.settled && rep.Outcome == report.Success && outcome(r, rep) != want {
		t.Errorf("the run with the fault was a success, and left\n  %s\nwhere all is done with\n  %s", outcome(r, rep), want)
	}
	faulty := rep
	if len(sc.request.Revoke)+len(sc.request.Rollback) > 0 { // who got a failure asks again; who need not, is told
		sc.next(t, r, auditor)
		if again, err := runAny(t, r, &saboteur{next: r.RoundTripper()}, sc.request); err == nil {
			listen.Report(t, again)
			if again.Outcome == report.Success != sc.settled {
				t.Errorf("asked again, it ended in %s:\n%s", again.Outcome, runtest.Text(t, again))
			}
		}
		if r.Lives(sc.revoked) {
			t.Errorf("the key that was to be revoked lives on")
		}
	}
	for range 3 {
		sc.next(t, r, auditor)
		rep = runThrough(t, r, &saboteur{next: r.RoundTripper()})
		listen.Report(t, rep)
		if rep.Outcome == report.Success && len(rep.Changes) == 0 {
			break
		}
	}
	if rep.Outcome == report.Success != sc.settled {
		t.Errorf("three runs later the outcome is %s", rep.Outcome)
	}
	for _, p := range unconverged(r, rep, nobody) {
		t.Error(p)
	}
	listen.Check(t)
	audited, violations := auditor.Result()
	if len(violations) > 0 {
		t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
	}
	if t.Failed() {
		t.Logf("the run with the fault:\n%s\nthe last run:\n%s", runtest.Text(t, faulty), runtest.Text(t, rep))
	}
	return int64(audited)
}

func nobody(string, string) bool { return false }

// unconverged tells what is not as it must be once runs went through without a
// fault. The grace of a key that was carried counts from when it was not any more:
// more than one may be within it.
func unconverged(r *runtest.Rig, rep *report.Report, carried func(application, accessKey string) bool) []string {
	var wrong []string
	for _, a := range rep.Applications {
		young := 0
		for _, k := range a.Keys {
			switch k.State {
			case "orphan", "in progress":
				wrong = append(wrong, fmt.Sprintf("%s: key %s is left as %s", a.Name, k.AccessKey, k.State))
			case "superseded":
				if k.Revision > 0 && !strings.HasPrefix(k.Note, "kept: ") && !carried(a.Name, k.AccessKey) { // else it is said who carries it
					young++
				}
			}
		}
		if young > 1 && a.Action != "failed" { // else its current key does not work, as the report says, and nothing is retired
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

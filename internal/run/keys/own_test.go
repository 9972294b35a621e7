package keys_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// ownPatch is the request that gives the function its new key.
func ownPatch(t *testing.T, r *runtest.Rig) string {
	t.Helper()
	own, known := r.Endpoint("key-rotator")
	if !known {
		t.Fatal("there is no function key-rotator")
	}
	return "PATCH /functions/v1beta1/regions/fr-par/functions/" + own.ID
}

// next waits, and starts the function anew with what the platform then gives it.
func next(t *testing.T, r *runtest.Rig, auditor *emulator.Auditor, wait time.Duration) {
	t.Helper()
	r.Clock().Advance(wait)
	r.Restart(t)
	auditor.RunsOn(r.Cfg.AccessKey)
}

// eavesdropper hears the tokens that go to endpoints.
type eavesdropper struct {
	next  http.RoundTripper
	heard map[string]bool
	mu    chan struct{} // holds one while nobody is at heard
}

func (e *eavesdropper) RoundTrip(r *http.Request) (*http.Response, error) {
	<-e.mu
	e.heard[r.Header.Get("X-Auth-Token")] = true
	e.mu <- struct{}{}
	return e.next.RoundTrip(r)
}

// From a key that somebody deployed to its retirement, and to that of the one
// after it: none of them is seen by an endpoint.
func TestLongTheOwnKeyIsRotatedLastAndRetired(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(10), runtest.Only()...)
	auditor := r.Watch(t)
	spy := &eavesdropper{next: r.RoundTripper(), heard: map[string]bool{}, mu: make(chan struct{}, 1)}
	spy.mu <- struct{}{}
	first, patch := r.Cfg.AccessKey, ownPatch(t, r)
	own := map[string]bool{}
	var story []string
	for day := range 55 {
		if day > 0 {
			next(t, r, auditor, 24*time.Hour)
		}
		before := r.Keys("rotator")
		r.ForgetHistory()
		o := r.Surroundings()
		o.Endpoints = spy
		rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil || rep.Outcome != report.Success {
			t.Fatalf("day %d: %v\n%s", day, err, runtest.Text(t, rep))
		}
		for _, k := range append(before, r.Keys("rotator")...) {
			own[k.SecretKey] = true
		}
		a := runtest.Application(t, rep, "rotator")
		if a.Action != "kept" {
			story = append(story, fmt.Sprint(day, " ", a.Action))
		}
		history := r.History()
		if last := history[len(history)-1]; (a.Action == "rotated") != (last.Method+" "+last.Path == patch) {
			t.Errorf("day %d: it was %s, and the last request is %s %s", day, a.Action, last.Method, last.Path)
		}
		if a.Action == "rotated" && r.Cfg.AccessKey != before[len(before)-1].AccessKey {
			t.Errorf("day %d: it was rotated by a run on %s", day, r.Cfg.AccessKey)
		}
		if want := day < 17; r.Has(first) != want {
			t.Errorf("day %d: the first key lives: %t", day, r.Has(first))
		}
		for _, d := range a.Dead {
			story = append(story, d.AccessKey+" "+d.Result+" by "+d.Where)
		}
	}
	if want := []string{"10 rotated", first + " unproven by the API", "40 rotated"}; !cmp.Equal(want, story[:min(3, len(story))]) {
		t.Errorf("the story is %q, want %q and so on", story, want)
	}
	if len(own) < 3 || len(spy.heard) < 4 {
		t.Errorf("%d keys and %d tokens are too few to be a test", len(own), len(spy.heard))
	}
	for token := range spy.heard {
		if own[token] {
			t.Error("an endpoint was sent a key of the function's own application")
		}
	}
}

func TestTheOldOwnKeyLivesUntilARunHasUsedTheNewOne(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), runtest.Only()...)
	auditor := r.Watch(t)
	for range 20 { // as if the platform went on with the old revision
		if rep := r.MustRun(t, run.Request{}); !r.Has(runtest.KeyD) || len(r.Keys("rotator")) != 2 {
			t.Fatalf("the key that the function runs on is gone, or there are more:\n%s", runtest.Text(t, rep))
		}
		r.Clock().Advance(24 * time.Hour)
	}
	next(t, r, auditor, 0)
	if r.Cfg.AccessKey == runtest.KeyD {
		t.Fatal("the new key was not delivered")
	}
	rep := r.MustRun(t, run.Request{})
	if r.Has(runtest.KeyD) {
		t.Errorf("the old key lives on:\n%s", runtest.Text(t, rep))
	}
	dead := runtest.Application(t, rep, "rotator").Dead
	if len(dead) != 1 || dead[0].AccessKey != runtest.KeyD || dead[0].Result != "unproven" || dead[0].Where != "the API" {
		t.Errorf("dead keys %+v", dead)
	}
}

func TestAFailedRedeploymentLeavesTheOldOwnKeyWorking(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), runtest.Only()...)
	auditor := r.Watch(t)
	own, _ := r.Endpoint("key-rotator")
	r.FailDeployments(own.ID, true)
	r.MustRun(t, run.Request{})
	next(t, r, auditor, 3*time.Hour)
	if r.Cfg.AccessKey != runtest.KeyD {
		t.Fatal("the platform started what did not deploy")
	}
	r.ForgetHistory()
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure || !strings.Contains(runtest.Errors(got), "it goes on with "+runtest.KeyD+", for 20 hours at most") || !r.Has(runtest.KeyD) {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Errors(got))
	}
	if want := "POST /functions/v1beta1/regions/fr-par/functions/" + own.ID + "/deploy"; !slices.Contains(r.Writes(), want) || len(r.Keys("rotator")) != 2 {
		t.Errorf("it was not redeployed, or rotated again: %v", r.Writes())
	}
	// The 24 hours count from the first failure, not from the last.
	next(t, r, auditor, 10*time.Hour)
	if got := r.Run(t, run.Request{}); !strings.Contains(runtest.Errors(got), "for 10 hours at most") {
		t.Errorf("ten hours later:\n%s", runtest.Errors(got))
	}
	r.FailDeployments(own.ID, false)
	next(t, r, auditor, time.Hour)
	r.Run(t, run.Request{})
	next(t, r, auditor, time.Hour)
	if r.MustRun(t, run.Request{}); r.Cfg.AccessKey == runtest.KeyD {
		t.Error("mended, the function does not run on the new key")
	}
}

// Whoever deploys an old key by hand makes it the one that the function runs on:
// the key that nobody has any more goes, and the old one is replaced as it is due.
func TestAnOldOwnKeyThatSomebodyDeploysIsReplacedAgain(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), runtest.Only()...)
	auditor := r.Watch(t)
	old := r.Keys("rotator")[0]
	r.MustRun(t, run.Request{})
	next(t, r, auditor, 24*time.Hour)
	lost := r.Cfg.AccessKey
	r.MustRun(t, run.Request{})
	own, _ := r.Endpoint("key-rotator")
	r.MustCall(http.MethodPatch, "/functions/v1beta1/regions/fr-par/functions/"+own.ID, map[string]any{
		"environment_variables":        map[string]any{"ROTATOR_ACCESS_KEY": old.AccessKey},
		"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": old.SecretKey}},
	})
	next(t, r, auditor, 2*time.Hour)
	if r.Cfg.AccessKey != runtest.KeyD {
		t.Fatal("the old key was not deployed")
	}
	if got := r.MustRun(t, run.Request{}); runtest.Application(t, got, "rotator").Action != "rotated" {
		t.Errorf("it was not rotated:\n%s", runtest.Text(t, got))
	}
	next(t, r, auditor, time.Hour)
	if r.Cfg.AccessKey == runtest.KeyD || r.Cfg.AccessKey == lost {
		t.Errorf("it runs on %s", r.Cfg.AccessKey)
	}
	for range 9 {
		r.MustRun(t, run.Request{})
		next(t, r, auditor, 24*time.Hour)
	}
	if r.Has(lost) || r.Has(runtest.KeyD) {
		t.Errorf("a key that nobody has lives: %t, and the old one: %t", r.Has(lost), r.Has(runtest.KeyD))
	}
}

// The application may be somebody else's, too: what no version names is not ours.
func TestLongOtherKeysOfTheOwnApplicationAreNeverTouched(t *testing.T) {
	t.Parallel()
	seed := runtest.OwnDue()
	seed.Applications[0].Keys = append(seed.Applications[0].Keys, runtest.Theirs(runtest.KeyC))
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	auditor := r.Watch(t)
	for range 50 {
		r.MustRun(t, run.Request{})
		next(t, r, auditor, 24*time.Hour)
	}
	if !r.Has(runtest.KeyC) || r.Has(runtest.KeyD) || len(r.Keys("rotator")) != 2 {
		t.Errorf("%s lives: %t, and %s: %t", runtest.KeyC, r.Has(runtest.KeyC), runtest.KeyD, r.Has(runtest.KeyD))
	}
}

// The budget says of both own keys what becomes of them: the one before is deleted once
// its grace is over, be it made by a person, and nobody calls with it.
func TestTheExpiryBudgetKnowsTheOwnKeyInItsGrace(t *testing.T) {
	t.Parallel()
	seed := runtest.OwnDue()
	seed.Applications[0].Keys[0] = emulator.SeedKey{AccessKey: runtest.KeyD, Description: "first", Age: runtest.Age(40), Project: "demo", ExpiresIn: runtest.Age(12)}
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	auditor := r.Watch(t)
	r.MustRun(t, run.Request{})
	next(t, r, auditor, 24*time.Hour)
	got := r.MustRun(t, run.Request{})
	if r.Cfg.AccessKey == runtest.KeyD || !r.Has(runtest.KeyD) {
		t.Fatal("the function is not on its new key while the one before lives")
	}
	if said := strings.Join(runtest.Warnings(got), "\n"); strings.Contains(said, runtest.KeyD) {
		t.Errorf("it warns: %s", said)
	}
	for _, c := range got.Callers {
		for _, k := range c.Keys {
			if c.Name == "rotator" && (!k.Rotated || k.Notice != 0) {
				t.Errorf("%+v", k)
			}
		}
	}
}

func TestForceRotatesTheOwnKeyTooOrAlone(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]string{"too": nil, "alone": {run.StepOwnKey}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := runtest.OwnDue()
			seed.Applications[0].Keys[0] = runtest.Minted(runtest.KeyD, 2)
			r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
			r.Watch(t)
			got := r.Announced(t, run.Request{Force: true, Steps: steps})
			if rotated := runtest.Application(t, got, "orders").Action == "rotated"; got.Outcome != report.Success || rotated != (steps == nil) || runtest.Application(t, got, "rotator").Action != "rotated" {
				t.Errorf("it ended so:\n%s", runtest.Text(t, got))
			}
			if w := r.Writes(); w[len(w)-1] != ownPatch(t, r) {
				t.Errorf("the last write is %s", w[len(w)-1])
			}
			for _, c := range got.Callers {
				for _, k := range c.Keys {
					if c.Name == "rotator" && !k.Rotated {
						t.Errorf("no run is said to replace the own key %s", k.AccessKey)
					}
				}
			}
		})
	}
}

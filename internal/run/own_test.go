package run_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// ownPatch is the request that gives the function its new key.
func (r *rig) ownPatch(t *testing.T) string {
	t.Helper()
	own, known := r.Endpoint("key-rotator")
	if !known {
		t.Fatal("there is no function key-rotator")
	}
	return "PATCH /functions/v1beta1/regions/fr-par/functions/" + own.ID
}

// next waits, and starts the function anew with what the platform then gives it.
func (r *rig) next(t *testing.T, auditor *emulator.Auditor, wait time.Duration) {
	t.Helper()
	r.Clock().Advance(wait)
	r.restart(t)
	auditor.RunsOn(r.cfg.AccessKey)
}

// has tells whether the function's application has a key.
func (r *rig) has(accessKey string) bool {
	return slices.ContainsFunc(r.Keys("rotator"), func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
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
	r := startSeed(t, emulator.Options{}, carrying(10), only()...)
	auditor := r.watch(t)
	spy := &eavesdropper{next: r.RoundTripper(), heard: map[string]bool{}, mu: make(chan struct{}, 1)}
	spy.mu <- struct{}{}
	first, patch := r.cfg.AccessKey, r.ownPatch(t)
	own := map[string]bool{}
	var story []string
	for day := range 55 {
		if day > 0 {
			r.next(t, auditor, 24*time.Hour)
		}
		before := r.Keys("rotator")
		r.ForgetHistory()
		o := r.surroundings()
		o.Endpoints = spy
		rep, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
		if err != nil || rep.Outcome != report.Success {
			t.Fatalf("day %d: %v\n%s", day, err, text(t, rep))
		}
		for _, k := range append(before, r.Keys("rotator")...) {
			own[k.SecretKey] = true
		}
		a := application(t, rep, "rotator")
		if a.Action != "kept" {
			story = append(story, fmt.Sprint(day, " ", a.Action))
		}
		history := r.History()
		if last := history[len(history)-1]; (a.Action == "rotated") != (last.Method+" "+last.Path == patch) {
			t.Errorf("day %d: it was %s, and the last request is %s %s", day, a.Action, last.Method, last.Path)
		}
		if a.Action == "rotated" && r.cfg.AccessKey != before[len(before)-1].AccessKey {
			t.Errorf("day %d: it was rotated by a run on %s", day, r.cfg.AccessKey)
		}
		if want := day < 17; r.has(first) != want {
			t.Errorf("day %d: the first key lives: %t", day, r.has(first))
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
	r := startSeed(t, emulator.Options{}, ownDue(), only()...)
	auditor := r.watch(t)
	for range 20 { // as if the platform went on with the old revision
		if rep := r.mustRun(t, run.Request{}); !r.has(keyD) || len(r.Keys("rotator")) != 2 {
			t.Fatalf("the key that the function runs on is gone, or there are more:\n%s", text(t, rep))
		}
		r.Clock().Advance(24 * time.Hour)
	}
	r.next(t, auditor, 0)
	if r.cfg.AccessKey == keyD {
		t.Fatal("the new key was not delivered")
	}
	rep := r.mustRun(t, run.Request{})
	if r.has(keyD) {
		t.Errorf("the old key lives on:\n%s", text(t, rep))
	}
	dead := application(t, rep, "rotator").Dead
	if len(dead) != 1 || dead[0].AccessKey != keyD || dead[0].Result != "unproven" || dead[0].Where != "the API" {
		t.Errorf("dead keys %+v", dead)
	}
}

func TestAFailedRedeploymentLeavesTheOldOwnKeyWorking(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownDue(), only()...)
	auditor := r.watch(t)
	own, _ := r.Endpoint("key-rotator")
	r.FailDeployments(own.ID, true)
	r.mustRun(t, run.Request{})
	r.next(t, auditor, 3*time.Hour)
	if r.cfg.AccessKey != keyD {
		t.Fatal("the platform started what did not deploy")
	}
	r.ForgetHistory()
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure || !strings.Contains(errs(got), "it goes on with "+keyD+", for 20 hours at most") || !r.has(keyD) {
		t.Errorf("outcome %s:\n%s", got.Outcome, errs(got))
	}
	if want := "POST /functions/v1beta1/regions/fr-par/functions/" + own.ID + "/deploy"; !slices.Contains(r.writes(), want) || len(r.Keys("rotator")) != 2 {
		t.Errorf("it was not redeployed, or rotated again: %v", r.writes())
	}
	// The 24 hours count from the first failure, not from the last.
	r.next(t, auditor, 10*time.Hour)
	if got := r.run(t, run.Request{}); !strings.Contains(errs(got), "for 10 hours at most") {
		t.Errorf("ten hours later:\n%s", errs(got))
	}
	r.FailDeployments(own.ID, false)
	r.next(t, auditor, time.Hour)
	r.run(t, run.Request{})
	r.next(t, auditor, time.Hour)
	if r.mustRun(t, run.Request{}); r.cfg.AccessKey == keyD {
		t.Error("mended, the function does not run on the new key")
	}
}

// Whoever deploys an old key by hand makes it the one that the function runs on:
// the key that nobody has any more goes, and the old one is replaced as it is due.
func TestAnOldOwnKeyThatSomebodyDeploysIsReplacedAgain(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownDue(), only()...)
	auditor := r.watch(t)
	old := r.Keys("rotator")[0]
	r.mustRun(t, run.Request{})
	r.next(t, auditor, 24*time.Hour)
	lost := r.cfg.AccessKey
	r.mustRun(t, run.Request{})
	own, _ := r.Endpoint("key-rotator")
	r.MustCall(http.MethodPatch, "/functions/v1beta1/regions/fr-par/functions/"+own.ID, map[string]any{
		"environment_variables":        map[string]any{"ROTATOR_ACCESS_KEY": old.AccessKey},
		"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": old.SecretKey}},
	})
	r.next(t, auditor, 2*time.Hour)
	if r.cfg.AccessKey != keyD {
		t.Fatal("the old key was not deployed")
	}
	if got := r.mustRun(t, run.Request{}); application(t, got, "rotator").Action != "rotated" {
		t.Errorf("it was not rotated:\n%s", text(t, got))
	}
	r.next(t, auditor, time.Hour)
	if r.cfg.AccessKey == keyD || r.cfg.AccessKey == lost {
		t.Errorf("it runs on %s", r.cfg.AccessKey)
	}
	for range 9 {
		r.mustRun(t, run.Request{})
		r.next(t, auditor, 24*time.Hour)
	}
	if r.has(lost) || r.has(keyD) {
		t.Errorf("a key that nobody has lives: %t, and the old one: %t", r.has(lost), r.has(keyD))
	}
}

// A run that dies between making the key and giving it to the function leaves a
// key that no function has; one that dies after that leaves a function that does
// not run on it yet.
func TestAnOwnKeyThatNoFunctionHasGoes(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownDue(), only()...)
	auditor := r.watch(t)
	r.Arm(emulator.Fault{Method: http.MethodPatch, Path: strings.TrimPrefix(r.ownPatch(t), "PATCH "), Status: http.StatusInternalServerError, Times: -1})
	if got := r.run(t, run.Request{}); got.Outcome != report.Failure || len(r.Keys("rotator")) != 2 {
		t.Fatalf("after an answer that tells nothing, there are %d keys:\n%s", len(r.Keys("rotator")), text(t, got))
	}
	r.Disarm()
	r.next(t, auditor, 10*time.Minute)
	if got := r.mustRun(t, run.Request{}); len(r.Keys("rotator")) != 2 || application(t, got, "rotator").Action != "kept" {
		t.Errorf("minutes later, another run may be at it:\n%s", text(t, got))
	}
	orphan := r.Keys("rotator")[1].AccessKey
	r.next(t, auditor, time.Hour)
	if got := r.mustRun(t, run.Request{}); application(t, got, "rotator").Action != "rotated" {
		t.Errorf("no other was made:\n%s", text(t, got))
	}
	for range 9 {
		r.next(t, auditor, 24*time.Hour)
		r.mustRun(t, run.Request{})
	}
	if r.cfg.AccessKey == keyD || r.has(orphan) || r.has(keyD) {
		t.Errorf("it runs on %s; the orphan lives: %t, the old key: %t", r.cfg.AccessKey, r.has(orphan), r.has(keyD))
	}
}

// What an earlier release published is moved: a new key that never stood in Secret
// Manager, then what stands there is deleted, and with the last of its keys the
// secret.
func TestAnOwnKeyThatStandsInSecretManagerIsMoved(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownPublished(), only()...)
	auditor := r.watch(t)
	if a := application(t, r.announced(t, run.Request{}), "rotator"); a.Action != "rotated" || !strings.Contains(a.Why, "Secret Manager") {
		t.Fatalf("it was %s: %s", a.Action, a.Why)
	}
	if n := len(r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+rotatorID, nil)["secrets"].([]any)); n != 1 {
		t.Fatalf("%d secrets: it was deleted before a run has used the new key", n)
	}
	r.next(t, auditor, 24*time.Hour)
	r.announced(t, run.Request{})
	secrets := r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+rotatorID, nil)["secrets"].([]any)
	if len(secrets) != 1 || r.Call(r.Secret, http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secrets[0].(map[string]any)["id"].(string)+"/versions/latest_enabled/access", nil).Status == http.StatusOK {
		t.Error("a run has used the new key, and readers can have the old one still")
	}
	if !r.has(keyD) {
		t.Error("the old key died before its grace was over")
	}
	for range 7 {
		r.next(t, auditor, 24*time.Hour)
		r.announced(t, run.Request{})
	}
	if r.has(keyD) {
		t.Error("the old key lives on")
	}
	r.next(t, auditor, 24*time.Hour)
	r.announced(t, run.Request{})
	if n := len(r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+rotatorID, nil)["secrets"].([]any)); n != 0 {
		t.Errorf("%d secrets are left", n)
	}
	if again := r.mustRun(t, run.Request{}); len(again.Changes) > 0 {
		t.Errorf("once more, it did %v", did(again))
	}
}

func TestTheOwnKeyIsLeftWhereItCannotOrMayNotBeRotated(t *testing.T) {
	t.Parallel()
	elsewhere, wrong := ownDue(), ownDue()
	elsewhere.Serverless[0].FunctionNamespaces = elsewhere.Serverless[0].FunctionNamespaces[:2]
	wrong.Serverless[0].FunctionNamespaces[2].Functions[0].SecretEnv["ROTATOR_SECRET_KEY"] = "${secret_key:" + keyA + "}"
	foreign := ownDue()
	stranger := minted(keyC, 3)
	stranger.Description = "[rotator 9a6c1e2d-7f43-4b19-9c58-3d2e8b90f1ff]"
	foreign.Applications[0].Keys = append(foreign.Applications[0].Keys, stranger)
	for _, tt := range []struct {
		name, says string
		seed       emulator.Seed
		settings   []string
		owner      bool // the function runs on a person's key
	}{
		{"a person keeps it", "days old; it is never rotated here", ownDue(), []string{"ROTATOR_OWN_KEY=keep"}, false},
		{"a person's own", "the function's own key: SCW", ownDue(), nil, true},
		{"no function carries it", "the function's own key: is not rotated: no function of this project carries it", elsewhere, nil, false},
		{"another project's rotator was there", "the function's own key: is left alone: its key " + keyC + " was made by the rotator of project 9a", foreign, nil, false},
		{"its secret variable is another's", "function key-rotator: carries the function's own access key, but not its secret key", wrong, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{}, tt.seed, append(only(), tt.settings...)...)
			if tt.owner {
				r.cfg.AccessKey, r.cfg.SecretKey = r.AccessKey, redact.New(r.Secret)
			}
			before := len(r.Keys("rotator"))
			got := r.mustRun(t, run.Request{})
			said := ""
			for _, f := range got.Findings {
				said += string(f.Level) + " " + f.Subject + ": " + f.Text + "\n"
			}
			if !strings.Contains(said, tt.says) || tt.owner && !strings.Contains(said, "belongs to a person") {
				t.Errorf("it does not say %q:\n%s", tt.says, said)
			}
			if made := len(r.Keys("rotator")) - before; made != 0 || slices.ContainsFunc(r.writes(), func(w string) bool { return strings.HasPrefix(w, "PATCH /functions") }) {
				t.Errorf("%d keys were made, and it did %v", made, did(got))
			}
		})
	}
}

// The application may be somebody else's, too: what no version names is not ours.
func TestLongOtherKeysOfTheOwnApplicationAreNeverTouched(t *testing.T) {
	t.Parallel()
	seed := ownDue()
	seed.Applications[0].Keys = append(seed.Applications[0].Keys, theirs(keyC))
	r := startSeed(t, emulator.Options{}, seed, only()...)
	auditor := r.watch(t)
	for range 50 {
		r.mustRun(t, run.Request{})
		r.next(t, auditor, 24*time.Hour)
	}
	if !r.has(keyC) || r.has(keyD) || len(r.Keys("rotator")) != 2 {
		t.Errorf("%s lives: %t, and %s: %t", keyC, r.has(keyC), keyD, r.has(keyD))
	}
}

func TestForceRotatesTheOwnKeyTooOrAlone(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]string{"too": nil, "alone": {run.StepOwnKey}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := ownDue()
			seed.Applications[0].Keys[0] = minted(keyD, 2)
			r := startSeed(t, emulator.Options{}, seed, only()...)
			r.watch(t)
			got := r.announced(t, run.Request{Force: true, Steps: steps})
			if rotated := application(t, got, "orders").Action == "rotated"; got.Outcome != report.Success || rotated != (steps == nil) || application(t, got, "rotator").Action != "rotated" {
				t.Errorf("it ended so:\n%s", text(t, got))
			}
			if w := r.writes(); w[len(w)-1] != r.ownPatch(t) {
				t.Errorf("the last write is %s", w[len(w)-1])
			}
		})
	}
}

// The own key is replaced first, and revoked by a later run.
func TestOwnKeysAreRevokedOnlyWhereTheFunctionRunsOnAnother(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownDue(), only()...)
	auditor := r.watch(t, keyD)
	if says := r.refusedWith(t, revoke(keyD)); !strings.Contains(says, "first ask for") {
		t.Errorf("the key it runs on: %s", says)
	}
	r.mustRun(t, run.Request{Steps: []string{run.StepOwnKey}})
	current := r.Keys("rotator")[1].AccessKey
	if says := r.refusedWith(t, revoke(current)); !strings.Contains(says, "is in the variables of the function itself") {
		t.Errorf("the one that it is about to run on: %s", says)
	}
	r.next(t, auditor, time.Hour)
	if got := r.announced(t, revoke(keyD)); got.Outcome != report.Success || r.has(keyD) || application(t, got, "rotator").Dead[0].Where != "the API" {
		t.Errorf("%s lives: %t\n%s", keyD, r.has(keyD), text(t, got))
	}
}

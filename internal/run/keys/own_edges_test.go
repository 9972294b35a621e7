package keys_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A run that dies between making the key and giving it to the function leaves a
// key that no function has; one that dies after that leaves a function that does
// not run on it yet.
func TestAnOwnKeyThatNoFunctionHasGoes(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), runtest.Only()...)
	auditor := r.Watch(t)
	r.Arm(emulator.Fault{Method: http.MethodPatch, Path: strings.TrimPrefix(ownPatch(t, r), "PATCH "), Status: http.StatusInternalServerError, Times: -1})
	if got := r.Run(t, run.Request{}); got.Outcome != report.Failure || len(r.Keys("rotator")) != 2 {
		t.Fatalf("after an answer that tells nothing, there are %d keys:\n%s", len(r.Keys("rotator")), runtest.Text(t, got))
	}
	r.Disarm()
	next(t, r, auditor, 10*time.Minute)
	if got := r.MustRun(t, run.Request{}); len(r.Keys("rotator")) != 2 || runtest.Application(t, got, "rotator").Action != "kept" {
		t.Errorf("minutes later, another run may be at it:\n%s", runtest.Text(t, got))
	}
	orphan := r.Keys("rotator")[1].AccessKey
	next(t, r, auditor, time.Hour)
	if got := r.MustRun(t, run.Request{}); runtest.Application(t, got, "rotator").Action != "rotated" {
		t.Errorf("no other was made:\n%s", runtest.Text(t, got))
	}
	for range 9 {
		next(t, r, auditor, 24*time.Hour)
		r.MustRun(t, run.Request{})
	}
	if r.Cfg.AccessKey == runtest.KeyD || r.Has(orphan) || r.Has(runtest.KeyD) {
		t.Errorf("it runs on %s; the orphan lives: %t, the old key: %t", r.Cfg.AccessKey, r.Has(orphan), r.Has(runtest.KeyD))
	}
}

// What an earlier release published is moved: a new key that never stood in Secret
// Manager, then what stands there is deleted, and with the last of its keys the
// secret.
func TestAnOwnKeyThatStandsInSecretManagerIsMoved(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnPublished(), runtest.Only()...)
	auditor := r.Watch(t)
	if a := runtest.Application(t, r.Announced(t, run.Request{}), "rotator"); a.Action != "rotated" || !strings.Contains(a.Why, "Secret Manager") {
		t.Fatalf("it was %s: %s", a.Action, a.Why)
	}
	if n := len(r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+runtest.RotatorID, nil)["secrets"].([]any)); n != 1 {
		t.Fatalf("%d secrets: it was deleted before a run has used the new key", n)
	}
	next(t, r, auditor, 24*time.Hour)
	r.Announced(t, run.Request{})
	secrets := r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+runtest.RotatorID, nil)["secrets"].([]any)
	if len(secrets) != 1 || r.Call(r.Secret, http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secrets[0].(map[string]any)["id"].(string)+"/versions/latest_enabled/access", nil).Status == http.StatusOK {
		t.Error("a run has used the new key, and readers can have the old one still")
	}
	if !r.Has(runtest.KeyD) {
		t.Error("the old key died before its grace was over")
	}
	for range 7 {
		next(t, r, auditor, 24*time.Hour)
		r.Announced(t, run.Request{})
	}
	if r.Has(runtest.KeyD) {
		t.Error("the old key lives on")
	}
	next(t, r, auditor, 24*time.Hour)
	r.Announced(t, run.Request{})
	if n := len(r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?name="+runtest.RotatorID, nil)["secrets"].([]any)); n != 0 {
		t.Errorf("%d secrets are left", n)
	}
	if again := r.MustRun(t, run.Request{}); len(again.Changes) > 0 {
		t.Errorf("once more, it did %v", runtest.Did(again))
	}
}

func TestTheOwnKeyIsLeftWhereItCannotOrMayNotBeRotated(t *testing.T) {
	t.Parallel()
	elsewhere, wrong := runtest.OwnDue(), runtest.OwnDue()
	elsewhere.Serverless[0].FunctionNamespaces = elsewhere.Serverless[0].FunctionNamespaces[:2]
	wrong.Serverless[0].FunctionNamespaces[2].Functions[0].SecretEnv["ROTATOR_SECRET_KEY"] = "${secret_key:" + runtest.KeyA + "}"
	foreign := runtest.OwnDue()
	stranger := runtest.Minted(runtest.KeyC, 3)
	stranger.Description = "[rotator 9a6c1e2d-7f43-4b19-9c58-3d2e8b90f1ff]"
	foreign.Applications[0].Keys = append(foreign.Applications[0].Keys, stranger)
	for _, tt := range []struct {
		name, says string
		seed       emulator.Seed
		settings   []string
		owner      bool // the function runs on a person's key
	}{
		{"a person keeps it", "days old; it is never rotated here", runtest.OwnDue(), []string{"ROTATOR_OWN_KEY=keep"}, false},
		{"a person's own", "the function's own key: SCW", runtest.OwnDue(), nil, true},
		{"no function carries it", "the function's own key: is not rotated: no function of this project carries it", elsewhere, nil, false},
		{"another project's rotator was there", "the function's own key: is left alone: its key " + runtest.KeyC + " was made by the rotator of project 9a", foreign, nil, false},
		{"its secret variable is another's", "function key-rotator: carries the function's own access key, but not its secret key", wrong, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, tt.seed, append(runtest.Only(), tt.settings...)...)
			if tt.owner {
				r.Cfg.AccessKey, r.Cfg.SecretKey = r.AccessKey, redact.New(r.Secret)
			}
			before := len(r.Keys("rotator"))
			got := r.MustRun(t, run.Request{})
			said := ""
			for _, f := range got.Findings {
				said += string(f.Level) + " " + f.Subject + ": " + f.Text + "\n"
			}
			if !strings.Contains(said, tt.says) || tt.owner && !strings.Contains(said, "belongs to a person") {
				t.Errorf("it does not say %q:\n%s", tt.says, said)
			}
			if made := len(r.Keys("rotator")) - before; made != 0 || slices.ContainsFunc(r.Writes(), func(w string) bool { return strings.HasPrefix(w, "PATCH /functions") }) {
				t.Errorf("%d keys were made, and it did %v", made, runtest.Did(got))
			}
		})
	}
}

// The own key is replaced first, and revoked by a later run.
func TestOwnKeysAreRevokedOnlyWhereTheFunctionRunsOnAnother(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), runtest.Only()...)
	auditor := r.Watch(t, runtest.KeyD)
	if says := refusedWith(t, r, runtest.Revoke(runtest.KeyD)); !strings.Contains(says, "first ask for") {
		t.Errorf("the key it runs on: %s", says)
	}
	r.MustRun(t, run.Request{Steps: []string{run.StepOwnKey}})
	current := r.Keys("rotator")[1].AccessKey
	if says := refusedWith(t, r, runtest.Revoke(current)); !strings.Contains(says, "is in the variables of the function itself") {
		t.Errorf("the one that it is about to run on: %s", says)
	}
	next(t, r, auditor, time.Hour)
	if got := r.Announced(t, runtest.Revoke(runtest.KeyD)); got.Outcome != report.Success || r.Has(runtest.KeyD) || runtest.Application(t, got, "rotator").Dead[0].Where != "the API" {
		t.Errorf("%s lives: %t\n%s", runtest.KeyD, r.Has(runtest.KeyD), runtest.Text(t, got))
	}
}

// That the key dies soon is a person's to mend where no run replaces it, and not in
// the run that does.
func TestAnOwnKeyThatDiesSoonIsAWarningWhereNobodyReplacesIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		settings   []string
		req        run.Request
	}{
		{"this run does", "note: expires within two weeks, on 2026-09-13: this run is to replace it", nil, run.Request{}},
		{"this run is to say so only", "note: expires within two weeks, on 2026-09-13: this run is to replace it", nil, run.Request{DryRun: true}},
		{"this run is about something else", "warning: expires within two weeks, on 2026-09-13", nil, run.Request{Steps: []string{run.StepCheck}}},
		{"none does", "warning: expires within two weeks, on 2026-09-13", []string{"ROTATOR_OWN_KEY=keep"}, run.Request{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seed := runtest.OwnDue()
			seed.Applications[0].Keys[0].ExpiresIn = runtest.Age(12)
			r := runtest.StartSeed(t, emulator.Options{}, seed, append(runtest.Only(), tt.settings...)...)
			var said []string
			for _, f := range r.MustRun(t, tt.req).Findings {
				if key, rest, is := strings.Cut(f.Text, " "); is && strings.HasPrefix(rest, "expires ") && key == r.Cfg.AccessKey {
					said = append(said, string(f.Level)+": "+rest)
				}
			}
			if diff := cmp.Diff([]string{tt.want}, said); diff != "" {
				t.Errorf("findings of its expiry (-want +got):\n%s", diff)
			}
		})
	}
}

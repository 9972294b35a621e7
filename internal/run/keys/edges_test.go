// Package keys_test is about when keys come and go, the function's own too.
package keys_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// One region that does not answer must not stop what does not rest on it, and
// must make the run a failure.
func TestOneFailingRegionStopsNothingElse(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{Path: "/functions/v1beta1/regions/nl-ams/*", Times: -1, Status: http.StatusInternalServerError, Body: `{"message":"Internal error"}`})
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure || runtest.Step(t, got, "discover").Outcome != report.Failure {
		t.Errorf("outcome %s, discover %s", got.Outcome, runtest.Step(t, got, "discover").Outcome)
	}
	if gone, held := len(runtest.Tokens(got, "deleted")), len(runtest.Tokens(got, "held")); gone != 4 || held != 3 {
		t.Errorf("%d legacy tokens deleted and %d held, want 4 and 3, the 7 outside functions in nl-ams", gone, held)
	}
	for _, name := range []string{"checkout", "storefront", "nightly-batch"} {
		if a := runtest.Application(t, got, name); a.Action != "rotated" {
			t.Errorf("%s: %s (%s)", name, a.Action, a.Why)
		}
	}
}

// Without knowing whose keys are whose, nothing is rotated; and without keys to
// try, tokens are held.
func TestNothingIsRotatedWhileIAMCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/iam/v1alpha1/api-keys", "/iam/v1alpha1/applications", "/iam/v1alpha1/policies", "/iam/v1alpha1/groups"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := runtest.Start(t, emulator.Options{})
			r.Arm(emulator.Fault{Path: path, Times: -1, Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`})
			got := r.Run(t, run.Request{})
			if got.Outcome != report.Failure {
				t.Errorf("outcome %s", got.Outcome)
			}
			if !strings.Contains(strings.Join(runtest.Step(t, got, "discover").Errors, "\n"), "needs the permission set IAMReadOnly") {
				t.Errorf("the message does not name the permission set: %v", runtest.Step(t, got, "discover").Errors)
			}
			for _, c := range got.Changes {
				if c.Kind != "delete_token" {
					t.Errorf("changed %s %s", c.Kind, c.Object)
				}
			}
		})
	}
}

func TestLongOrganizationCapClampsTheLifetime(t *testing.T) {
	t.Parallel()
	seed := emulator.Demo()
	seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: emulator.SeedAge(30 * 24 * time.Hour)}
	r := runtest.StartSeed(t, emulator.Options{}, seed)
	for day := range 45 {
		got := r.MustRun(t, run.Request{})
		action := runtest.Application(t, got, "nightly-batch").Action
		if rotated := action == "rotated"; rotated != (day%20 == 0) {
			t.Errorf("day %d: %s", day, action)
		}
		if text := strings.Join(runtest.Warnings(got), "\n"); !strings.Contains(text, "caps the lifetime of API keys at 30d") {
			t.Fatalf("no finding about the cap:\n%s", text)
		}
		r.Clock().Advance(24 * time.Hour)
	}
}

// Nobody has seen which right the security settings need: without it the cap is
// not known, and that is all.
func TestARunGoesOnWithoutKnowingTheCap(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{Path: "/iam/v1alpha1/organizations/*/security-settings", Times: -1, Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`})
	got := r.MustRun(t, run.Request{})
	if text := strings.Join(runtest.Warnings(got), "\n"); !strings.Contains(text, "cap on the lifetime of API keys is not known") {
		t.Errorf("no finding about the cap:\n%s", text)
	}
}

// A run that would not end in time leaves what it has not begun, and says so.
func TestARunEndsBeforeItsBudget(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Latency: 2 * time.Second}, "ROTATOR_BUDGET=3m30s")
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure || len(got.Left) == 0 {
		t.Errorf("outcome %s, left %v", got.Outcome, got.Left)
	}
	for _, c := range got.Changes {
		if c.Kind == "create_key" {
			t.Errorf("began a rotation that could not be verified in time")
		}
	}
}

// A creation whose answer is lost leaves an orphan: the next run waits, and
// once it is older than any run can last it is deleted and the key rotated.
func TestAnOrphanIsWaitedForAndThenDeleted(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/iam/v1alpha1/api-keys", DropAfter: true})
	first := r.Run(t, run.Request{})
	if first.Outcome != report.Failure {
		t.Errorf("outcome %s", first.Outcome)
	}
	name := ""
	for _, a := range first.Applications {
		if a.Action == "failed" {
			name = a.Name
		}
	}
	before := len(r.Keys(name))
	if got := r.MustRun(t, run.Request{}); runtest.Application(t, got, name).Action != "waiting" {
		t.Errorf("%s: %s", name, runtest.Application(t, got, name).Action)
	}
	if n := len(r.Keys(name)); n != before {
		t.Errorf("%s has %d keys, had %d: it was rotated again while a run may be at it", name, n, before)
	}
	r.Clock().Advance(2 * time.Hour)
	got := r.MustRun(t, run.Request{})
	if a := runtest.Application(t, got, name); a.Action != "rotated" {
		t.Errorf("%s: %s (%s)", name, a.Action, a.Why)
	}
	if n := len(r.Keys(name)); n != before {
		t.Errorf("%s has %d keys, want %d: the orphan gone, a new one there", name, n, before)
	}
}

// A key that never works is given up, and the old one stays.
func TestAKeyThatIsNeverVerifiedIsUndone(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{KeyLag: time.Hour}) // so endpoints refuse it now and then
	r.Arm(emulator.Fault{
		Path: "/iam/v1alpha1/api-keys/SCW*", Method: http.MethodGet, Times: -1, Status: http.StatusUnauthorized,
		Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`,
	})
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	for _, name := range []string{"checkout", "storefront", "nightly-batch"} {
		if a := runtest.Application(t, got, name); a.Action != "failed" {
			t.Errorf("%s: %s", name, a.Action)
		}
	}
	if n := len(r.Keys("checkout")); n != 1 {
		t.Errorf("checkout has %d keys, want the one it had", n)
	}
}

func TestARequestNarrowsARun(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	got := r.MustRun(t, run.Request{Applications: []string{"checkout"}, Steps: []string{run.StepRotate}})
	if runtest.Application(t, got, "checkout").Action != "rotated" || runtest.Application(t, got, "storefront").Action != "due" {
		t.Errorf("narrowed to checkout:\n%s", runtest.Text(t, got))
	}
	if got.LegacyTokens == nil || len(got.LegacyTokens) > 0 || len(got.Endpoints) > 0 {
		t.Error("steps that were not asked for left something in the report")
	}
	for _, s := range got.Steps {
		want := report.Skipped
		if s.Name == "discover" || s.Name == run.StepRotate {
			want = report.Success
		}
		if s.Outcome != want {
			t.Errorf("step %s: %s", s.Name, s.Outcome)
		}
	}
	if _, err := run.Do(t.Context(), r.Cfg, run.Request{Applications: []string{"nobody"}}, r.Surroundings()); err == nil {
		t.Error("an application that is not in scope was accepted")
	}
}

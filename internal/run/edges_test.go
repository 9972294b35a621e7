package run_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// without returns the demo with the permission sets taken out of every policy.
func without(sets ...string) emulator.Seed {
	seed := emulator.Demo()
	strip := func(policies []emulator.SeedPolicy) {
		for i := range policies {
			for j := range policies[i].Rules {
				rule := &policies[i].Rules[j]
				rule.PermissionSets = slices.DeleteFunc(slices.Clone(rule.PermissionSets), func(s string) bool { return slices.Contains(sets, s) })
			}
		}
	}
	for i := range seed.Applications {
		strip(seed.Applications[i].Policies)
	}
	for i := range seed.Groups {
		strip(seed.Groups[i].Policies)
	}
	return seed
}

// warnings are the findings of that level, each with its subject.
func warnings(r *report.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Level == report.Warning {
			out = append(out, f.Subject+": "+f.Text)
		}
	}
	slices.Sort(out)
	return out
}

func tokens(r *report.Report, result string) (of []string) {
	for _, t := range r.LegacyTokens {
		if t.Result == result {
			of = append(of, t.Scope+" "+t.Of)
		}
	}
	slices.Sort(of)
	return of
}

func application(t *testing.T, r *report.Report, name string) report.Application {
	t.Helper()
	for _, a := range r.Applications {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("the report has no application %s:\n%s", name, text(t, r))
	return report.Application{}
}

func step(t *testing.T, r *report.Report, name string) report.Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the report has no step %s", name)
	return report.Step{}
}

// A token is held while no IAM key opens what it opens: deleting it would lock
// its callers out.
func TestTokensAreHeldWhileNoKeyOpensTheirEndpoint(t *testing.T) {
	t.Parallel()
	onContainers := []string{"container admin-panel", "container orders-api", "namespace backend"}
	for _, tt := range []struct {
		name          string
		settings      []string
		deleted, held []string
	}{
		{
			"by default", nil,
			[]string{"function checkout-api", "function image-resizer", "function stock-sync", "function webhooks", "namespace media", "namespace shop"},
			onContainers,
		},
		{
			"unless all are to be deleted",
			[]string{"ROTATOR_LEGACY_TOKENS=delete-all"},
			[]string{
				"container admin-panel", "container orders-api", "function checkout-api", "function image-resizer",
				"function stock-sync", "function webhooks", "namespace backend", "namespace media", "namespace shop",
			},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{}, without("ContainersPrivateAccess"), tt.settings...)
			dry := r.run(t, run.Request{DryRun: true})
			got := r.run(t, run.Request{})
			if diff := cmp.Diff(tt.deleted, tokens(got, "deleted")); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.held, tokens(got, "held")); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.held, tokens(dry, "held")); diff != "" {
				t.Errorf("held in the dry run (-want +got):\n%s", diff)
			}
			if failed := got.Outcome == report.Failure; failed != (tt.held != nil) {
				t.Errorf("outcome %s with held tokens %v", got.Outcome, tt.held)
			}
		})
	}
}

// An endpoint that refuses a key that its policy grants locks its callers out.
func TestTokensAreHeldWhereTheGatewayRefusesEveryKey(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.mustRun(t, run.Request{Steps: []string{run.StepRotate}})
	r.Clock().Advance(8 * 24 * time.Hour) // callers had time to move
	e, _ := r.Endpoint("orders-api")
	r.Arm(emulator.Fault{Path: "/healthz", Times: -1, Status: http.StatusForbidden, Body: `{"error":"forbidden"}`})
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	if diff := cmp.Diff([]string{"container orders-api", "namespace backend"}, tokens(got, "held")); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	for _, row := range got.Endpoints {
		if row.URL == "https://"+e.Host+"/healthz" && row.Result != "locked" {
			t.Errorf("orders-api is %s", row.Result)
		}
	}
	r.Disarm()
	if got := r.mustRun(t, run.Request{}); len(tokens(got, "deleted")) != 2 {
		t.Errorf("once the endpoint accepts keys, the held tokens are not deleted:\n%s", text(t, got))
	}
}

func TestTokensAreOnlyReportedWhereThatIsAsked(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, "ROTATOR_LEGACY_TOKENS=report")
	got := r.mustRun(t, run.Request{})
	if n := len(tokens(got, "reported")); n != 9 {
		t.Errorf("%d legacy tokens reported", n)
	}
	if diff := cmp.Diff(true, slices.Contains(warnings(got), "legacy tokens: 9 are still there")); diff != "" {
		t.Errorf("no finding: %v", warnings(got))
	}
}

func TestPurgeAloneChecksTheEndpointsOfItsTokensFirst(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.mustRun(t, run.Request{Steps: []string{run.StepRotate}})
	r.Clock().Advance(8 * 24 * time.Hour) // callers had time to move
	got := r.mustRun(t, run.Request{Steps: []string{run.StepPurge}})
	if n := len(tokens(got, "deleted")); n != 9 {
		t.Errorf("%d legacy tokens deleted", n)
	}
	for _, row := range got.Endpoints {
		if row.Resource == "nightly-report" || row.Resource == "partner-feed" && row.Namespace != "media" {
			t.Errorf("asked %s, which no token opens", row.URL)
		}
	}
	if len(got.Endpoints) == 0 {
		t.Error("no endpoint was asked")
	}
}

// One region that does not answer must not stop what does not rest on it, and
// must make the run a failure.
func TestOneFailingRegionStopsNothingElse(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.Arm(emulator.Fault{Path: "/functions/v1beta1/regions/nl-ams/*", Times: -1, Status: http.StatusInternalServerError, Body: `{"message":"Internal error"}`})
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure || step(t, got, "discover").Outcome != report.Failure {
		t.Errorf("outcome %s, discover %s", got.Outcome, step(t, got, "discover").Outcome)
	}
	if gone, held := len(tokens(got, "deleted")), len(tokens(got, "held")); gone != 4 || held != 3 {
		t.Errorf("%d legacy tokens deleted and %d held, want 4 and 3, the 7 outside functions in nl-ams", gone, held)
	}
	for _, name := range []string{"checkout", "storefront", "nightly-batch"} {
		if a := application(t, got, name); a.Action != "rotated" {
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
			r := start(t, emulator.Options{})
			r.Arm(emulator.Fault{Path: path, Times: -1, Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`})
			got := r.run(t, run.Request{})
			if got.Outcome != report.Failure {
				t.Errorf("outcome %s", got.Outcome)
			}
			if !strings.Contains(strings.Join(step(t, got, "discover").Errors, "\n"), "needs the permission set IAMReadOnly") {
				t.Errorf("the message does not name the permission set: %v", step(t, got, "discover").Errors)
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
	r := startSeed(t, emulator.Options{}, seed)
	for day := range 45 {
		got := r.mustRun(t, run.Request{})
		action := application(t, got, "nightly-batch").Action
		if rotated := action == "rotated"; rotated != (day%20 == 0) {
			t.Errorf("day %d: %s", day, action)
		}
		if text := strings.Join(warnings(got), "\n"); !strings.Contains(text, "caps the lifetime of API keys at 30d") {
			t.Fatalf("no finding about the cap:\n%s", text)
		}
		r.Clock().Advance(24 * time.Hour)
	}
}

// Nobody has seen which right the security settings need: without it the cap is
// not known, and that is all.
func TestARunGoesOnWithoutKnowingTheCap(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.Arm(emulator.Fault{Path: "/iam/v1alpha1/organizations/*/security-settings", Times: -1, Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`})
	got := r.mustRun(t, run.Request{})
	if text := strings.Join(warnings(got), "\n"); !strings.Contains(text, "cap on the lifetime of API keys is not known") {
		t.Errorf("no finding about the cap:\n%s", text)
	}
}

// A run that would not end in time leaves what it has not begun, and says so.
func TestARunEndsBeforeItsBudget(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Latency: 2 * time.Second}, "ROTATOR_BUDGET=3m30s")
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure || len(got.Left) == 0 {
		t.Errorf("outcome %s, left %v", got.Outcome, got.Left)
	}
	for _, c := range got.Changes {
		if c.Kind == "create_key" {
			t.Errorf("began a rotation that could not be verified in time")
		}
	}
}

func TestSomeoneElsesVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	first := r.mustRun(t, run.Request{})
	secret := application(t, first, "checkout").Secret
	r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions", map[string]any{
		"data": "eyJhY2Nlc3Nfa2V5IjoieCIsInNlY3JldF9rZXkiOiJ5In0=", "description": "by hand",
	})
	r.Clock().Advance(40 * 24 * time.Hour)
	r.ForgetHistory()
	got := r.mustRun(t, run.Request{})
	if a := application(t, got, "checkout"); a.Action != "left alone" {
		t.Errorf("checkout: %s (%s)", a.Action, a.Why)
	}
	for _, w := range r.writes() {
		if strings.Contains(w, secret.ID) {
			t.Errorf("sent %s", w)
		}
	}
	if n := len(r.Keys("checkout")); n != 2 {
		t.Errorf("checkout has %d keys, want the 2 it had", n)
	}
	if a := application(t, got, "storefront"); a.Action != "rotated" {
		t.Errorf("storefront: %s (%s)", a.Action, a.Why)
	}
}

// A creation whose answer is lost leaves an orphan: the next run waits, and
// once it is older than any run can last it is deleted and the key rotated.
func TestAnOrphanIsWaitedForAndThenDeleted(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/iam/v1alpha1/api-keys", DropAfter: true})
	first := r.run(t, run.Request{})
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
	if got := r.mustRun(t, run.Request{}); application(t, got, name).Action != "waiting" {
		t.Errorf("%s: %s", name, application(t, got, name).Action)
	}
	if n := len(r.Keys(name)); n != before {
		t.Errorf("%s has %d keys, had %d: it was rotated again while a run may be at it", name, n, before)
	}
	r.Clock().Advance(2 * time.Hour)
	got := r.mustRun(t, run.Request{})
	if a := application(t, got, name); a.Action != "rotated" {
		t.Errorf("%s: %s (%s)", name, a.Action, a.Why)
	}
	if n := len(r.Keys(name)); n != before {
		t.Errorf("%s has %d keys, want %d: the orphan gone, a new one there", name, n, before)
	}
}

// After a publish without an answer nothing is deleted, not even the new key:
// the version may be there, or still arrive.
func TestAnUnknownPublishDeletesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	const versions = "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions"
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: versions, Times: -1, DropFirst: true})
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	for _, c := range got.Changes {
		if c.Kind == "delete_key" {
			t.Errorf("deleted %s after an unknown publish", c.Object)
		}
	}
	r.Disarm()
	r.Clock().Advance(2 * time.Hour)
	r.mustRun(t, run.Request{})
	if n := len(r.Keys("nightly-batch")); n != 1 {
		t.Errorf("nightly-batch has %d keys in the end", n)
	}
}

// A publish whose answer is lost, but which took effect, is found.
func TestAPublishWithoutAnAnswerIsReadBack(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions", DropAfter: true})
	r.mustRun(t, run.Request{})
}

// A definite refusal undoes the creation at once.
func TestARefusedPublishUndoesTheKey(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.Arm(emulator.Fault{
		Method: http.MethodPost, Path: "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions", Times: -1,
		Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`,
	})
	got := r.run(t, run.Request{})
	if n := len(r.Keys("nightly-batch")); n != 0 {
		t.Errorf("nightly-batch has %d keys after a refused publish", n)
	}
	if errs := strings.Join(step(t, got, "rotate").Errors, "\n"); !strings.Contains(errs, "needs the permission set SecretManagerSecretCreate") {
		t.Errorf("the message does not name the permission set:\n%s", errs)
	}
}

// A key that never works is given up, and the old one stays.
func TestAKeyThatIsNeverVerifiedIsUndone(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{KeyLag: time.Hour}) // so endpoints refuse it now and then
	r.Arm(emulator.Fault{
		Path: "/iam/v1alpha1/api-keys/SCW*", Method: http.MethodGet, Times: -1, Status: http.StatusUnauthorized,
		Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`,
	})
	got := r.run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	for _, name := range []string{"checkout", "storefront", "nightly-batch"} {
		if a := application(t, got, name); a.Action != "failed" {
			t.Errorf("%s: %s", name, a.Action)
		}
	}
	if n := len(r.Keys("checkout")); n != 1 {
		t.Errorf("checkout has %d keys, want the one it had", n)
	}
}

// interloper calls act once, as soon as a key was made.
type interloper struct {
	next http.RoundTripper
	act  func()
	once sync.Once
}

func (i *interloper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := i.next.RoundTrip(r)
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/api-keys") {
		i.once.Do(i.act)
	}
	return resp, err
}

// What somebody publishes while a run verifies its own key is not overwritten.
func TestAVersionThatAppearsDuringARotationIsNotBuried(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	secret := application(t, r.mustRun(t, run.Request{}), "checkout").Secret
	o := r.surroundings()
	o.API = &interloper{next: r.RoundTripper(), act: func() {
		r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions", map[string]any{
			"data": "eyJhY2Nlc3Nfa2V5IjoieCIsInNlY3JldF9rZXkiOiJ5In0=", "description": "by hand",
		})
	}}
	before := len(r.Keys("checkout"))
	got, err := run.Do(t.Context(), r.cfg, run.Request{Force: true, Applications: []string{"checkout"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Changes {
		if c.Kind == "publish" {
			t.Error("published over somebody else's version")
		}
	}
	if n := len(r.Keys("checkout")); n != before {
		t.Errorf("checkout has %d keys, had %d: the new key was not undone", n, before)
	}
}

// A person who goes back to a superseded key makes it the current one: it is
// not deleted.
func TestAKeyThatWasGoneBackToIsNotRetired(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	r.mustRun(t, run.Request{})
	r.Clock().Advance(30 * 24 * time.Hour)
	second := r.mustRun(t, run.Request{})
	secret := application(t, second, "storefront").Secret
	r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions/2/disable", map[string]any{})
	r.Clock().Advance(10 * 24 * time.Hour)
	got := r.mustRun(t, run.Request{})
	a := application(t, got, "storefront")
	if a.Action != "rotated" { // it is 40 days old
		t.Errorf("storefront: %s (%s)", a.Action, a.Why)
	}
	for _, k := range a.Keys {
		if k.Revision == 1 && strings.HasPrefix(k.Note, "deleted") {
			t.Errorf("key %s, published until this run, was deleted", k.AccessKey)
		}
	}
}

func TestARequestNarrowsARun(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	got := r.mustRun(t, run.Request{Applications: []string{"checkout"}, Steps: []string{run.StepRotate}})
	if application(t, got, "checkout").Action != "rotated" || application(t, got, "storefront").Action != "due" {
		t.Errorf("narrowed to checkout:\n%s", text(t, got))
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
	if _, err := run.Do(t.Context(), r.cfg, run.Request{Applications: []string{"nobody"}}, r.surroundings()); err == nil {
		t.Error("an application that is not in scope was accepted")
	}
}

package run_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

const day = 24 * time.Hour

func rollback(applications ...string) run.Request { return run.Request{Rollback: applications} }

// latest is the access key that readers of orders' latest_enabled get.
func (r *rig) latest(t *testing.T) string {
	t.Helper()
	data := r.MustCall(http.MethodGet, fmt.Sprintf(
		"/secret-manager/v1beta1/regions/fr-par/secrets-by-path/versions/latest_enabled/access?secret_path=/rotator&secret_name=%s&project_id=%s",
		ordersID, demoProject), nil)["data"].(string)
	payload, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(payload), `"access_key":"`)
	return rest[:min(20, len(rest))]
}

// versions are those of orders' secret, oldest first: status and description.
func (r *rig) versions(t *testing.T) []string {
	t.Helper()
	const secrets = "/secret-manager/v1beta1/regions/fr-par/secrets"
	var out []string
	for _, s := range r.MustCall(http.MethodGet, secrets+"?name="+ordersID+"&project_id="+demoProject, nil)["secrets"].([]any) {
		versions := r.MustCall(http.MethodGet, secrets+"/"+s.(map[string]any)["id"].(string)+"/versions?page_size=100", nil)["versions"].([]any)
		for _, v := range versions {
			said, _, _ := strings.Cut(v.(map[string]any)["description"].(string), "; carried until")
			out = append(out, v.(map[string]any)["status"].(string)+" "+said)
		}
	}
	slices.Reverse(out)
	return out
}

// daily does a run a day, each a success, and says on which of them orders was
// rotated, from 0.
func (r *rig) daily(t *testing.T, days int) (rotated []int) {
	t.Helper()
	for n := range days {
		r.Clock().Advance(day)
		if application(t, r.mustRun(t, run.Request{}), "orders").Action == "rotated" {
			rotated = append(rotated, n)
		}
	}
	return rotated
}

// A person who finds the new key bad gets the one before back, for readers and
// for consumers, until they say that it may be rotated again.
func TestLongARollbackBringsTheKeyBeforeBackUntilForced(t *testing.T) {
	t.Parallel()
	seed := superseded()
	seed.Applications[1].Keys[0].ExpiresIn = age(90)
	r := startSeed(t, emulator.Options{}, seed, append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t)
	got := r.announced(t, rollback("orders"))
	if a := application(t, got, "orders"); got.Outcome != report.Success || a.Action != "rolled back" || a.Why != "from "+keyA+" to "+keyB+"; rotated again once that is forced" {
		t.Fatalf("orders is %s: %s\n%s", a.Action, a.Why, text(t, got))
	}
	if now := r.latest(t); now != keyB {
		t.Errorf("readers get %s", now)
	}
	want := []string{"enabled rotator: key " + keyB + "; held", "disabled rotator: key " + keyA + "; rolled back; carried by 4"}
	if diff := cmp.Diff(want, r.versions(t)); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	r.carried(t, got)
	if !r.lives(keyA) {
		t.Error("the bad key is gone before its grace is over")
	}
	// Consumers are sent the key, then the bad one is marked, then readers go back.
	var order []string
	for _, c := range got.Changes {
		if c.Kind != "redeploy" && !slices.Contains(order, c.Kind+": "+c.Reason) {
			order = append(order, c.Kind+": "+c.Reason)
		}
	}
	steps := []string{
		"mark_version: a person goes back to its key", "mark_version: consumers carry its key", "update_environment: it carries a superseded key",
		"mark_version: a person goes back from its key", "disable_version: a person goes back from its key",
		"create_secret: for what this run found out, and the next ones need", "remember: who carries which key, and the keys that are deleted",
	}
	if diff := cmp.Diff(steps, order); diff != "" {
		t.Errorf("it did (-want +got):\n%s", diff)
	}

	died := 0
	for n := range 60 { // keyB is 32 days old, and so due
		r.Clock().Advance(day)
		a := application(t, r.mustRun(t, run.Request{}), "orders")
		if a.Action != "kept" || !strings.HasPrefix(a.Why, "a person went back to it") || !r.lives(keyB) {
			t.Fatalf("day %d: orders is %s: %s", n, a.Action, a.Why)
		}
		if !r.lives(keyA) && died == 0 {
			died = n + 1
		}
	}
	if died != 7 { // the consumers had minutes longer, for which nobody waits a day
		t.Errorf("the bad key died on day %d, want 7: when its grace ends", died)
	}
	forced := application(t, r.mustRun(t, run.Request{Force: true}), "orders")
	if forced.Action != "rotated" || r.latest(t) == keyB {
		t.Errorf("forced, orders is %s: %s", forced.Action, forced.Why)
	}
	if diff := cmp.Diff([]int{29, 59}, r.daily(t, 61)); diff != "" {
		t.Errorf("rotated on days (-want +got):\n%s", diff)
	}
	if r.lives(keyB) {
		t.Error("the key that was gone back to lives on, long after it was superseded again")
	}
}

// Nobody is to be left with a key that has expired, also where a person holds on
// to it.
func TestLongAKeyThatWasGoneBackToIsReplacedBeforeItExpires(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, superseded(), append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t) // that the published key never expires
	got := r.mustRun(t, rollback("orders"))
	expires := r.Keys("orders")[0].Expires
	if diff := cmp.Diff([]int{50}, r.daily(t, 60)); diff != "" { // 58 days are left, and the grace is 7
		t.Errorf("rotated on days (-want +got):\n%s", diff)
	}
	if r.Clock().Now().Before(expires) || r.lives(keyB) {
		t.Errorf("%s lives: %t; it expires on %s\n%s", keyB, r.lives(keyB), expires, text(t, got))
	}
}

func TestARollbackByIDKeepsConsumersThatFailInSight(t *testing.T) {
	t.Parallel()
	seed := superseded()
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	r := startSeed(t, emulator.Options{}, seed, append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t)
	got := r.run(t, rollback(ordersID))
	if got.Outcome != report.Failure || r.latest(t) != keyB || !strings.Contains(errs(got), "function courier: its deployment failed") {
		t.Fatalf("readers get %s\n%s", r.latest(t), text(t, got))
	}
	courier, _ := r.Endpoint("courier")
	r.FailDeployments(courier.ID, false)
	r.Clock().Advance(time.Hour)
	r.carried(t, r.mustRun(t, run.Request{}))
}

func TestWhatCannotBeRolledBackIsRefusedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	keep := append(only(), "ROTATOR_REQUESTS_PER_SECOND=1000")
	for _, tt := range []struct {
		name, application, says string
		seed                    emulator.Seed
		prepare                 func(*rig)
	}{
		{"after the grace", "orders", "rollback: application orders cannot go back: the grace of the key before, " + keyB + ", ended on ", superseded(), func(r *rig) { r.Clock().Advance(8 * day) }},
		{"nothing before", "orders", "rollback: application orders cannot go back: no version before the current key's is enabled", carrying(10), nil},
		{"nothing published", "orders", "rollback: application orders cannot go back: no key is published", small(emulator.SeedApplication{Keys: []emulator.SeedKey{theirs(keyA)}}), nil},
		{"the key before is gone", "orders", "rollback: application orders cannot go back: the key before, " + keyB + ", is gone", superseded(), func(r *rig) {
			r.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+keyB, nil)
		}},
		{"not in scope", "invoicing", `rollback: "invoicing" is not an application in scope`, superseded(), nil},
		{"no such application", "odrers", `rollback: "odrers" is not an application in scope`, superseded(), nil},
		{"the function's own", "rotator", "rollback: rotator is the function's own application", superseded(), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{}, tt.seed, keep...)
			if tt.prepare != nil {
				tt.prepare(r)
			}
			for _, req := range []run.Request{rollback(tt.application), {Rollback: []string{tt.application}, DryRun: true}} {
				if got := r.refusedWith(t, req); !strings.HasPrefix(got, tt.says) {
					t.Errorf("it says %q, want %q", got, tt.says)
				}
			}
		})
	}
}

// Going back to a key that is refused would leave readers without one.
func TestARollbackToAKeyThatDoesNotWorkFailsAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, superseded(), only()...)
	r.watch(t)
	r.Arm(emulator.Fault{
		Method: http.MethodGet, Path: "/iam/v1alpha1/api-keys/" + keyB, Times: -1, Status: http.StatusUnauthorized,
		Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`,
	})
	r.ForgetHistory()
	got := r.run(t, rollback("orders"))
	if got.Outcome != report.Failure || !strings.Contains(errs(got), "application orders: not rolled back: the key before, "+keyB+", is refused by the API") {
		t.Errorf("outcome %s:\n%s", got.Outcome, errs(got))
	}
	if w := r.writes(); len(w) > 0 {
		t.Errorf("sent %v", w)
	}
	if a := application(t, got, "orders"); a.Action != "failed" {
		t.Errorf("orders is %s: %s", a.Action, a.Why)
	}
}

// Once its version is disabled, only the ledger tells who carries the bad key: a
// consumer that was left with it keeps it, whoever wants it dead.
func TestABadKeyThatAConsumerWasLeftWithCannotBeRevoked(t *testing.T) {
	t.Parallel()
	seed := superseded()
	delete(seed.Serverless[0].FunctionNamespaces[0].Functions[1].Env, "ORDERS_ACCESS_KEY")
	r := startSeed(t, emulator.Options{}, seed, append(only(), "ROTATOR_CONSUMERS_EXCLUDE=packer")...)
	r.watch(t, keyA)
	if got := r.announced(t, rollback("orders")); got.Outcome != report.Success || r.latest(t) != keyB {
		t.Fatalf("it was not rolled back:\n%s", text(t, got))
	}
	got := r.announced(t, revoke(keyA))
	if got.Outcome != report.Failure || !r.lives(keyA) || !strings.Contains(errs(got), "key "+keyA+" is kept: container packer carries it in ORDERS_API_KEY") {
		t.Errorf("%s lives: %t\n%s", keyA, r.lives(keyA), text(t, got))
	}
	r.served(t)
}

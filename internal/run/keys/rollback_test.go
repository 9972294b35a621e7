package keys_test

import (
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

// daily does a run a day, each a success, and says on which of them orders was
// rotated, from 0.
func daily(t *testing.T, r *runtest.Rig, days int) (rotated []int) {
	t.Helper()
	for n := range days {
		r.Clock().Advance(runtest.Day)
		if runtest.Application(t, r.MustRun(t, run.Request{}), "orders").Action == "rotated" {
			rotated = append(rotated, n)
		}
	}
	return rotated
}

// A person who finds the new key bad gets the one before back, for readers and
// for consumers, until they say that it may be rotated again.
func TestLongARollbackBringsTheKeyBeforeBackUntilForced(t *testing.T) {
	t.Parallel()
	seed := runtest.Superseded()
	seed.Applications[1].Keys[0].ExpiresIn = runtest.Age(90)
	r := runtest.StartSeed(t, emulator.Options{}, seed, append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	got := r.Announced(t, runtest.Rollback("orders"))
	if a := runtest.Application(t, got, "orders"); got.Outcome != report.Success || a.Action != "rolled back" || a.Why != "from "+runtest.KeyA+" to "+runtest.KeyB+"; rotated again once that is forced" {
		t.Fatalf("orders is %s: %s\n%s", a.Action, a.Why, runtest.Text(t, got))
	}
	if now := r.Latest(t); now != runtest.KeyB {
		t.Errorf("readers get %s", now)
	}
	want := []string{"enabled rotator: key " + runtest.KeyB + "; held", "disabled rotator: key " + runtest.KeyA + "; rolled back; carried by 4"}
	if diff := cmp.Diff(want, r.Versions(t)); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	r.Carried(t, got)
	if !r.Lives(runtest.KeyA) {
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
	for n := range 60 { // KeyB is 32 days old, and so due
		r.Clock().Advance(runtest.Day)
		a := runtest.Application(t, r.MustRun(t, run.Request{}), "orders")
		if a.Action != "kept" || !strings.HasPrefix(a.Why, "a person went back to it") || !r.Lives(runtest.KeyB) {
			t.Fatalf("day %d: orders is %s: %s", n, a.Action, a.Why)
		}
		if !r.Lives(runtest.KeyA) && died == 0 {
			died = n + 1
		}
	}
	if died != 7 { // the consumers had minutes longer, for which nobody waits a day
		t.Errorf("the bad key died on day %d, want 7: when its grace ends", died)
	}
	forced := runtest.Application(t, r.MustRun(t, run.Request{Force: true}), "orders")
	if forced.Action != "rotated" || r.Latest(t) == runtest.KeyB {
		t.Errorf("forced, orders is %s: %s", forced.Action, forced.Why)
	}
	if diff := cmp.Diff([]int{29, 59}, daily(t, r, 61)); diff != "" {
		t.Errorf("rotated on days (-want +got):\n%s", diff)
	}
	if r.Lives(runtest.KeyB) {
		t.Error("the key that was gone back to lives on, long after it was superseded again")
	}
}

// Nobody is to be left with a key that has expired, also where a person holds on
// to it.
func TestLongAKeyThatWasGoneBackToIsReplacedBeforeItExpires(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Superseded(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t) // that the published key never expires
	got := r.MustRun(t, runtest.Rollback("orders"))
	expires := r.Keys("orders")[0].Expires
	if diff := cmp.Diff([]int{50}, daily(t, r, 60)); diff != "" { // 58 days are left, and the grace is 7
		t.Errorf("rotated on days (-want +got):\n%s", diff)
	}
	if r.Clock().Now().Before(expires) || r.Lives(runtest.KeyB) {
		t.Errorf("%s lives: %t; it expires on %s\n%s", runtest.KeyB, r.Lives(runtest.KeyB), expires, runtest.Text(t, got))
	}
}

func TestARollbackByIDKeepsConsumersThatFailInSight(t *testing.T) {
	t.Parallel()
	seed := runtest.Superseded()
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	r := runtest.StartSeed(t, emulator.Options{}, seed, append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	got := r.Run(t, runtest.Rollback(runtest.OrdersID))
	if got.Outcome != report.Failure || r.Latest(t) != runtest.KeyB || !strings.Contains(runtest.Errors(got), "function courier: its deployment failed") {
		t.Fatalf("readers get %s\n%s", r.Latest(t), runtest.Text(t, got))
	}
	courier, _ := r.Endpoint("courier")
	r.FailDeployments(courier.ID, false)
	r.Clock().Advance(time.Hour)
	r.Carried(t, r.MustRun(t, run.Request{}))
}

func TestWhatCannotBeRolledBackIsRefusedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	keep := append(runtest.Only(), "ROTATOR_REQUESTS_PER_SECOND=1000")
	for _, tt := range []struct {
		name, application, says string
		seed                    emulator.Seed
		prepare                 func(*runtest.Rig)
	}{
		{"after the grace", "orders", "rollback: application orders cannot go back: the grace of the key before, " + runtest.KeyB + ", ended on ", runtest.Superseded(), func(r *runtest.Rig) { r.Clock().Advance(8 * runtest.Day) }},
		{"nothing before", "orders", "rollback: application orders cannot go back: no version before the current key's is enabled", runtest.Carrying(10), nil},
		{"nothing published", "orders", "rollback: application orders cannot go back: no key is published", runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Theirs(runtest.KeyA)}}), nil},
		{"the key before is gone", "orders", "rollback: application orders cannot go back: the key before, " + runtest.KeyB + ", is gone", runtest.Superseded(), func(r *runtest.Rig) {
			r.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+runtest.KeyB, nil)
		}},
		{"not in scope", "invoicing", `rollback: "invoicing" is not an application in scope`, runtest.Superseded(), nil},
		{"no such application", "odrers", `rollback: "odrers" is not an application in scope`, runtest.Superseded(), nil},
		{"the function's own", "rotator", "rollback: rotator is the function's own application", runtest.Superseded(), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, tt.seed, keep...)
			if tt.prepare != nil {
				tt.prepare(r)
			}
			for _, req := range []run.Request{runtest.Rollback(tt.application), {Rollback: []string{tt.application}, DryRun: true}} {
				if got := refusedWith(t, r, req); !strings.HasPrefix(got, tt.says) {
					t.Errorf("it says %q, want %q", got, tt.says)
				}
			}
		})
	}
}

// Going back to a key that is refused would leave readers without one.
func TestARollbackToAKeyThatDoesNotWorkFailsAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Superseded(), runtest.Only()...)
	r.Watch(t)
	r.Arm(emulator.Fault{
		Method: http.MethodGet, Path: "/iam/v1alpha1/api-keys/" + runtest.KeyB, Times: -1, Status: http.StatusUnauthorized,
		Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`,
	})
	r.ForgetHistory()
	got := r.Run(t, runtest.Rollback("orders"))
	if got.Outcome != report.Failure || !strings.Contains(runtest.Errors(got), "application orders: not rolled back: the key before, "+runtest.KeyB+", is refused by the API") {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Errors(got))
	}
	if w := r.Writes(); len(w) > 0 {
		t.Errorf("sent %v", w)
	}
	if a := runtest.Application(t, got, "orders"); a.Action != "failed" {
		t.Errorf("orders is %s: %s", a.Action, a.Why)
	}
}

// Once its version is disabled, only the ledger tells who carries the bad key: a
// consumer that was left with it keeps it, whoever wants it dead.
func TestABadKeyThatAConsumerWasLeftWithCannotBeRevoked(t *testing.T) {
	t.Parallel()
	seed := runtest.Superseded()
	delete(seed.Serverless[0].FunctionNamespaces[0].Functions[1].Env, "ORDERS_ACCESS_KEY")
	r := runtest.StartSeed(t, emulator.Options{}, seed, append(runtest.Only(), "ROTATOR_CONSUMERS_EXCLUDE=packer")...)
	r.Watch(t, runtest.KeyA)
	if got := r.Announced(t, runtest.Rollback("orders")); got.Outcome != report.Success || r.Latest(t) != runtest.KeyB {
		t.Fatalf("it was not rolled back:\n%s", runtest.Text(t, got))
	}
	got := r.Announced(t, runtest.Revoke(runtest.KeyA))
	if got.Outcome != report.Failure || !r.Lives(runtest.KeyA) || !strings.Contains(runtest.Errors(got), "key "+runtest.KeyA+" is kept: container packer carries it in ORDERS_API_KEY") {
		t.Errorf("%s lives: %t\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Text(t, got))
	}
	r.Served(t)
}

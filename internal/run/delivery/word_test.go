package delivery_test

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

// A key whose secret nobody knows goes by a person's word. The run that deletes it
// names what may hold it: the person could not see that by asking alone.
func TestTheRunThatDeletesAKeyByAPersonsWordNamesWhomThatMayBreak(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}}
	for _, now := range []bool{false, true} {
		for _, first := range []bool{false, true} { // run of all, or after a rotation
			l := live(t, plainly(person))
			if !first {
				l.days(1)
			}
			req := run.Request{Revoke: []string{runtest.KeyA}, Now: now}
			told := func(rep *report.Report) {
				t.Helper()
				l.last = rep
				l.says(runtest.KeyA, "orders", "secret_1 of function courier", "x of container packer", "ORDERS_SECRET of function namespace batch", "returns of container namespace jobs", "put the published key")
			}
			req.DryRun = true
			told(l.Rig.Run(t, req))
			req.DryRun = false
			if now {
				l.auditor.RevokedNow(runtest.KeyA)
			} else {
				l.auditor.Revoked(runtest.KeyA)
			}
			told(l.MustRun(t, req))
			if l.Lives(runtest.KeyA) {
				t.Errorf("now %t, first %t: it lives", now, first)
			}
			runtest.Upright(t, l.auditor)
			if status := l.CallAs("packer", "x", "checkout"); status != http.StatusForbidden {
				t.Errorf("its consumer gets %d", status)
			}
			if l.run(); strings.Contains(runtest.Text(t, l.last), "secret_1") {
				t.Errorf("now %t, first %t: the run after it speaks of it still:\n%s", now, first, runtest.Text(t, l.last))
			}
		}
	}
}

// What was deployed before its namespace was changed runs with what its variables
// do not show any more.
func TestTheRunThatDeletesAKeyNowNamesWhatMayRunWithItStill(t *testing.T) {
	t.Parallel()
	l := live(t, plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 10)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 10))))
	l.days(1)
	l.setNamespace("functions/v1beta1", "batch", "ORDERS_SECRET", "none-of-ours")
	l.auditor.RevokedNow(runtest.KeyA)
	l.last = l.Rig.Run(t, run.Request{Revoke: []string{runtest.KeyA}, Now: true})
	if status := l.CallAs("nightly", "ORDERS_SECRET", "checkout"); status != http.StatusForbidden || l.Lives(runtest.KeyA) {
		t.Fatalf("it gets %d; the key lives: %t", status, l.Lives(runtest.KeyA))
	}
	l.says(runtest.KeyA, "function nightly was deployed before its namespace was changed", "redeploy it")
	runtest.Upright(t, l.auditor)
	l.Clock().Advance(time.Minute)
	if behind := l.auditor.Behind()["orders"]; len(behind) > 0 {
		t.Errorf("behind are %q", behind)
	}
}

// A plain variable that names the key is no doubt: without now it holds the key up,
// and with it, the run says who breaks.
func TestAPersonsWordDoesNotCoverWhatNamesTheKey(t *testing.T) {
	t.Parallel()
	seed := plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}})
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Env = map[string]string{"KEY_ID": runtest.KeyA}
	l := live(t, seed)
	l.days(1)
	l.auditor.Revoked(runtest.KeyA)
	if got := l.Rig.Run(t, runtest.Revoke(runtest.KeyA)); !l.Lives(runtest.KeyA) || got.Outcome != report.Failure || !strings.Contains(runtest.Errors(got), "function courier carries it in KEY_ID") {
		t.Errorf("it lives: %t\n%s", l.Lives(runtest.KeyA), runtest.Text(t, got))
	}
	runtest.Upright(t, l.auditor)
	l.auditor.RevokedNow(runtest.KeyA)
	l.last = l.Rig.Run(t, run.Request{Revoke: []string{runtest.KeyA}, Now: true})
	if l.Lives(runtest.KeyA) {
		t.Errorf("it lives:\n%s", runtest.Text(t, l.last))
	}
	l.says("function courier", runtest.KeyA, "KEY_ID")
	l.says(runtest.KeyA, "x of container packer")
	runtest.Upright(t, l.auditor)
}

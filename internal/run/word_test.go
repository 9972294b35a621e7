package run_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A key whose secret nobody knows goes by a person's word. The run that deletes it
// names what may hold it: the person could not see that by asking alone.
func TestTheRunThatDeletesAKeyByAPersonsWordNamesWhomThatMayBreak(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}}
	for _, now := range []bool{false, true} {
		for _, first := range []bool{false, true} { // run of all, or after a rotation
			l := live(t, plainly(person))
			if !first {
				l.days(1)
			}
			req := run.Request{Revoke: []string{keyA}, Now: now}
			told := func(rep *report.Report) {
				t.Helper()
				l.last = rep
				l.says(keyA, "orders", "secret_1 of function courier", "x of container packer", "ORDERS_SECRET of function namespace batch", "returns of container namespace jobs", "put the published key")
			}
			req.DryRun = true
			told(l.rig.run(t, req))
			req.DryRun = false
			if now {
				l.auditor.RevokedNow(keyA)
			} else {
				l.auditor.Revoked(keyA)
			}
			told(l.mustRun(t, req))
			if l.lives(keyA) {
				t.Errorf("now %t, first %t: it lives", now, first)
			}
			upright(t, l.auditor)
			if status := l.CallAs("packer", "x", "checkout"); status != http.StatusForbidden {
				t.Errorf("its consumer gets %d", status)
			}
			if l.run(); strings.Contains(text(t, l.last), "secret_1") {
				t.Errorf("now %t, first %t: the run after it speaks of it still:\n%s", now, first, text(t, l.last))
			}
		}
	}
}

// What was deployed before its namespace was changed runs with what its variables
// do not show any more.
func TestTheRunThatDeletesAKeyNowNamesWhatMayRunWithItStill(t *testing.T) {
	t.Parallel()
	l := live(t, plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, 10)}}, credentialOf(holds(keyA, 10))))
	l.days(1)
	l.setNamespace("functions/v1beta1", "batch", "ORDERS_SECRET", "none-of-ours")
	l.auditor.RevokedNow(keyA)
	l.last = l.rig.run(t, run.Request{Revoke: []string{keyA}, Now: true})
	if status := l.CallAs("nightly", "ORDERS_SECRET", "checkout"); status != http.StatusForbidden || l.lives(keyA) {
		t.Fatalf("it gets %d; the key lives: %t", status, l.lives(keyA))
	}
	l.says(keyA, "function nightly was deployed before its namespace was changed", "redeploy it")
	upright(t, l.auditor)
	l.Clock().Advance(time.Minute)
	if behind := l.auditor.Behind()["orders"]; len(behind) > 0 {
		t.Errorf("behind are %q", behind)
	}
}

// A plain variable that names the key is no doubt: without now it holds the key up,
// and with it, the run says who breaks.
func TestAPersonsWordDoesNotCoverWhatNamesTheKey(t *testing.T) {
	t.Parallel()
	seed := plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}})
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Env = map[string]string{"KEY_ID": keyA}
	l := live(t, seed)
	l.days(1)
	l.auditor.Revoked(keyA)
	if got := l.rig.run(t, revoke(keyA)); !l.lives(keyA) || got.Outcome != report.Failure || !strings.Contains(errs(got), "function courier carries it in KEY_ID") {
		t.Errorf("it lives: %t\n%s", l.lives(keyA), text(t, got))
	}
	upright(t, l.auditor)
	l.auditor.RevokedNow(keyA)
	l.last = l.rig.run(t, run.Request{Revoke: []string{keyA}, Now: true})
	if l.lives(keyA) {
		t.Errorf("it lives:\n%s", text(t, l.last))
	}
	l.says("function courier", keyA, "KEY_ID")
	l.says(keyA, "x of container packer")
	upright(t, l.auditor)
}

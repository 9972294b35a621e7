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

func revokeNow(keys ...string) run.Request { return run.Request{Revoke: keys, Now: true} }

// Without now, a consumer that is left with the key holds it up, and the run says
// so; with it, the key dies before anything is delivered, and the report lists who
// breaks.
func TestARevokedKeyDiesNowWhoeverCarriesIt(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, carrying(10), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	waits := r.announced(t, revoke(keyA))
	if waits.Outcome != report.Failure || !r.lives(keyA) || !strings.Contains(errs(waits), "function courier carries it in ORDERS_") || !strings.Contains(errs(waits), `"now": true`) {
		t.Fatalf("%s lives: %t, and the run says:\n%s", keyA, r.lives(keyA), errs(waits))
	}
	began := r.Clock().Now()
	got := r.announced(t, revokeNow(keyA))
	if r.lives(keyA) {
		t.Fatalf("it lives on:\n%s", text(t, got))
	}
	if took := r.Clock().Now().Sub(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	dead := application(t, got, "orders").Dead
	if len(dead) != 1 || dead[0].AccessKey != keyA || dead[0].Result != "refused" {
		t.Errorf("dead keys %+v", dead)
	}
	breaks := false
	for _, f := range got.Findings {
		breaks = breaks || f.Level == report.Error && strings.Contains(f.Subject, "courier") && strings.Contains(f.Text, keyA) && strings.Contains(f.Text, "which this run deleted")
	}
	if !breaks {
		t.Errorf("it does not say who breaks:\n%s", text(t, got))
	}
	if status := r.CallAs("courier", "ORDERS_SECRET_KEY", "checkout"); status != http.StatusForbidden {
		t.Errorf("the deleted key gets %d", status)
	}
}

// What carries the key and may be given another gets it, after the key is dead.
func TestConsumersOfAKeyThatDiedNowGetTheCurrentOne(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, carrying(10), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	got := r.announced(t, revokeNow(keyA))
	died, _ := at(got, "delete_key")
	delivered, _ := at(got, "update_environment")
	if r.lives(keyA) || died < 0 || delivered < died {
		t.Errorf("%s lives: %t; it was deleted at change %d, and the first delivery is change %d", keyA, r.lives(keyA), died, delivered)
	}
	r.served(t)
	for _, c := range r.mustRun(t, run.Request{}).Changes { // the ledger learns of the delivery now
		if !strings.HasSuffix(c.Object, "/rotator/rotator-ledger") {
			t.Errorf("a run after it changed %s %s", c.Kind, c.Object)
		}
	}
}

// A key that is only superseded does not go along: nobody has looked yet who
// carries it.
func TestNothingElseDiesWithAKeyThatDiesNow(t *testing.T) {
	t.Parallel()
	seed := carrying(10)
	seed.Applications[1].Keys = []emulator.SeedKey{minted(keyB, 40), minted(keyA, 10)}
	seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyB, 40), holds(keyA, 10))} // the grace of the first is over
	r := startSeed(t, emulator.Options{}, seed, only()...)
	got := r.announced(t, revokeNow(keyA))
	if r.lives(keyA) || !r.lives(keyB) {
		t.Errorf("%s lives: %t, %s lives: %t\n%s", keyA, r.lives(keyA), keyB, r.lives(keyB), text(t, got))
	}
	r.Clock().Advance(8 * day)
	if r.mustRun(t, run.Request{}); r.lives(keyB) {
		t.Errorf("%s is not retired once its grace is over", keyB)
	}
}

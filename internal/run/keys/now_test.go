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

// Without now, a consumer that is left with the key holds it up, and the run says
// so; with it, the key dies before anything is delivered, and the report lists who
// breaks.
func TestARevokedKeyDiesNowWhoeverCarriesIt(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(10), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	waits := r.Announced(t, runtest.Revoke(runtest.KeyA))
	if waits.Outcome != report.Failure || !r.Lives(runtest.KeyA) || !strings.Contains(runtest.Errors(waits), "function courier carries it in ORDERS_") || !strings.Contains(runtest.Errors(waits), `"now": true`) {
		t.Fatalf("%s lives: %t, and the run says:\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Errors(waits))
	}
	began := r.Clock().Now()
	got := r.Announced(t, runtest.RevokeNow(runtest.KeyA))
	if r.Lives(runtest.KeyA) {
		t.Fatalf("it lives on:\n%s", runtest.Text(t, got))
	}
	if took := r.Clock().Now().Sub(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	dead := runtest.Application(t, got, "orders").Dead
	if len(dead) != 1 || dead[0].AccessKey != runtest.KeyA || dead[0].Result != "refused" {
		t.Errorf("dead keys %+v", dead)
	}
	breaks := false
	for _, f := range got.Findings {
		breaks = breaks || f.Level == report.Error && strings.Contains(f.Subject, "courier") && strings.Contains(f.Text, runtest.KeyA) && strings.Contains(f.Text, "which this run deleted")
	}
	if !breaks {
		t.Errorf("it does not say who breaks:\n%s", runtest.Text(t, got))
	}
	if status := r.CallAs("courier", "ORDERS_SECRET_KEY", "checkout"); status != http.StatusForbidden {
		t.Errorf("the deleted key gets %d", status)
	}
}

// What carries the key and may be given another gets it, after the key is dead.
func TestConsumersOfAKeyThatDiedNowGetTheCurrentOne(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(10), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	got := r.Announced(t, runtest.RevokeNow(runtest.KeyA))
	died, _ := at(got, "delete_key")
	delivered, _ := at(got, "update_environment")
	if r.Lives(runtest.KeyA) || died < 0 || delivered < died {
		t.Errorf("%s lives: %t; it was deleted at change %d, and the first delivery is change %d", runtest.KeyA, r.Lives(runtest.KeyA), died, delivered)
	}
	r.Served(t)
	for _, c := range r.MustRun(t, run.Request{}).Changes { // the ledger learns of the delivery now
		if !strings.HasSuffix(c.Object, "/rotator/rotator-ledger") {
			t.Errorf("a run after it changed %s %s", c.Kind, c.Object)
		}
	}
}

// A key that is only superseded does not go along: nobody has looked yet who
// carries it.
func TestNothingElseDiesWithAKeyThatDiesNow(t *testing.T) {
	t.Parallel()
	seed := runtest.Carrying(10)
	seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyB, 40), runtest.Minted(runtest.KeyA, 10)}
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyB, 40), runtest.Holds(runtest.KeyA, 10))} // the grace of the first is over
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	got := r.Announced(t, runtest.RevokeNow(runtest.KeyA))
	if r.Lives(runtest.KeyA) || !r.Lives(runtest.KeyB) {
		t.Errorf("%s lives: %t, %s lives: %t\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.KeyB, r.Lives(runtest.KeyB), runtest.Text(t, got))
	}
	r.Clock().Advance(8 * runtest.Day)
	if r.MustRun(t, run.Request{}); r.Lives(runtest.KeyB) {
		t.Errorf("%s is not retired once its grace is over", runtest.KeyB)
	}
}

package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// retired is a project in which the grace of a key is over.
func retired() emulator.Seed {
	seed := carrying(10)
	seed.Applications[1].Keys = []emulator.SeedKey{minted(keyB, 40), minted(keyA, 8)}
	seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyB, 40), holds(keyA, 8))}
	return seed
}

func TestARetiredKeyIsProvenDeadInTheSameRun(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{DeadLag: 40 * time.Second}, retired(), append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t)
	got := r.announced(t, run.Request{})
	dead := application(t, got, "orders").Dead
	if r.lives(keyB) || len(dead) != 1 || dead[0].AccessKey != keyB || dead[0].Result != "refused" || !strings.HasPrefix(dead[0].Where, "https://") {
		t.Fatalf("dead keys %+v:\n%s", dead, text(t, got))
	}
	if dead[0].Seconds == nil || *dead[0].Seconds < 40 || *dead[0].Seconds > 50 {
		t.Errorf("refused after %v seconds, want 40 to 50", dead[0].Seconds)
	}
	if !strings.Contains(text(t, got), keyB+" is deleted and refused by https://") {
		t.Errorf("the text does not say so:\n%s", text(t, got))
	}
	if v := r.versions(t); len(v) != 2 || v[0] != "scheduled_for_deletion rotator: key "+keyB || r.latest(t) != keyA {
		t.Errorf("versions %q", v)
	}
	if again := r.mustRun(t, run.Request{}); len(again.Changes) > 0 || len(application(t, again, "orders").Dead) > 0 {
		t.Errorf("it was proven again: %v", did(again))
	}
}

// All of a run's retired keys have two minutes together.
func TestAllRetiredKeysAreProvenDeadTogether(t *testing.T) {
	t.Parallel()
	seed := retired()
	seed.Applications[1].Keys = append([]emulator.SeedKey{minted(keyC, 70)}, seed.Applications[1].Keys...)
	seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyC, 70), holds(keyB, 40), holds(keyA, 8))}
	r := startSeed(t, emulator.Options{DeadLag: 100 * time.Second}, seed, append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t)
	began := r.Clock().Now()
	got := r.mustRun(t, run.Request{})
	if dead := application(t, got, "orders").Dead; len(dead) != 2 || dead[0].Result != "refused" || dead[1].Result != "refused" {
		t.Errorf("dead keys %+v", dead)
	}
	if took := r.Clock().Now().Sub(began); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
}

// A cache that goes on to let a deleted key in is found out, each day again: the
// ledger has its secret.
func TestADeletedKeyThatIsStillLetInFailsTheRunUntilItIsRefused(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{DeadLag: 60 * time.Hour}, retired(), append(only(), "ROTATOR_OWN_KEY=keep")...)
	r.watch(t)
	for range 3 {
		got := r.run(t, run.Request{})
		dead := application(t, got, "orders").Dead
		if got.Outcome != report.Failure || len(dead) != 1 || dead[0].Result != "accepted" || !strings.Contains(errs(got), "the deleted key "+keyB+" is not refused by https://") {
			t.Errorf("outcome %s, dead keys %+v:\n%s", got.Outcome, dead, errs(got))
		}
		if v := r.versions(t); len(v) != 2 || !strings.HasPrefix(v[0], "disabled") || r.latest(t) != keyA {
			t.Errorf("versions %q: nothing tells any more what died", v)
		}
		r.Clock().Advance(24 * time.Hour)
	}
	if dead := application(t, r.mustRun(t, run.Request{}), "orders").Dead; len(dead) != 1 || dead[0].Result != "refused" || dead[0].Seconds != nil {
		t.Errorf("dead keys %+v", dead)
	}
	if v := r.versions(t); !strings.HasPrefix(v[0], "scheduled_for_deletion") {
		t.Errorf("versions %q", v)
	}
}

func TestAKeyThatIsRevokedAndStillLetInFailsTheRun(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{DeadLag: time.Hour}, superseded(), only()...)
	r.watch(t, keyB)
	got := r.run(t, revoke(keyB))
	dead := application(t, got, "orders").Dead
	if got.Outcome != report.Failure || r.lives(keyB) || len(dead) != 1 || dead[0].Result != "accepted" || dead[0].Seconds != nil {
		t.Errorf("outcome %s, dead keys %+v", got.Outcome, dead)
	}
	if !strings.Contains(errs(got), "the deleted key "+keyB+" is not refused by https://") {
		t.Errorf("it says %s", errs(got))
	}
}

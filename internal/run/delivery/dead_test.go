package delivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// retired is a project in which the grace of a key is over.
func retired() emulator.Seed {
	seed := runtest.Carrying(10)
	seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyB, 40), runtest.Minted(runtest.KeyA, 8)}
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyB, 40), runtest.Holds(runtest.KeyA, 8))}
	return seed
}

func TestARetiredKeyIsProvenDeadInTheSameRun(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{DeadLag: 40 * time.Second}, retired(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	got := r.Announced(t, run.Request{})
	dead := runtest.Application(t, got, "orders").Dead
	if r.Lives(runtest.KeyB) || len(dead) != 1 || dead[0].AccessKey != runtest.KeyB || dead[0].Result != "refused" || !strings.HasPrefix(dead[0].Where, "https://") {
		t.Fatalf("dead keys %+v:\n%s", dead, runtest.Text(t, got))
	}
	if dead[0].Seconds == nil || *dead[0].Seconds < 40 || *dead[0].Seconds > 50 {
		t.Errorf("refused after %v seconds, want 40 to 50", dead[0].Seconds)
	}
	if !strings.Contains(runtest.Text(t, got), runtest.KeyB+" is deleted and refused by https://") {
		t.Errorf("the text does not say so:\n%s", runtest.Text(t, got))
	}
	if v := r.Versions(t); len(v) != 2 || v[0] != "scheduled_for_deletion rotator: key "+runtest.KeyB || r.Latest(t) != runtest.KeyA {
		t.Errorf("versions %q", v)
	}
	if again := r.MustRun(t, run.Request{}); len(again.Changes) > 0 || len(runtest.Application(t, again, "orders").Dead) > 0 {
		t.Errorf("it was proven again: %v", runtest.Did(again))
	}
}

// All of a run's retired keys have two minutes together.
func TestAllRetiredKeysAreProvenDeadTogether(t *testing.T) {
	t.Parallel()
	seed := retired()
	seed.Applications[1].Keys = append([]emulator.SeedKey{runtest.Minted(runtest.KeyC, 70)}, seed.Applications[1].Keys...)
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyC, 70), runtest.Holds(runtest.KeyB, 40), runtest.Holds(runtest.KeyA, 8))}
	r := runtest.StartSeed(t, emulator.Options{DeadLag: 100 * time.Second}, seed, append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	began := r.Clock().Now()
	got := r.MustRun(t, run.Request{})
	if dead := runtest.Application(t, got, "orders").Dead; len(dead) != 2 || dead[0].Result != "refused" || dead[1].Result != "refused" {
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
	r := runtest.StartSeed(t, emulator.Options{DeadLag: 60 * time.Hour}, retired(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	for range 3 {
		got := r.Run(t, run.Request{})
		dead := runtest.Application(t, got, "orders").Dead
		if got.Outcome != report.Failure || len(dead) != 1 || dead[0].Result != "accepted" || !strings.Contains(runtest.Errors(got), "the deleted key "+runtest.KeyB+" is not refused by https://") {
			t.Errorf("outcome %s, dead keys %+v:\n%s", got.Outcome, dead, runtest.Errors(got))
		}
		if v := r.Versions(t); len(v) != 2 || !strings.HasPrefix(v[0], "disabled") || r.Latest(t) != runtest.KeyA {
			t.Errorf("versions %q: nothing tells any more what died", v)
		}
		r.Clock().Advance(24 * time.Hour)
	}
	if dead := runtest.Application(t, r.MustRun(t, run.Request{}), "orders").Dead; len(dead) != 1 || dead[0].Result != "refused" || dead[0].Seconds != nil {
		t.Errorf("dead keys %+v", dead)
	}
	if v := r.Versions(t); !strings.HasPrefix(v[0], "scheduled_for_deletion") {
		t.Errorf("versions %q", v)
	}
}

func TestAKeyThatIsRevokedAndStillLetInFailsTheRun(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{DeadLag: time.Hour}, runtest.Superseded(), runtest.Only()...)
	r.Watch(t, runtest.KeyB)
	got := r.Run(t, runtest.Revoke(runtest.KeyB))
	dead := runtest.Application(t, got, "orders").Dead
	if got.Outcome != report.Failure || r.Lives(runtest.KeyB) || len(dead) != 1 || dead[0].Result != "accepted" || dead[0].Seconds != nil {
		t.Errorf("outcome %s, dead keys %+v", got.Outcome, dead)
	}
	if !strings.Contains(runtest.Errors(got), "the deleted key "+runtest.KeyB+" is not refused by https://") {
		t.Errorf("it says %s", runtest.Errors(got))
	}
}

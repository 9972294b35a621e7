package delivery_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Four months with a consumer of each kind and with the function's own key. The
// function follows its environment: each run has what the platform would start
// it with.
func TestLongFourMonthsOfConsumersThatCarryAKey(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{KeyLag: 45 * time.Second}, runtest.Carrying(10), "ROTATOR_REGIONS=fr-par")
	auditor := r.Watch(t)
	first := r.Cfg.AccessKey
	retired, dead := map[string]bool{first: false}, map[string]bool{}
	rotations := map[string]int{}
	const days = 120
	for day := range days {
		r.Restart(t)
		auditor.RunsOn(r.Cfg.AccessKey)
		began := r.Clock().Now()
		rep := r.MustRun(t, run.Request{})
		for _, a := range rep.Applications {
			if a.Action == "rotated" {
				rotations[a.Name]++
			}
			for _, c := range rep.Changes {
				if c.Kind == "delete_key" {
					retired[c.Object] = true
				}
			}
			for _, d := range a.Dead {
				if own := a.Name == "rotator"; d.Result != "refused" && !own { // of the own key, nobody has the secret any more
					t.Errorf("day %d: key %s is %s %s", day, d.AccessKey, d.Result, d.Detail)
				}
				if !retired[d.AccessKey] || dead[d.AccessKey] {
					t.Errorf("day %d: key %s is proven dead, and this run has not retired it", day, d.AccessKey)
				}
				dead[d.AccessKey] = true
			}
		}
		for name, most := range map[string]int{"orders": 2, "rotator": 2} {
			if n := len(r.Keys(name)); n > most {
				t.Errorf("day %d: %s has %d keys", day, name, n)
			}
		}
		for _, c := range rep.Consumers {
			if !slices.Contains([]string{"up to date", "delivered", "redeployed"}, c.Result) && c.Name != "key-rotator" {
				t.Errorf("day %d: %s %s is %s: %s", day, c.Kind, c.Name, c.Result, c.Detail)
			}
		}
		for r.Clock().Now().Before(began.Add(24 * time.Hour)) {
			r.Served(t)
			r.Clock().Advance(2 * time.Hour)
		}
	}
	for name, want := range map[string]int{"orders": 4, "rotator": 4} {
		if rotations[name] != want {
			t.Errorf("%d rotations of the key of %s in %d days, want %d", rotations[name], name, days, want)
		}
	}
	for key := range retired {
		if !dead[key] {
			t.Errorf("key %s was retired, and no report says that it is refused", key)
		}
	}
	if len(dead) != 8 {
		t.Errorf("%d keys were proven dead, want 8", len(dead))
	}
	if r.Cfg.AccessKey == first {
		t.Error("the function runs on the key that it was deployed with")
	}
	runtest.Upright(t, auditor)
}

// overdue is a project whose consumers carry a key of which the grace is over.
func overdue() emulator.Seed {
	seed := runtest.Carrying(40)
	seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyA, 40), runtest.Minted(runtest.KeyB, 9)}
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyA, 40), runtest.Holds(runtest.KeyB, 9))}
	return seed
}

// A run that died, or none for a while, leaves consumers with a key whose grace is
// over: that counts anew once they have another.
func TestAKeyThatIsCarriedBeyondItsGraceLivesOnOnceItIsReplaced(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, overdue(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	rep := r.Announced(t, run.Request{})
	r.Carried(t, rep)
	for _, row := range []struct {
		wait  time.Duration
		lives bool
	}{{r.Cfg.Grace - 2*time.Hour, true}, {2 * time.Hour, false}} {
		if !r.Lives(runtest.KeyA) {
			t.Errorf("%s is gone as soon as its consumers have another:\n%s", runtest.KeyA, runtest.Text(t, rep))
		}
		r.Clock().Advance(row.wait)
		if rep = r.MustRun(t, run.Request{}); r.Lives(runtest.KeyA) != row.lives {
			t.Errorf("after %s, %s lives: %t:\n%s", row.wait, runtest.KeyA, !row.lives, runtest.Text(t, rep))
		}
	}
}

// Whoever carries a key that a person has deleted is given the current one, even
// by a run that drops the version which held it.
func TestAConsumerOfAKeyThatIsGoneGetsTheCurrentOne(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, overdue(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	r.Watch(t)
	r.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+runtest.KeyA, nil)
	rep := r.Announced(t, run.Request{})
	if rep.Outcome != report.Success {
		t.Errorf("it failed:\n%s", runtest.Text(t, rep))
	}
	r.Carried(t, rep)
	r.Served(t)
}

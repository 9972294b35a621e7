package keys_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A leaked key that everybody uses is replaced, delivered and dead within one
// run, and the report says how long it was still let in.
func TestARevokedKeyIsReplacedDeliveredDeletedAndProvenDeadInOneRun(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 40 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{DeadLag: lag}, runtest.Carrying(10), runtest.Only()...)
			r.Watch(t, runtest.KeyA)
			got := r.Announced(t, runtest.Revoke(runtest.KeyA))
			if got.Outcome != report.Success || r.Lives(runtest.KeyA) || len(r.Keys("orders")) != 1 {
				t.Fatalf("%s lives: %t\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Text(t, got))
			}
			r.Carried(t, got)
			_, published := at(got, "publish")
			delivered, last := at(got, "update_environment")
			deleted, _ := at(got, "delete_key")
			if published < 0 || delivered < published || deleted < last {
				t.Errorf("published %d, delivered %d to %d, deleted %d: %v", published, delivered, last, deleted, got.Changes)
			}
			dead := runtest.Application(t, got, "orders").Dead
			if len(dead) != 1 || dead[0].AccessKey != runtest.KeyA || dead[0].Result != "refused" || !strings.HasPrefix(dead[0].Where, "https://") ||
				dead[0].Seconds == nil || *dead[0].Seconds != lag.Seconds() {
				t.Errorf("dead keys %+v", dead)
			}
			if want := fmt.Sprintf("after %.0f s", lag.Seconds()); !strings.Contains(runtest.Text(t, got), want) || !strings.Contains(runtest.Text(t, got), runtest.KeyA+" is deleted and refused by https://") {
				t.Errorf("the text does not say %q:\n%s", want, runtest.Text(t, got))
			}
			r.MustRun(t, run.Request{}) // the function's own key is published
			r.MustRun(t, run.Request{}) // and compared with everything
			if again := r.MustRun(t, run.Request{}); len(again.Changes) > 0 {
				t.Errorf("a run after it changed %v", runtest.Did(again))
			}
		})
	}
}

func TestRevokedKeysThatAreNotCurrentAreDeletedWithoutARotation(t *testing.T) {
	t.Parallel()
	unpublished := runtest.Carrying(10)
	unpublished.Applications[1].Keys = append(unpublished.Applications[1].Keys, runtest.Theirs(runtest.KeyC))
	disabled := runtest.Superseded()
	disabled.Secrets[0].Versions[0].Disabled = true
	for _, tt := range []struct {
		name, key, dead string
		seed            emulator.Seed
	}{
		{"superseded", runtest.KeyB, "refused", runtest.Superseded()},
		{"superseded, and still carried", runtest.KeyA, "refused", behind()},
		{"superseded, its secret not to be read", runtest.KeyB, "unproven", disabled},
		{"never published", runtest.KeyC, "unproven", unpublished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, tt.seed, runtest.Only()...)
			r.Watch(t, tt.key)
			got := r.Announced(t, runtest.Revoke(tt.key))
			if got.Outcome != report.Success || r.Lives(tt.key) {
				t.Fatalf("%s lives: %t\n%s", tt.key, r.Lives(tt.key), runtest.Text(t, got))
			}
			if made, _ := at(got, "create_key"); made >= 0 {
				t.Errorf("a key was made: %v", runtest.Did(got))
			}
			r.Carried(t, got)
			dead := runtest.Application(t, got, "orders").Dead
			if len(dead) != 1 || dead[0].AccessKey != tt.key || dead[0].Result != tt.dead || (dead[0].Seconds != nil) != (tt.dead == "refused") {
				t.Errorf("dead keys %+v, want %s %s", dead, tt.key, tt.dead)
			}
			if tt.dead == "unproven" && !strings.Contains(runtest.Text(t, got), tt.key+" is deleted and not proven dead: its secret is not known here") {
				t.Errorf("the text does not say so:\n%s", runtest.Text(t, got))
			}
		})
	}
}

// On a first run nothing is published yet: what is revoked is replaced first.
func TestAKeyThatNobodyPublishedCanBeRevokedAtTheFirstRun(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Theirs(runtest.KeyA)}}), runtest.Only()...)
	r.Watch(t, runtest.KeyA)
	got := r.Announced(t, runtest.Revoke(runtest.KeyA))
	if got.Outcome != report.Success || r.Lives(runtest.KeyA) || len(r.Keys("orders")) != 1 || runtest.Application(t, got, "orders").Action != "rotated" {
		t.Errorf("%s lives: %t\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Text(t, got))
	}
}

func TestTwoKeysAreRevokedAtOnceAndEachIsTimedFromItsDeletion(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{DeadLag: 40 * time.Second}, runtest.Superseded(), runtest.Only()...)
	r.Watch(t, runtest.KeyA, runtest.KeyB)
	got := r.Announced(t, runtest.Revoke(runtest.KeyB, runtest.KeyA))
	if got.Outcome != report.Success || r.Lives(runtest.KeyA) || r.Lives(runtest.KeyB) || len(r.Keys("orders")) != 1 {
		t.Fatalf("it ended so:\n%s", runtest.Text(t, got))
	}
	r.Carried(t, got)
	dead := runtest.Application(t, got, "orders").Dead
	if len(dead) != 2 {
		t.Fatalf("dead keys %+v", dead)
	}
	for _, d := range dead {
		if d.Result != "refused" || d.Seconds == nil || *d.Seconds < 40 || *d.Seconds > 45 {
			t.Errorf("%s is %s after %s s, want about 40", d.AccessKey, d.Result, seconds(d))
		}
	}
}

// What would leave a consumer without a key is not done, and said.
func TestARevokedKeyThatIsStillNeededLivesOnAndTheRunFails(t *testing.T) {
	t.Parallel()
	failing := runtest.Carrying(10)
	failing.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	unknown := runtest.Carrying(10)
	unknown.Applications[1].Keys, unknown.Secrets = []emulator.SeedKey{runtest.Theirs(runtest.KeyA)}, nil
	for _, tt := range []struct {
		name, says string
		seed       emulator.Seed
		options    emulator.Options
		settings   []string
		kept       int // keys of orders in the end
	}{
		{"a consumer is excluded", "container packer carries it in ORDERS_API_KEY", runtest.Carrying(10), emulator.Options{}, []string{"ROTATOR_CONSUMERS_EXCLUDE=packer"}, 2},
		{"consumers are only reported", "carries it in ", runtest.Carrying(10), emulator.Options{}, []string{"ROTATOR_CONSUMERS=report"}, 2},
		{"a consumer does not start", "function courier may still run with it", failing, emulator.Options{}, nil, 2},
		{"a consumer's secret cannot be compared", "function courier carries it in ORDERS_ACCESS_KEY", unknown, emulator.Options{}, nil, 2},
		{"the new key is never verified", "the new key was not verified", runtest.Carrying(10), emulator.Options{KeyLag: time.Hour}, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, tt.options, tt.seed, append(runtest.Only(), tt.settings...)...)
			r.Watch(t, runtest.KeyA)
			got := r.Run(t, runtest.Revoke(runtest.KeyA))
			if got.Outcome != report.Failure || !r.Lives(runtest.KeyA) || len(r.Keys("orders")) != tt.kept {
				t.Errorf("%s lives: %t\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Text(t, got))
			}
			if !strings.Contains(runtest.Errors(got), tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, runtest.Errors(got))
			}
			for _, w := range r.Writes() {
				if tt.kept == 2 && strings.HasPrefix(w, "DELETE /iam") || tt.kept == 1 && strings.Contains(w, runtest.KeyA) {
					t.Errorf("sent %s", w)
				}
			}
		})
	}
}

// One of two keys that cannot go does not leave the other unproven.
func TestARevokedKeyIsProvenDeadBesideOneThatIsStillCarried(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Superseded(), append(runtest.Only(), "ROTATOR_CONSUMERS_EXCLUDE=packer")...)
	r.Watch(t, runtest.KeyA, runtest.KeyB)
	got := r.Run(t, runtest.Revoke(runtest.KeyA, runtest.KeyB))
	if got.Outcome != report.Failure || !r.Lives(runtest.KeyA) || r.Lives(runtest.KeyB) {
		t.Errorf("%s lives: %t, %s lives: %t", runtest.KeyA, r.Lives(runtest.KeyA), runtest.KeyB, r.Lives(runtest.KeyB))
	}
	if dead := runtest.Application(t, got, "orders").Dead; len(dead) != 1 || dead[0].AccessKey != runtest.KeyB || dead[0].Result != "refused" {
		t.Errorf("dead keys %+v", dead)
	}
}

func TestWhatCannotBeRevokedIsRefusedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	no := false
	seed := runtest.Carrying(31) // due, too
	fixed := runtest.Theirs(runtest.KeyC)
	fixed.Deletable = &no
	seed.Applications[1].Keys = append(seed.Applications[1].Keys, fixed)
	seed.Users = []emulator.SeedUser{{Username: "ann", Keys: []emulator.SeedKey{runtest.Theirs(runtest.KeyD)}}}
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	const notHere = "is not a key of an application in scope"
	for key, says := range map[string]string{
		"SCWZZZZZZZZZZZZZZZZZ":           notHere,
		runtest.KeyD:                     notHere,
		r.Keys("invoicing")[0].AccessKey: notHere,
		runtest.KeyC:                     "is managed by Scaleway, or cannot be deleted",
		r.Cfg.AccessKey:                  `first ask for {"force": true, "steps": ["own_key"]}`,
	} {
		for _, req := range []run.Request{runtest.Revoke(key), runtest.Revoke(runtest.KeyA, key), {Revoke: []string{key}, DryRun: true}} {
			if got := refusedWith(t, r, req); !strings.HasPrefix(got, "revoke: "+key+" ") || !strings.Contains(got, says) {
				t.Errorf("%s: %s", key, got)
			}
		}
	}
	managed := runtest.Start(t, emulator.Options{})
	for _, k := range managed.Keys("scaleway-scheduler") {
		if got := refusedWith(t, managed, runtest.Revoke(k.AccessKey)); !strings.Contains(got, notHere) {
			t.Errorf("a key of Scaleway: %s", got)
		}
	}
}

func TestARevocationTouchesNothingElse(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	key, tokens := r.Keys("storefront")[0].AccessKey, len(r.Tokens())
	others := func() string { return fmt.Sprint(r.Keys("checkout"), r.Keys("nightly-batch"), r.Keys("rotator")) }
	before := others()
	got := r.Announced(t, runtest.Revoke(key))
	if got.Outcome != report.Success {
		t.Fatalf("it failed:\n%s", runtest.Text(t, got))
	}
	if others() != before || len(r.Tokens()) != tokens || len(got.Endpoints) > 0 {
		t.Errorf("it did more than it was asked for: %v", runtest.Did(got))
	}
	for _, q := range r.History() {
		if strings.HasSuffix(q.Path, "/tokens") || q.Method != http.MethodGet && strings.Contains(q.Path, "/functions/") {
			t.Errorf("sent %s %s", q.Method, q.Path)
		}
	}
	for _, s := range got.Steps {
		if skipped := s.Outcome == report.Skipped; skipped == slices.Contains([]string{"discover", run.StepRotate, run.StepDeliver, run.StepRetire}, s.Name) {
			t.Errorf("step %s: %s", s.Name, s.Outcome)
		}
	}
}

// While another run may be at the application, nothing replaces the key.
func TestARevokedKeyThatCannotBeReplacedLivesOn(t *testing.T) {
	t.Parallel()
	young := runtest.Minted(runtest.KeyB, 0)
	young.Age, young.ExpiresIn = emulator.SeedAge(10*time.Minute), runtest.Age(90)
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 10), young}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 10)))
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	r.Watch(t, runtest.KeyA)
	got := r.Announced(t, runtest.Revoke(runtest.KeyA))
	if got.Outcome != report.Failure || !r.Lives(runtest.KeyA) || !strings.Contains(runtest.Errors(got), "key "+runtest.KeyA+" is still the published one") {
		t.Errorf("%s lives: %t, and the run says:\n%s", runtest.KeyA, r.Lives(runtest.KeyA), runtest.Errors(got))
	}
}

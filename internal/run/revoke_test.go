package run_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A leaked key that everybody uses is replaced, delivered and dead within one
// run, and the report says how long it was still let in.
func TestARevokedKeyIsReplacedDeliveredDeletedAndProvenDeadInOneRun(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 40 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{DeadLag: lag}, carrying(10), only()...)
			r.watch(t, keyA)
			got := r.announced(t, revoke(keyA))
			if got.Outcome != report.Success || r.lives(keyA) || len(r.Keys("orders")) != 1 {
				t.Fatalf("%s lives: %t\n%s", keyA, r.lives(keyA), text(t, got))
			}
			r.carried(t, got)
			_, published := at(got, "publish")
			delivered, last := at(got, "update_environment")
			deleted, _ := at(got, "delete_key")
			if published < 0 || delivered < published || deleted < last {
				t.Errorf("published %d, delivered %d to %d, deleted %d: %v", published, delivered, last, deleted, got.Changes)
			}
			dead := application(t, got, "orders").Dead
			if len(dead) != 1 || dead[0].AccessKey != keyA || dead[0].Result != "refused" || !strings.HasPrefix(dead[0].Where, "https://") ||
				dead[0].Seconds == nil || *dead[0].Seconds != lag.Seconds() {
				t.Errorf("dead keys %+v", dead)
			}
			if want := fmt.Sprintf("after %.0f s", lag.Seconds()); !strings.Contains(text(t, got), want) || !strings.Contains(text(t, got), keyA+" is deleted and refused by https://") {
				t.Errorf("the text does not say %q:\n%s", want, text(t, got))
			}
			r.mustRun(t, run.Request{}) // the function's own key is published
			r.mustRun(t, run.Request{}) // and compared with everything
			if again := r.mustRun(t, run.Request{}); len(again.Changes) > 0 {
				t.Errorf("a run after it changed %v", did(again))
			}
		})
	}
}

func TestRevokedKeysThatAreNotCurrentAreDeletedWithoutARotation(t *testing.T) {
	t.Parallel()
	unpublished := carrying(10)
	unpublished.Applications[1].Keys = append(unpublished.Applications[1].Keys, theirs(keyC))
	disabled := superseded()
	disabled.Secrets[0].Versions[0].Disabled = true
	for _, tt := range []struct {
		name, key, dead string
		seed            emulator.Seed
	}{
		{"superseded", keyB, "refused", superseded()},
		{"superseded, and still carried", keyA, "refused", behind()},
		{"superseded, its secret not to be read", keyB, "unproven", disabled},
		{"never published", keyC, "unproven", unpublished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{}, tt.seed, only()...)
			r.watch(t, tt.key)
			got := r.announced(t, revoke(tt.key))
			if got.Outcome != report.Success || r.lives(tt.key) {
				t.Fatalf("%s lives: %t\n%s", tt.key, r.lives(tt.key), text(t, got))
			}
			if made, _ := at(got, "create_key"); made >= 0 {
				t.Errorf("a key was made: %v", did(got))
			}
			r.carried(t, got)
			dead := application(t, got, "orders").Dead
			if len(dead) != 1 || dead[0].AccessKey != tt.key || dead[0].Result != tt.dead || (dead[0].Seconds != nil) != (tt.dead == "refused") {
				t.Errorf("dead keys %+v, want %s %s", dead, tt.key, tt.dead)
			}
			if tt.dead == "unproven" && !strings.Contains(text(t, got), tt.key+" is deleted and not proven dead: its secret is not known here") {
				t.Errorf("the text does not say so:\n%s", text(t, got))
			}
		})
	}
}

// On a first run nothing is published yet: what is revoked is replaced first.
func TestAKeyThatNobodyPublishedCanBeRevokedAtTheFirstRun(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, small(emulator.SeedApplication{Keys: []emulator.SeedKey{theirs(keyA)}}), only()...)
	r.watch(t, keyA)
	got := r.announced(t, revoke(keyA))
	if got.Outcome != report.Success || r.lives(keyA) || len(r.Keys("orders")) != 1 || application(t, got, "orders").Action != "rotated" {
		t.Errorf("%s lives: %t\n%s", keyA, r.lives(keyA), text(t, got))
	}
}

func TestTwoKeysAreRevokedAtOnceAndEachIsTimedFromItsDeletion(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{DeadLag: 40 * time.Second}, superseded(), only()...)
	r.watch(t, keyA, keyB)
	got := r.announced(t, revoke(keyB, keyA))
	if got.Outcome != report.Success || r.lives(keyA) || r.lives(keyB) || len(r.Keys("orders")) != 1 {
		t.Fatalf("it ended so:\n%s", text(t, got))
	}
	r.carried(t, got)
	dead := application(t, got, "orders").Dead
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
	failing := carrying(10)
	failing.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	unknown := carrying(10)
	unknown.Applications[1].Keys, unknown.Secrets = []emulator.SeedKey{theirs(keyA)}, nil
	for _, tt := range []struct {
		name, says string
		seed       emulator.Seed
		options    emulator.Options
		settings   []string
		kept       int // keys of orders in the end
	}{
		{"a consumer is excluded", "container packer carries it in ORDERS_API_KEY", carrying(10), emulator.Options{}, []string{"ROTATOR_CONSUMERS_EXCLUDE=packer"}, 2},
		{"consumers are only reported", "carries it in ", carrying(10), emulator.Options{}, []string{"ROTATOR_CONSUMERS=report"}, 2},
		{"a consumer does not start", "function courier may still run with it", failing, emulator.Options{}, nil, 2},
		{"a consumer's secret cannot be compared", "function courier carries it in ORDERS_ACCESS_KEY", unknown, emulator.Options{}, nil, 2},
		{"the new key is never verified", "the new key was not verified", carrying(10), emulator.Options{KeyLag: time.Hour}, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, tt.options, tt.seed, append(only(), tt.settings...)...)
			r.watch(t, keyA)
			got := r.run(t, revoke(keyA))
			if got.Outcome != report.Failure || !r.lives(keyA) || len(r.Keys("orders")) != tt.kept {
				t.Errorf("%s lives: %t\n%s", keyA, r.lives(keyA), text(t, got))
			}
			if !strings.Contains(errs(got), tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, errs(got))
			}
			for _, w := range r.writes() {
				if tt.kept == 2 && strings.HasPrefix(w, "DELETE /iam") || tt.kept == 1 && strings.Contains(w, keyA) {
					t.Errorf("sent %s", w)
				}
			}
		})
	}
}

// One of two keys that cannot go does not leave the other unproven.
func TestARevokedKeyIsProvenDeadBesideOneThatIsStillCarried(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, superseded(), append(only(), "ROTATOR_CONSUMERS_EXCLUDE=packer")...)
	r.watch(t, keyA, keyB)
	got := r.run(t, revoke(keyA, keyB))
	if got.Outcome != report.Failure || !r.lives(keyA) || r.lives(keyB) {
		t.Errorf("%s lives: %t, %s lives: %t", keyA, r.lives(keyA), keyB, r.lives(keyB))
	}
	if dead := application(t, got, "orders").Dead; len(dead) != 1 || dead[0].AccessKey != keyB || dead[0].Result != "refused" {
		t.Errorf("dead keys %+v", dead)
	}
}

func TestWhatCannotBeRevokedIsRefusedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	no := false
	seed := carrying(31) // due, too
	fixed := theirs(keyC)
	fixed.Deletable = &no
	seed.Applications[1].Keys = append(seed.Applications[1].Keys, fixed)
	seed.Users = []emulator.SeedUser{{Username: "ann", Keys: []emulator.SeedKey{theirs(keyD)}}}
	r := startSeed(t, emulator.Options{}, seed, only()...)
	const notHere = "is not a key of an application in scope"
	for key, says := range map[string]string{
		"SCWZZZZZZZZZZZZZZZZZ":           notHere,
		keyD:                             notHere,
		r.Keys("invoicing")[0].AccessKey: notHere,
		keyC:                             "is managed by Scaleway, or cannot be deleted",
		r.cfg.AccessKey:                  `first ask for {"force": true, "steps": ["own_key"]}`,
	} {
		for _, req := range []run.Request{revoke(key), revoke(keyA, key), {Revoke: []string{key}, DryRun: true}} {
			if got := r.refusedWith(t, req); !strings.HasPrefix(got, "revoke: "+key+" ") || !strings.Contains(got, says) {
				t.Errorf("%s: %s", key, got)
			}
		}
	}
	managed := start(t, emulator.Options{})
	for _, k := range managed.Keys("scaleway-scheduler") {
		if got := managed.refusedWith(t, revoke(k.AccessKey)); !strings.Contains(got, notHere) {
			t.Errorf("a key of Scaleway: %s", got)
		}
	}
}

func TestARevocationTouchesNothingElse(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	key, tokens := r.Keys("storefront")[0].AccessKey, len(r.Tokens())
	others := func() string { return fmt.Sprint(r.Keys("checkout"), r.Keys("nightly-batch"), r.Keys("rotator")) }
	before := others()
	got := r.announced(t, revoke(key))
	if got.Outcome != report.Success {
		t.Fatalf("it failed:\n%s", text(t, got))
	}
	if others() != before || len(r.Tokens()) != tokens || len(got.Endpoints) > 0 {
		t.Errorf("it did more than it was asked for: %v", did(got))
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
	young := minted(keyB, 0)
	young.Age, young.ExpiresIn = emulator.SeedAge(10*time.Minute), age(90)
	seed := small(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, 10), young}}, credentialOf(holds(keyA, 10)))
	r := startSeed(t, emulator.Options{}, seed, only()...)
	r.watch(t, keyA)
	got := r.announced(t, revoke(keyA))
	if got.Outcome != report.Failure || !r.lives(keyA) || !strings.Contains(errs(got), "key "+keyA+" is still the published one") {
		t.Errorf("%s lives: %t, and the run says:\n%s", keyA, r.lives(keyA), errs(got))
	}
}

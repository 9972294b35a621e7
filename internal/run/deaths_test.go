package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// mentions are the lines of the applications' part of a report that tell of a key.
func mentions(said, accessKey string) []string {
	_, rest, _ := strings.Cut(said, "\nAPPLICATIONS\n")
	part, _, _ := strings.Cut(rest, "\n\n")
	var out []string
	for line := range strings.Lines(part) {
		if strings.Contains(line, accessKey) {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return out
}

// The text tells once when a key dies, with the year where it is not this one's;
// and a dry run calls no key superseded that lives and is published.
func TestAKeysDeathIsToldOnce(t *testing.T) {
	t.Parallel()
	due := func(days int) emulator.Seed {
		return small(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, days)}}, credentialOf(holds(keyA, days)))
	}
	handMade := small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}})
	old := small(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, 33), minted(keyB, 3)}}, credentialOf(holds(keyA, 33), holds(keyB, 3)))
	december := time.Date(2026, time.December, 28, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		seed emulator.Seed
		at   time.Time
		dry  bool
		want string
	}{
		{"a run supersedes it", due(31), emulatortest.Epoch, false, keyA + " superseded 31 days old expires 30 October 2026 dies on 8 September, when its grace is over"},
		{"a dry run would", due(31), emulatortest.Epoch, true, keyA + " current 30 days old expires 30 October 2026 to be superseded; dies on 8 September, when its grace is over"},
		{"one that a person made", handMade, emulatortest.Epoch, false, keyA + " superseded 40 days old never expires dies on 8 September, when its grace is over"},
		{"and a dry run", handMade, emulatortest.Epoch, true, keyA + " unpublished 39 days old never expires to be superseded; dies on 8 September, when its grace is over"},
		{"it expires before its grace is over", due(86), emulatortest.Epoch, false, keyA + " superseded 86 days old expires 5 September 2026 dies when it expires"},
		{"in a dry run", due(86), emulatortest.Epoch, true, keyA + " current 85 days old expires 5 September 2026 to be superseded; dies when it expires"},
		{"in the next year", due(31), december, false, keyA + " superseded 31 days old expires 25 February 2027 dies on 4 January 2027, when its grace is over"},
		{"superseded before, in a dry run", old, emulatortest.Epoch, true, keyA + " superseded 32 days old expires 28 October 2026 dies on 5 September, when its grace is over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startSeed(t, emulator.Options{Clock: emulator.NewManualClock(tt.at)}, tt.seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			rep := r.mustRun(t, run.Request{DryRun: tt.dry})
			got := mentions(text(t, rep), keyA)
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
			for _, a := range rep.Applications {
				for _, k := range a.Keys {
					if k.AccessKey == keyA && tt.dry && !strings.Contains(tt.name, "before, in") && k.State == "superseded" {
						t.Errorf("a dry run calls it %s", k.State)
					}
				}
			}
		})
	}
}

// The function's own key, too, is what it is until a real run has replaced it.
func TestADryRunDoesNotCallTheOwnKeySuperseded(t *testing.T) {
	t.Parallel()
	for _, req := range []run.Request{{DryRun: true, Force: true}, {DryRun: true, Force: true, Steps: []string{run.StepOwnKey}}} {
		r := start(t, emulator.Options{})
		own := r.Keys("rotator")[0].AccessKey
		rep := r.mustRun(t, req)
		a := application(t, rep, "rotator")
		if a.Action != "would rotate" || a.Keys[0].AccessKey != own || a.Keys[0].State != "current" {
			t.Errorf("%s: %+v", a.Action, a.Keys)
		}
		if got := mentions(text(t, rep), own); len(got) != 1 || !strings.HasSuffix(got[0], "the function runs on it, until a run replaces it") {
			t.Errorf("it says %q", got)
		}
	}
}

func TestTimesOfAnotherAPIAreSaidToBeSo(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	o := r.surroundings()
	for _, tt := range []struct {
		emulated bool
		url      string
		want     string
	}{
		{true, r.cfg.APIURL, "the emulator's: its clock jumps over all waiting"},
		{false, r.cfg.APIURL, ""},
		{false, "http://api.scaleway.com", "those of http://api.scaleway.com, which is not Scaleway's API"},
	} {
		cfg := r.cfg
		cfg.APIURL, o.Clock.Emulated = tt.url, tt.emulated
		rep, err := run.Do(t.Context(), cfg, run.Request{DryRun: true}, o)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Clock != tt.want || strings.Contains(text(t, rep), "All times here are") != (tt.want != "") {
			t.Errorf("the times are %q, want %q:\n%s", rep.Clock, tt.want, text(t, rep))
		}
	}
}

package keys_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
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
		return runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, days)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, days)))
	}
	handMade := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}})
	old := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 33), runtest.Minted(runtest.KeyB, 3)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 33), runtest.Holds(runtest.KeyB, 3)))
	december := time.Date(2026, time.December, 28, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		seed emulator.Seed
		at   time.Time
		dry  bool
		want string
	}{
		{"a run supersedes it", due(31), emulatortest.Epoch, false, runtest.KeyA + " superseded 31 days old expires 30 October 2026 dies on 8 September, when its grace is over"},
		{"a dry run would", due(31), emulatortest.Epoch, true, runtest.KeyA + " current 30 days old expires 30 October 2026 to be superseded; dies on 8 September, when its grace is over"},
		{"one that a person made", handMade, emulatortest.Epoch, false, runtest.KeyA + " superseded 40 days old never expires dies on 8 September, when its grace is over"},
		{"and a dry run", handMade, emulatortest.Epoch, true, runtest.KeyA + " unpublished 39 days old never expires to be superseded; dies on 8 September, when its grace is over"},
		{"it expires before its grace is over", due(86), emulatortest.Epoch, false, runtest.KeyA + " superseded 86 days old expires 5 September 2026 dies when it expires"},
		{"in a dry run", due(86), emulatortest.Epoch, true, runtest.KeyA + " current 85 days old expires 5 September 2026 to be superseded; dies when it expires"},
		{"in the next year", due(31), december, false, runtest.KeyA + " superseded 31 days old expires 25 February 2027 dies on 4 January 2027, when its grace is over"},
		{"superseded before, in a dry run", old, emulatortest.Epoch, true, runtest.KeyA + " superseded 32 days old expires 28 October 2026 dies on 5 September, when its grace is over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewManualClock(tt.at)}, tt.seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			rep := r.MustRun(t, run.Request{DryRun: tt.dry})
			got := mentions(runtest.Text(t, rep), runtest.KeyA)
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
			for _, a := range rep.Applications {
				for _, k := range a.Keys {
					if k.AccessKey == runtest.KeyA && tt.dry && !strings.Contains(tt.name, "before, in") && k.State == "superseded" {
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
		r := runtest.Start(t, emulator.Options{})
		own := r.Keys("rotator")[0].AccessKey
		rep := r.MustRun(t, req)
		a := runtest.Application(t, rep, "rotator")
		if a.Action != "would rotate" || a.Keys[0].AccessKey != own || a.Keys[0].State != "current" {
			t.Errorf("%s: %+v", a.Action, a.Keys)
		}
		if got := mentions(runtest.Text(t, rep), own); len(got) != 1 || !strings.HasSuffix(got[0], "the function runs on it, until a run replaces it") {
			t.Errorf("it says %q", got)
		}
	}
}

func TestTimesOfAnotherAPIAreSaidToBeSo(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	o := r.Surroundings()
	for _, tt := range []struct {
		emulated bool
		url      string
		want     string
	}{
		{true, r.Cfg.APIURL, "the emulator's: its clock jumps over all waiting"},
		{false, r.Cfg.APIURL, ""},
		{false, "http://api.scaleway.com", "those of http://api.scaleway.com, which is not Scaleway's API"},
	} {
		cfg := r.Cfg
		cfg.APIURL, o.Clock.Emulated = tt.url, tt.emulated
		rep, err := run.Do(t.Context(), cfg, run.Request{DryRun: true}, o)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Clock != tt.want || strings.Contains(runtest.Text(t, rep), "All times here are") != (tt.want != "") {
			t.Errorf("the times are %q, want %q:\n%s", rep.Clock, tt.want, runtest.Text(t, rep))
		}
	}
}

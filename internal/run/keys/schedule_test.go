package keys_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// one is a project of one application with a key that a person made.
func one(settings ...string) (seed emulator.Seed, extra []string) {
	seed = runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}})
	return seed, append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par"}, settings...)
}

// found returns the findings of a report about a subject, with their hints.
func found(r *report.Report, subject string) string {
	var out []string
	for _, f := range r.Findings {
		if f.Subject == subject {
			out = append(out, string(f.Level)+": "+f.Text+" → "+f.Hint)
		}
	}
	return strings.Join(out, "\n")
}

func TestLongRunsThatComeMinutesEarlyOrLateKeepTheSchedule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings []string
		apart    time.Duration
		runs     int
		rotates  []int // every so many runs, from the first on
	}{
		{"every 30 days", nil, 24 * time.Hour, 121, []int{0, 30, 60, 90, 120}},
		{"every day", []string{"ROTATOR_ROTATE_AFTER=1d", "ROTATOR_GRACE=12h"}, 24 * time.Hour, 8, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"every day, with a grace of a day", []string{"ROTATOR_ROTATE_AFTER=1d", "ROTATOR_GRACE=1d"}, 24 * time.Hour, 8, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"an age and a grace that end between two runs", []string{"ROTATOR_ROTATE_AFTER=60h", "ROTATOR_GRACE=36h"}, 24 * time.Hour, 9, []int{0, 2, 4, 6, 8}},
		{"twice a day", []string{"ROTATOR_INTERVAL=12h", "ROTATOR_ROTATE_AFTER=3d", "ROTATOR_GRACE=12h"}, 12 * time.Hour, 20, []int{0, 6, 12, 18}},
		{"weekly", []string{"ROTATOR_INTERVAL=7d"}, 7 * 24 * time.Hour, 13, []int{0, 4, 8, 12}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seed, extra := one(tt.settings...)
			r := runtest.StartSeed(t, emulator.Options{}, seed, extra...)
			r.Watch(t)
			chance := rand.New(rand.NewPCG(20, 26))
			first, said := r.Clock().Now(), newProphecy()
			var rotated []int
			for n := range tt.runs {
				jitter := time.Duration(chance.IntN(1201)-600) * time.Second
				r.Clock().Advance(first.Add(time.Duration(n)*tt.apart + jitter + 10*time.Minute).Sub(r.Clock().Now()))
				rep := r.MustRun(t, run.Request{})
				a := runtest.Application(t, rep, "orders")
				if a.Action == "rotated" {
					rotated = append(rotated, n)
				}
				living, current := map[string]bool{}, map[string]bool{}
				for _, k := range r.Keys("orders") {
					living[k.AccessKey] = true
				}
				for _, k := range a.Keys {
					current[k.AccessKey] = k.State == "current"
				}
				said.check(t, living, current, rep.StartedAt)
				said.listen(rep)
				if again := r.MustRun(t, run.Request{}); runtest.Application(t, again, "orders").Action != "kept" {
					t.Errorf("run %d: asked once more, it was rotated again", n)
				}
			}
			if diff := cmp.Diff(tt.rotates, rotated); diff != "" {
				t.Errorf("runs that rotated (-want +got):\n%s", diff)
			}
		})
	}
}

// reader calls with a key that it reads every so often.
type reader struct {
	consumer

	every   time.Duration // 0: before each call
	last    time.Time
	refused []time.Time
}

func (c *reader) visit(t *testing.T, r *runtest.Rig) {
	t.Helper()
	now := r.Clock().Now()
	if now.Sub(c.last) >= c.every {
		c.read(t, r)
		c.last = now
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.secret)
	resp, err := r.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusForbidden {
		c.refused = append(c.refused, now)
	}
}

func TestLongUnderACapNobodyIsRefusedUnlessTheRunFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		most     time.Duration
		apart    time.Duration
		settings []string
		grace    time.Duration // that a reader takes
		room     bool
		says     []string // of the cap
	}{
		{"24 h", 24 * time.Hour, 24 * time.Hour, nil, 0, false, []string{
			"error: caps the lifetime of API keys at 1d", "a superseded key has no grace", "with runs every 1d a key dies before the next run replaces it",
			"run at least every 11h", "raise the cap to 3d",
		}},
		{"24 h, and runs as often as was said", 24 * time.Hour, 11 * time.Hour, []string{"ROTATOR_INTERVAL=11h"}, 12 * time.Hour, true, []string{"a superseded key dies after 12h, not 7d"}},
		{"36 h", 36 * time.Hour, 24 * time.Hour, nil, 11 * time.Hour, true, []string{"warning: ", "a superseded key dies after 11h, not 7d", "dies if one run fails", "run at least every 17h"}},
		{"48 h", 48 * time.Hour, 24 * time.Hour, nil, 23 * time.Hour, true, []string{"warning: ", "a superseded key dies after 23h, not 7d", "dies if one run fails", "raise the cap to 3d"}},
		{"6 days", 6 * 24 * time.Hour, 24 * time.Hour, nil, 71 * time.Hour, true, []string{"warning: ", "a superseded key dies after 2d23h, not 7d", "lower ROTATOR_KEY_LIFETIME"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seed, extra := one(tt.settings...)
			seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: emulator.SeedAge(tt.most)}
			r := runtest.StartSeed(t, emulator.Options{}, seed, extra...)
			mustBegin(t, r)
			who := func(every time.Duration) *reader {
				return &reader{consumer: consumer{application: "orders", endpoint: url(t, r, "checkout")}, every: every}
			}
			readers := []*reader{who(0), who(tt.grace)}
			chance := rand.New(rand.NewPCG(20, 26))
			first := r.Clock().Now()
			for n := 1; n*int(tt.apart) < int(12*24*time.Hour); n++ {
				begins := first.Add(time.Duration(n)*tt.apart + time.Duration(chance.IntN(1201)-600)*time.Second)
				for ; r.Clock().Now().Before(begins.Add(-time.Hour)); r.Clock().Advance(time.Hour) {
					visit(t, r, readers)
				}
				for ; r.Clock().Now().Before(begins.Add(-3 * time.Minute)); r.Clock().Advance(3 * time.Minute) {
					visit(t, r, readers)
				}
				r.Clock().Advance(begins.Sub(r.Clock().Now()))
				visit(t, r, readers)
				rep := r.Run(t, run.Request{})
				visit(t, r, readers)
				if (rep.Outcome == report.Success) != tt.room {
					t.Fatalf("run %d:\n%s", n, runtest.Text(t, rep))
				}
				for _, says := range tt.says {
					if !strings.Contains(found(rep, "organization"), says) {
						t.Fatalf("run %d: it does not say %q:\n%s", n, says, runtest.Text(t, rep))
					}
				}
				if keys := len(r.Keys("orders")); keys > 8 {
					t.Fatalf("run %d: there are %d keys", n, keys)
				}
			}
			if refused := len(readers[0].refused) + len(readers[1].refused); (refused == 0) != tt.room {
				t.Errorf("readers were refused %d times: %v, %v", refused, readers[0].refused, readers[1].refused)
			}
		})
	}
}

// mustBegin does the first run, whatever its outcome: it has to publish a key.
func mustBegin(t *testing.T, r *runtest.Rig) {
	t.Helper()
	if rep := r.Run(t, run.Request{}); runtest.Application(t, rep, "orders").Action != "rotated" {
		t.Fatalf("no key was published:\n%s", runtest.Text(t, rep))
	}
}

func visit(t *testing.T, r *runtest.Rig, readers []*reader) {
	t.Helper()
	for _, c := range readers {
		c.visit(t, r)
	}
}

func TestAnExpiredPublishedKeyIsNeverASuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		most time.Duration
		gap  time.Duration
		says string
	}{
		{"a cap of a day, and a day later", 24 * time.Hour, 24 * time.Hour, "was refused from then until this run, for 1m"},
		{"a cap of two days, and a run was missed", 48 * time.Hour, 72 * time.Hour, "was refused from then until this run, for 1d1m"},
		{"no cap, and months later", 0, 91 * 24 * time.Hour, "was refused from then until this run, for 1d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seed, extra := one()
			if tt.most > 0 {
				seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: emulator.SeedAge(tt.most)}
			}
			r := runtest.StartSeed(t, emulator.Options{}, seed, extra...)
			began := r.Clock().Now()
			mustBegin(t, r)
			r.Clock().Advance(tt.gap - r.Clock().Now().Sub(began))
			for _, dry := range []bool{true, false} {
				rep := r.Run(t, run.Request{DryRun: dry})
				if said := found(rep, "application orders"); rep.Outcome != report.Failure || dry && !strings.Contains(said, tt.says) || !strings.HasPrefix(said, "error: its published key") {
					t.Errorf("dry: %t:\n%s", dry, runtest.Text(t, rep))
				}
			}
			if rep := r.Run(t, run.Request{}); found(rep, "application orders") != "" {
				t.Errorf("once it is replaced:\n%s", runtest.Text(t, rep))
			}
		})
	}
}

package delivery_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// immortal is a project whose consumers carry a key that never expires.
func immortal() emulator.Seed {
	seed := runtest.Carrying(31)
	seed.Applications[1].Keys[0].ExpiresIn = 0
	return seed
}

func TestLongConsumerThatIsLeftAsItIsKeepsItsKeyForMonths(t *testing.T) {
	t.Parallel()
	const path = "/functions/v1beta1/regions/fr-par/functions/"
	for _, row := range []struct {
		name     string
		settings []string
		left     string // one that is left as it is
		why      string // as the report says
		all      bool   // the others are left, too
	}{
		{"excluded by name", []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, "courier", "it is excluded (ROTATOR_CONSUMERS_EXCLUDE)", false},
		{"its namespace is excluded", []string{"ROTATOR_CONSUMERS_EXCLUDE=shop"}, "courier", "its namespace is excluded (ROTATOR_CONSUMERS_EXCLUDE)", false},
		{"consumers are only reported", []string{"ROTATOR_CONSUMERS=report"}, "courier", "consumers are only reported (ROTATOR_CONSUMERS)", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, immortal(), append(row.settings, "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")...)
			auditor := r.Watch(t)
			before := r.SeenByCallers(t)
			e, _ := r.Endpoint(row.left)
			var rep *report.Report
			for range 30 { // three months
				rep = r.MustRun(t, run.Request{})
				r.Served(t)
				line := lineOf(t, rep, row.left)
				if line.Result != "behind" || !strings.Contains(line.Detail, row.why) || !strings.Contains(fmt.Sprint(line.Variables), runtest.KeyA) {
					t.Fatalf("%s:\n%s", r.Clock().Now(), runtest.Text(t, rep))
				}
				r.Clock().Advance(3 * 24 * time.Hour)
			}
			if said := runtest.Text(t, rep); !regexp.MustCompile(runtest.KeyA + ` .* kept: function .* carries it in `).MatchString(said) {
				t.Errorf("a key outlives its grace, and the report does not say why:\n%s", said)
			}
			for name, lines := range r.SeenByCallers(t) {
				if diff := cmp.Diff(before[name], lines); (row.all || name == row.left) && diff != "" {
					t.Errorf("%s was changed (-before +after):\n%s", name, diff)
				} else if !row.all && name != row.left && diff == "" {
					t.Errorf("%s was not changed, too", name)
				}
			}
			if row.all {
				runtest.Upright(t, auditor)
				return
			}
			// A person sets the current key, between two daily runs.
			rep = r.MustRun(t, run.Request{})
			r.Clock().Advance(20 * time.Hour)
			now := r.Key(t, runtest.Current(t, rep))
			r.SetEnvironment(t, path+e.ID, map[string]string{"ORDERS_ACCESS_KEY": now.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": now.SecretKey})
			set := r.Clock().Now()
			for r.Lives(runtest.KeyA) {
				r.Clock().Advance(4 * time.Hour)
				rep = r.MustRun(t, run.Request{})
				r.Served(t)
				if lasts := r.Clock().Now().Sub(set); r.Lives(runtest.KeyA) != (lasts < r.Cfg.Grace) && (lasts < r.Cfg.Grace || lasts > r.Cfg.Grace+4*24*time.Hour) {
					t.Fatalf("%s after a person gave %s another, %s lives: %t:\n%s", lasts, row.left, runtest.KeyA, r.Lives(runtest.KeyA), runtest.Text(t, rep))
				}
				r.Clock().Advance(20 * time.Hour)
			}
			runtest.Upright(t, auditor)
		})
	}
}

// A person gives an excluded function the key before the current one.
func TestLongKeyThatAPersonPinnedLivesOn(t *testing.T) {
	t.Parallel()
	const path = "/functions/v1beta1/regions/fr-par/functions/"
	r := runtest.StartSeed(t, emulator.Options{}, immortal(), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	auditor := r.Watch(t)
	e, _ := r.Endpoint("courier")
	old := r.Key(t, runtest.KeyA)
	pin := func(pair emulator.KeyPair) {
		t.Helper()
		r.SetEnvironment(t, path+e.ID, map[string]string{"ORDERS_ACCESS_KEY": pair.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": pair.SecretKey})
	}
	rep := r.MustRun(t, run.Request{})
	pin(r.Key(t, runtest.Current(t, rep)))
	r.Clock().Advance(5 * 24 * time.Hour)
	r.MustRun(t, run.Request{})
	pin(old)
	for range 40 {
		r.Served(t)
		rep = r.MustRun(t, run.Request{})
		r.Clock().Advance(36 * time.Hour)
	}
	if seen, _ := r.Variable("courier", "ORDERS_SECRET_KEY"); seen != old.SecretKey || !r.Lives(runtest.KeyA) {
		t.Errorf("the function that a person pinned was changed, or its key retired:\n%s", runtest.Text(t, rep))
	}
	runtest.Upright(t, auditor)
}

// Between rare runs, what was noted of the key is over: that it is found is what
// keeps it then.
func TestKeyThatIsCarriedOutlivesRareRuns(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, immortal(), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	auditor := r.Watch(t)
	for i := range 6 {
		rep := r.MustRun(t, run.Request{})
		r.Served(t)
		if said := runtest.Text(t, rep); !strings.Contains(said, "kept: function courier carries it in ORDERS_") {
			t.Errorf("run %d does not say who carries %s:\n%s", i, runtest.KeyA, said)
		}
		r.Clock().Advance(12 * 24 * time.Hour)
	}
	if !r.Lives(runtest.KeyA) {
		t.Errorf("%s is retired, and carried", runtest.KeyA)
	}
	runtest.Upright(t, auditor)
}

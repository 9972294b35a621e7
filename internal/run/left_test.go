package run_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// setEnvironment is what a person does by hand: variables of what the API has
// at a path become others, the rest stays.
func (r *rig) setEnvironment(t *testing.T, path string, plain map[string]string, secrets map[string]string) {
	t.Helper()
	body := map[string]any{}
	if len(plain) > 0 {
		all := maps.Clone(r.MustCall(http.MethodGet, path, nil)["environment_variables"].(map[string]any))
		for name, value := range plain {
			all[name] = value
		}
		body["environment_variables"] = all
	}
	if strings.HasPrefix(path, "/functions/") {
		list := []any{}
		for name, value := range secrets {
			list = append(list, map[string]any{"key": name, "value": value})
		}
		body["secret_environment_variables"] = list
	} else {
		body["secret_environment_variables"] = secrets
	}
	r.MustCall(http.MethodPatch, path, body)
	r.Clock().Advance(time.Minute)
}

// immortal is a project whose consumers carry a key that never expires.
func immortal() emulator.Seed {
	seed := carrying(31)
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
			r := startSeed(t, emulator.Options{}, immortal(), append(row.settings, "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")...)
			auditor := r.watch(t)
			before := r.running(t)
			e, _ := r.Endpoint(row.left)
			var rep *report.Report
			for range 30 { // three months
				rep = r.mustRun(t, run.Request{})
				r.served(t)
				line := lineOf(t, rep, row.left)
				if line.Result != "behind" || !strings.Contains(line.Detail, row.why) || !strings.Contains(fmt.Sprint(line.Variables), keyA) {
					t.Fatalf("%s:\n%s", r.Clock().Now(), text(t, rep))
				}
				r.Clock().Advance(3 * 24 * time.Hour)
			}
			if said := text(t, rep); !regexp.MustCompile(keyA + ` .* kept: function .* carries it in `).MatchString(said) {
				t.Errorf("a key outlives its grace, and the report does not say why:\n%s", said)
			}
			for name, lines := range r.running(t) {
				if diff := cmp.Diff(before[name], lines); (row.all || name == row.left) && diff != "" {
					t.Errorf("%s was changed (-before +after):\n%s", name, diff)
				} else if !row.all && name != row.left && diff == "" {
					t.Errorf("%s was not changed, too", name)
				}
			}
			if row.all {
				upright(t, auditor)
				return
			}
			// A person sets the current key, between two daily runs.
			rep = r.mustRun(t, run.Request{})
			r.Clock().Advance(20 * time.Hour)
			now := r.key(t, current(t, rep))
			r.setEnvironment(t, path+e.ID, map[string]string{"ORDERS_ACCESS_KEY": now.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": now.SecretKey})
			set := r.Clock().Now()
			for r.lives(keyA) {
				r.Clock().Advance(4 * time.Hour)
				rep = r.mustRun(t, run.Request{})
				r.served(t)
				if lasts := r.Clock().Now().Sub(set); r.lives(keyA) != (lasts < r.cfg.Grace) && (lasts < r.cfg.Grace || lasts > r.cfg.Grace+4*24*time.Hour) {
					t.Fatalf("%s after a person gave %s another, %s lives: %t:\n%s", lasts, row.left, keyA, r.lives(keyA), text(t, rep))
				}
				r.Clock().Advance(20 * time.Hour)
			}
			upright(t, auditor)
		})
	}
}

// A person gives an excluded function the key before the current one.
func TestLongKeyThatAPersonPinnedLivesOn(t *testing.T) {
	t.Parallel()
	const path = "/functions/v1beta1/regions/fr-par/functions/"
	r := startSeed(t, emulator.Options{}, immortal(), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	auditor := r.watch(t)
	e, _ := r.Endpoint("courier")
	old := r.key(t, keyA)
	pin := func(pair emulator.KeyPair) {
		t.Helper()
		r.setEnvironment(t, path+e.ID, map[string]string{"ORDERS_ACCESS_KEY": pair.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": pair.SecretKey})
	}
	rep := r.mustRun(t, run.Request{})
	pin(r.key(t, current(t, rep)))
	r.Clock().Advance(5 * 24 * time.Hour)
	r.mustRun(t, run.Request{})
	pin(old)
	for range 40 {
		r.served(t)
		rep = r.mustRun(t, run.Request{})
		r.Clock().Advance(36 * time.Hour)
	}
	if seen, _ := r.Variable("courier", "ORDERS_SECRET_KEY"); seen != old.SecretKey || !r.lives(keyA) {
		t.Errorf("the function that a person pinned was changed, or its key retired:\n%s", text(t, rep))
	}
	upright(t, auditor)
}

// Between rare runs, what was noted of the key is over: that it is found is what
// keeps it then.
func TestKeyThatIsCarriedOutlivesRareRuns(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, immortal(), "ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	auditor := r.watch(t)
	for i := range 6 {
		rep := r.mustRun(t, run.Request{})
		r.served(t)
		if said := text(t, rep); !strings.Contains(said, "kept: function courier carries it in ORDERS_") {
			t.Errorf("run %d does not say who carries %s:\n%s", i, keyA, said)
		}
		r.Clock().Advance(12 * 24 * time.Hour)
	}
	if !r.lives(keyA) {
		t.Errorf("%s is retired, and carried", keyA)
	}
	upright(t, auditor)
}

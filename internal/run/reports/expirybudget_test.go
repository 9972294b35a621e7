package reports_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// dying is a project where a caller that nobody rotates has keys that die one after
// the other, and a person one.
func dying(days ...int) emulator.Seed {
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(5), Project: "demo", ExpiresIn: runtest.Age(85)}}})
	partner := emulator.SeedApplication{Name: "partner", Policies: []emulator.SeedPolicy{{Name: "partner", Rules: emulator.CallerRules("demo", "other")}}}
	for i, n := range days {
		partner.Keys = append(partner.Keys, emulator.SeedKey{
			AccessKey: fmt.Sprintf("SCWPARTNER%010d", i), Age: runtest.Age(50), Project: "demo", ExpiresIn: runtest.Age(n) - emulator.SeedAge(time.Hour),
		})
	}
	seed.Applications = append(seed.Applications, partner)
	seed.Users = append(seed.Users, emulator.SeedUser{
		Username: "dana", Keys: []emulator.SeedKey{{AccessKey: "SCWDANA0000000000001", Age: runtest.Age(9), ExpiresIn: runtest.Age(6), Project: "demo"}},
		Policies: []emulator.SeedPolicy{{Name: "dana", Rules: []emulator.SeedRule{{PermissionSets: []string{"FunctionsFullAccess"}, Projects: []string{"demo"}}}}},
	})
	return seed
}

// Every key that can call is in the budget, whosever it is, with its runtest.Day, and those
// that nobody replaces with how near that is.
func TestTheExpiryBudgetHasEveryKeyThatCanCall(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, dying(31, 30, 14, 7, 1))
	rep := r.MustRun(t, run.Request{})
	notice, days := map[string]int{}, map[string]string{}
	for _, c := range rep.Callers {
		for _, k := range c.Keys {
			notice[k.AccessKey] = k.Notice
			days[k.AccessKey] = "never"
			if k.DaysLeft != nil {
				days[k.AccessKey] = fmt.Sprint(*k.DaysLeft)
			}
		}
	}
	own, owner := r.Keys("rotator")[0].AccessKey, r.AccessKey
	made := runtest.Current(t, rep)
	want := map[string]string{
		runtest.KeyA: "85", made: "89", own: "never", owner: "never", "SCWDANA0000000000001": "6",
		"SCWPARTNER0000000000": "30", "SCWPARTNER0000000001": "29", "SCWPARTNER0000000002": "13", "SCWPARTNER0000000003": "6", "SCWPARTNER0000000004": "0",
	}
	if diff := cmp.Diff(want, days); diff != "" {
		t.Errorf("days that are left (-want +got):\n%s", diff)
	}
	for access, want := range map[string]int{
		runtest.KeyA: 0, own: 0, owner: 0, "SCWDANA0000000000001": 7,
		"SCWPARTNER0000000000": 0, "SCWPARTNER0000000001": 30, "SCWPARTNER0000000002": 14, "SCWPARTNER0000000003": 7, "SCWPARTNER0000000004": 1,
	} {
		if notice[access] != want {
			t.Errorf("%s: notice %d, want %d", access, notice[access], want)
		}
	}
	said := runtest.Text(t, rep)
	_, budget, _ := strings.Cut(said, "WHEN THE KEYS DIE")
	budget, _, _ = strings.Cut(budget, "\n\n")
	for _, line := range []string{"✗  2 September 2026", "SCWDANA0000000000001  user dana", "✓  never", "in 0 days", "nobody replaces it"} {
		if !strings.Contains(budget, line) {
			t.Errorf("the text does not say %q:\n%s", line, budget)
		}
	}
	if rows := strings.Count(budget, "\n"); rows != len(want) {
		t.Errorf("%d rows for %d keys:\n%s", rows, len(want), budget)
	}
}

// Day by runtest.Day the warning is the same, but for four days: then it says that the end is
// nearer, in words.
func TestLongAKeyThatNobodyReplacesIsNewsFourTimes(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, dying(33))
	var said []string
	for range 35 {
		rep := r.Run(t, run.Request{DryRun: true})
		for _, f := range rep.Findings {
			i := strings.Index(f.Text, "so within")
			if f.Subject != "application partner" || f.Level != report.Warning || i < 0 {
				continue
			}
			if within, _, _ := strings.Cut(f.Text[i+3:], ","); !slices.Contains(said, within) {
				said = append(said, within)
			}
		}
		r.Clock().Advance(runtest.Day)
	}
	if diff := cmp.Diff([]string{"within a month", "within two weeks", "within a week", "within a day"}, said); diff != "" {
		t.Errorf("it said (-want +got):\n%s", diff)
	}
}

// What a run made is in its budget, the function's own key too, and what it deleted is
// not.
func TestLongTheExpiryBudgetIsThatAfterTheRun(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	for range 30 {
		rep := r.MustRun(t, run.Request{})
		r.Restart(t)
		in := map[string]bool{}
		for _, c := range rep.Callers {
			for _, k := range c.Keys {
				in[k.AccessKey] = true
			}
		}
		for _, name := range []string{"storefront", "checkout", "nightly-batch", "partner-gateway", "rotator"} {
			for _, k := range r.Keys(name) {
				if !in[k.AccessKey] {
					t.Errorf("%s: the budget has no key %s of %s", r.Clock().Now(), k.AccessKey, name)
				}
				delete(in, k.AccessKey)
			}
		}
		delete(in, r.AccessKey)
		delete(in, r.Keys("scaleway-scheduler")[0].AccessKey)
		if len(in) > 0 {
			t.Errorf("%s: the budget has keys that are not there: %v", r.Clock().Now(), in)
		}
		r.Clock().Advance(runtest.Day - time.Hour/2)
	}
}

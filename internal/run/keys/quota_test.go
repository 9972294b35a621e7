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

// fleet is a project of so many applications, each with a key of 40 days.
func fleet(n int) emulator.Seed {
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{Age: runtest.Age(40), Project: "demo"}}})
	for i := 1; i < n; i++ {
		name := fmt.Sprintf("orders-%d", i)
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: name, Keys: []emulator.SeedKey{{Age: runtest.Age(40), Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: name, Rules: emulator.CallerRules("demo")}},
		})
	}
	return seed
}

func TestLongWithRoomForFewKeysTheLongestOverdueGoesFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ applications, free int }{{8, 1}, {5, 2}} {
		t.Run(fmt.Sprint(tt.applications, " applications, room for ", tt.free), func(t *testing.T) {
			t.Parallel()
			seed := fleet(tt.applications)
			lapsed := emulator.SeedKey{AccessKey: runtest.KeyC, Age: runtest.Age(300), ExpiresIn: runtest.Age(-10), Project: "other"}
			seed.Applications[2].Keys = append(seed.Applications[2].Keys, lapsed)
			keys := 1 // the owner's
			for _, a := range seed.Applications {
				keys += len(a.Keys)
			}
			r := runtest.StartSeed(t, emulator.Options{Quotas: emulator.Quotas{KeysPerOrganization: keys + tt.free}}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			rotated := map[string]int{}
			for day := range 120 {
				r.ForgetHistory()
				rep := r.Run(t, run.Request{})
				refused, waiting := 0, 0
				for _, q := range r.History() {
					if q.Method == http.MethodPost && q.Path == "/iam/v1alpha1/api-keys" && q.Status == http.StatusForbidden {
						refused++
					}
				}
				for _, a := range rep.Applications {
					switch a.Action {
					case "rotated":
						rotated[a.Name]++
					case "failed":
						waiting++
					}
				}
				said := found(rep, "API keys")
				if refused > 1 || (refused == 1) != (waiting > 0) || (said != "") != (waiting > 0) {
					t.Fatalf("day %d: refused %d times, %d wait:\n%s", day, refused, waiting, runtest.Text(t, rep))
				}
				if waiting == 0 {
					r.Clock().Advance(24 * time.Hour)
					continue
				}
				full := fmt.Sprintf("error: there is no room for another one (%d of %[1]d): not rotated in this run: ", keys+tt.free)
				hint := "→ delete keys that nobody needs: " + runtest.KeyC + " (of invoicing, expired on "
				if rep.Outcome != report.Failure || strings.Contains(said, "\n") || !strings.HasPrefix(said, full) || !strings.Contains(said, hint) ||
					strings.Contains(runtest.Text(t, rep), "permission set") {
					t.Fatalf("day %d:\n%s", day, runtest.Text(t, rep))
				}
				r.Clock().Advance(24 * time.Hour)
			}
			if len(rotated) != tt.applications {
				t.Errorf("rotated in 120 days: %v", rotated)
			}
			counts := []int{}
			for _, n := range rotated {
				counts = append(counts, n)
			}
			if slices.Max(counts)-slices.Min(counts) > 1 {
				t.Errorf("some go first again and again: %v", rotated)
			}
		})
	}
}

// crowd is an application with 20 keys, of which so many are expired.
func crowd(expired int, description string) emulator.Seed {
	app := emulator.SeedApplication{}
	for i := range 20 {
		k := emulator.SeedKey{AccessKey: fmt.Sprintf("SCWCROWD%012d", i), Age: runtest.Age(100 - i), Project: "demo", Description: description}
		if i < expired {
			k.ExpiresIn = runtest.Age(-5)
		}
		app.Keys = append(app.Keys, k)
	}
	published := app.Keys[19]
	return runtest.Small(app, runtest.CredentialOf(runtest.Holds(published.AccessKey, 81)))
}

func TestDeadKeysThatTakeTheRoom(t *testing.T) {
	t.Parallel()
	const mark = "[rotator " + runtest.DemoProject + "]"
	t.Run("a person's are named", func(t *testing.T) {
		t.Parallel()
		seed := crowd(17, "by hand")
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: "spacious", Keys: []emulator.SeedKey{{Age: runtest.Age(40), Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: "spacious", Rules: emulator.CallerRules("demo")}},
		})
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_GRACE=30d")
		rep := r.Run(t, run.Request{})
		said := found(rep, "API keys")
		for i := range 17 {
			if !strings.Contains(said, fmt.Sprintf("SCWCROWD%012d (of orders, expired on ", i)) {
				t.Errorf("key %d is not named: %s", i, said)
			}
		}
		if a := runtest.Application(t, rep, "spacious"); a.Action != "rotated" {
			t.Errorf("an application with room for a key is %s: %s", a.Action, a.Why)
		}
		if rep.Outcome != report.Failure || !strings.Contains(said, "no room for another one (20 of 20)") || strings.Contains(runtest.Text(t, rep), "permission set") {
			t.Errorf("it says:\n%s", runtest.Text(t, rep))
		}
	})
	for _, expired := range []int{17, 1} {
		t.Run(fmt.Sprint("the rotator's are swept: ", expired), func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, crowd(expired, mark), "ROTATOR_OWN_KEY=keep", "ROTATOR_GRACE=30d")
			r.Watch(t)
			rep := r.Announced(t, run.Request{})
			if a := runtest.Application(t, rep, "orders"); a.Action != "rotated" || found(rep, "API keys") != "" {
				t.Errorf("it says:\n%s", runtest.Text(t, rep))
			}
			swept := 0
			for _, c := range rep.Changes {
				if c.Kind == "delete_key" && c.Reason == "it expired, and is not published" {
					swept++
				}
			}
			if swept != expired {
				t.Errorf("%d keys were swept, want %d", swept, expired)
			}
		})
	}
}

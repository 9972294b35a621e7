package delivery_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// populous is a project of n functions and n containers, each with three secret
// variables, and five applications with a current and a superseded key. Every
// tenth function or container carries a current key.
func populous(n int) emulator.Seed {
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 20), runtest.Minted(runtest.KeyB, 5)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 20), runtest.Holds(runtest.KeyB, 5)))
	current := []string{runtest.KeyB}
	for i := range 4 {
		id := fmt.Sprintf("5a6c1e2d-7f43-4b19-9c58-3d2e8b90f3%02d", i)
		old, now := fmt.Sprintf("SCWOLD0000000000000%d", i), fmt.Sprintf("SCWNOW0000000000000%d", i)
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: fmt.Sprint("app-", i), ID: id, Keys: []emulator.SeedKey{runtest.Minted(old, 20), runtest.Minted(now, 5)},
			Policies: []emulator.SeedPolicy{{Name: fmt.Sprint("app-", i), Rules: emulator.CallerRules("demo")}},
		})
		secret := runtest.CredentialOf(runtest.Holds(old, 20), runtest.Holds(now, 5))
		secret.Name = id
		seed.Secrets = append(seed.Secrets, secret)
		current = append(current, now)
	}
	env := func(i int) map[string]string {
		out := map[string]string{"DB_PASSWORD": "made-up words", "secret_1": "others", "x": "more"}
		if i%10 == 0 {
			out["x"] = "${secret_key:" + current[i/10%len(current)] + "}"
		}
		return out
	}
	place := &seed.Serverless[0]
	functions, containers := &place.FunctionNamespaces[0], &place.ContainerNamespaces[0]
	for i := range n {
		functions.Functions = append(functions.Functions, emulator.SeedFunction{Name: fmt.Sprint("f", i), Privacy: "public", SecretEnv: env(i)})
		containers.Containers = append(containers.Containers, emulator.SeedContainer{Name: fmt.Sprint("c", i), Privacy: "public", SecretEnv: env(i + 5)})
	}
	return seed
}

// touch gives one function's variable another value.
func touch(tb testing.TB, r *runtest.Rig, name string) {
	tb.Helper()
	e, known := r.Endpoint(name)
	if !known {
		tb.Fatalf("there is no %s", name)
	}
	r.MustCall(http.MethodPatch, "/functions/v1beta1/regions/fr-par/functions/"+e.ID, map[string]any{
		"secret_environment_variables": []any{map[string]any{"key": "DB_PASSWORD", "value": "other words"}},
	})
	r.Clock().Advance(time.Hour)
}

// comparisons are those of a first run, of one in which nothing has changed, of
// one after a single change, and of one after that.
func comparisons(tb testing.TB, r *runtest.Rig, run func() *report.Report) (made [4]int) {
	tb.Helper()
	for i := range made {
		if i == 2 {
			touch(tb, r, "f3")
		}
		made[i] = run().Comparisons.Made
		r.Clock().Advance(time.Hour)
	}
	return made
}

// A comparison takes a tenth of a second, so each is made once: 100 functions,
// 100 containers, 5 applications and 3 variables each make 600 variables, to be
// compared with eleven keys in four forms.
func TestLongEverythingIsComparedOnce(t *testing.T) {
	t.Parallel()
	n := 20 // functions, and containers
	if *runtest.OneIn == 1 {
		n = 100
	}
	r := runtest.StartSeed(t, emulator.Options{}, populous(n), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep", "ROTATOR_BUDGET=1h")
	for _, e := range r.Endpoints() { // deployed after the keys were made, so that any of them may be in there
		r.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
	}
	r.Clock().Advance(time.Hour)
	made := comparisons(t, r, func() *report.Report { return r.MustRun(t, run.Request{}) })
	// Six variables each, of which one in thirty holds a current key, and the rest none of the ten, nor the function's own.
	if least, most := (6*n-n/5)*11*4, 6*n*11*4; made[0] < least || made[0] > most {
		t.Errorf("the first run made %d comparisons, want %d to %d", made[0], least, most)
	}
	if made[1] != 0 {
		t.Errorf("a run in which nothing has changed made %d comparisons", made[1])
	}
	if made[2] < 22*4 || made[2] > 33*4 {
		t.Errorf("after a single change, %d comparisons were made, want those of one function", made[2])
	}
	if made[3] != 0 {
		t.Errorf("after that, %d comparisons were made", made[3])
	}
}

// Where a run has no time for all, the next goes on from there.
func TestLongComparingGoesOnWhereTheRunBeforeEnded(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, populous(20), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep")
	for _, e := range r.Endpoints() {
		r.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
	}
	r.Clock().Advance(5 * 24 * time.Hour)
	total, runs := 0, 0
	for ; runs < 60; runs++ {
		o := r.Surroundings()
		o.Clock.Now = slowly(o.Clock.Now, time.Second) // each look at the clock takes a second, and so each comparison
		rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		total += rep.Comparisons.Made
		if rep.Comparisons.Left == 0 {
			break
		}
		if !r.Lives(runtest.KeyA) {
			t.Fatalf("a superseded key died before it was compared with everything:\n%s", runtest.Text(t, rep))
		}
		if rep.Outcome == report.Success {
			t.Errorf("run %d had no time for all, and is a success", runs)
		}
		r.Clock().Advance(24 * time.Hour)
	}
	if most := 120 * 11 * 4; runs < 2 || runs == 60 || total > most+runs*40 {
		t.Errorf("%d comparisons in %d runs, want each made once (%d), or little more", total, runs+1, most)
	}
}

// slowly is a clock that moves whenever it is looked at.
func slowly(now func() time.Time, step time.Duration) func() time.Time {
	var passed atomic.Int64
	return func() time.Time { return now().Add(time.Duration(passed.Add(int64(step)))) }
}

// BenchmarkComparisons counts, for what is made by the size of the project.
func BenchmarkComparisons(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n, " environments, 5 applications"), func(b *testing.B) {
			for b.Loop() {
				r := runtest.StartSeed(b, emulator.Options{}, populous(n/2), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=keep", "ROTATOR_BUDGET=1h")
				for _, e := range r.Endpoints() {
					r.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
				}
				r.Clock().Advance(time.Hour)
				made := comparisons(b, r, func() *report.Report {
					rep, err := run.Do(b.Context(), r.Cfg, run.Request{}, r.Surroundings())
					if err != nil {
						b.Fatal(err)
					}
					return rep
				})
				for i, of := range []string{"first-run", "nothing-changed", "one-change", "after-it"} {
					b.ReportMetric(float64(made[i]), "hashes/"+of)
				}
			}
		})
	}
}

package forecast_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/forecast"
)

// Before the first deployment there is no function: a forecast says what it would do.
func TestLongAProjectWithoutTheFunctionIsPlayedAsIfItWereThere(t *testing.T) {
	t.Parallel()
	seed := changed(func(s *emulator.Seed) {
		ops := &s.Serverless[0].FunctionNamespaces[1]
		ops.Functions = ops.Functions[1:]
		s.Applications = s.Applications[1:]
	})
	r := start(t, emulator.Options{}, seed, daily)
	got := r.forecast(r.options(40))
	for _, e := range got.Events {
		if strings.Contains(e.Text, "unknown bearer") {
			t.Errorf("it says %q", e.Text)
		}
	}
	said := strings.Join(lines(got), "\n")
	if !strings.Contains(said, "2026-09-02 made application checkout new 1 0") || !strings.Contains(said, "made application key-rotator (not deployed yet) new 1 0") {
		t.Errorf("it says\n%s", said)
	}
	if !strings.Contains(strings.Join(got.Unknown, "\n"), "none is deployed in this project") || got.FailedRuns > 0 {
		t.Errorf("%d runs fail: %+v, %q", got.FailedRuns, got.Breaks, got.Unknown)
	}
}

// Another function of the project may look like the rotator: one that was there before,
// or that a person made. Runs are played on the one that serverless.yml deploys.
func TestLongRunsArePlayedOnTheFunctionThatIsDeployed(t *testing.T) {
	t.Parallel()
	seed := changed(func(s *emulator.Seed) {
		other := *application(s, "rotator")
		other.Name, other.ID = "before", ""
		other.Keys = []emulator.SeedKey{{AccessKey: "SCWBEFORE00000000001", Description: "key-rotator", Age: age(5), Project: "demo"}}
		s.Applications = append(s.Applications, other)
		before := emulator.SeedFunctionNamespace{Name: "before", Functions: []emulator.SeedFunction{{
			Name: "key-rotator", Env: map[string]string{"ROTATOR_ACCESS_KEY": "${access_key:before}"},
			SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:before}"},
		}}}
		place := &s.Serverless[0]
		place.FunctionNamespaces = append([]emulator.SeedFunctionNamespace{before}, place.FunctionNamespaces...)
	})
	r := start(t, emulator.Options{}, seed, daily)
	for at, want := range map[string]string{"ops/key-rotator": "2026-09-11 made application rotator new 1 0", "before/key-rotator": "2026-09-26 made application before new 1 0"} {
		o := r.options(30)
		o.Function = at
		var own []string
		for _, l := range lines(r.forecast(o)) {
			if strings.Contains(l, " made application rotator ") || strings.Contains(l, " made application before ") {
				own = append(own, l)
			}
		}
		if !slices.Equal(own, []string{want}) {
			t.Errorf("%s: own keys are made as in %q, want %q alone", at, own, want)
		}
	}
}

// A function whose key a person has deleted is no function that is not deployed yet.
func TestAFunctionWithoutItsKeyIsNotPlayed(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	r.MustCall(http.MethodDelete, emulatortest.KeysPath+"/"+r.Keys("rotator")[0].AccessKey, nil)
	if got, err := forecast.Make(t.Context(), r.options(5)); err == nil || !strings.Contains(err.Error(), "ops/key-rotator (fr-par) runs on no key of the organization") {
		t.Errorf("%v, %+v", err, got)
	}
}

// The own key is nobody's business but the forecast's: when it dies, no run works.
func TestLongAnOwnKeyThatDiesEndsAllRuns(t *testing.T) {
	t.Parallel()
	seed := changed(func(s *emulator.Seed) { application(s, "rotator").Keys[0].ExpiresIn = age(50) })
	r := start(t, emulator.Options{}, seed, daily, "ROTATOR_OWN_KEY=keep")
	got := r.forecast(r.informed(60))
	if b := broken(got, "expiry"); len(b) != 1 || !strings.Contains(b[0].Text, "the function's own key") {
		t.Errorf("%+v", got.Breaks)
	}
	if runs := broken(got, "run"); len(runs) == 0 || got.FailedRuns != 10 {
		t.Errorf("%d runs fail: %+v", got.FailedRuns, runs)
	}
}

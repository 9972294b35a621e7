package endpoints_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Sixty new keys that never work are undone, however slowly keys are deleted,
// while the rest of the run still has its time.
func TestUndoingManyKeysStarvesNothing(t *testing.T) {
	t.Parallel()
	undoing(t, func(t *testing.T, r *runtest.Rig, got *report.Report, undone int, took time.Duration) {
		t.Helper()
		if undone != sixty || len(got.Left) > 0 || took > r.Cfg.Budget/2 {
			t.Errorf("%d undone in %s; left %v", undone, took, got.Left)
		}
	})
}

// Where the budget ends meanwhile, so does the undoing, and what is not undone is
// said, and an orphan for a later run.
func TestLongUndoingManyKeysEndsWithTheBudget(t *testing.T) {
	t.Parallel()
	undoing(t, func(t *testing.T, r *runtest.Rig, got *report.Report, undone int, took time.Duration) {
		t.Helper()
		if undone == sixty || undone == 0 || took > r.Cfg.Budget || got.Outcome != report.Failure {
			t.Errorf("%d undone in %s of %s, outcome %s", undone, took, r.Cfg.Budget, got.Outcome)
		}
		for range 3 { // an orphan goes once it is older than any run can last
			time.Sleep(70 * time.Minute)
			r.Run(t, run.Request{})
		}
		for _, a := range got.Applications {
			if keys := r.Keys(a.Name); a.InScope && len(keys) != 2 { // the old one, and the published one
				t.Errorf("%s has %d keys in the end", a.Name, len(keys))
			}
		}
	}, "ROTATOR_BUDGET=200s")
}

const sixty = 60

// undoing does a run in which no new key works, and deleting one takes 14 seconds.
func undoing(t *testing.T, check func(t *testing.T, r *runtest.Rig, got *report.Report, undone int, took time.Duration), settings ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par"}, settings...)
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, populated(1, 1, sixty), settings...)
		o := r.Surroundings()
		o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
			key := strings.HasPrefix(req.URL.Path, "/iam/v1alpha1/api-keys/")
			switch {
			case key && req.Method == http.MethodGet: // what a new key is tried by
				return runtest.Answered(req, http.StatusUnauthorized, `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`), nil
			case key && req.Method == http.MethodDelete:
				select {
				case <-time.After(14 * time.Second):
				case <-req.Context().Done():
					return nil, req.Context().Err()
				}
			}
			return r.RoundTripper().RoundTrip(req)
		})
		o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
			return runtest.Answered(req, http.StatusForbidden, `{"error":"request is forbidden"}`), nil
		})
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		undone := 0
		for _, c := range got.Changes {
			if c.Kind == "delete_key" && c.Result == report.Done {
				undone++
			}
		}
		check(t, r, got, undone, time.Duration(got.API.DurationSeconds*float64(time.Second)))
	})
}

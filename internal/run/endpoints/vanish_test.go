package endpoints_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Case 17, seen from the endpoints: what a person deletes after it was listed
// answers 404, or is not known any more. Its deletion is no failure, and nobody
// is asked to mend what goes.
func TestWhatIsDeletedDuringTheRunIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, endpoint, path string
		later                time.Duration // 0: it is still being deleted when it is asked
		answer               int           // of its endpoint meanwhile; 0: what the gateway says, -1: none
	}{
		{"a function, in deletion", "checkout", "/functions/v1beta1/regions/fr-par/functions/", 0, 0},
		{"a function, gone", "checkout", "/functions/v1beta1/regions/fr-par/functions/", time.Minute, 0},
		{"a container, gone", "stock", "/containers/v1/regions/fr-par/containers/", time.Minute, 0},
		{"a container, in deletion, that answers 503 until it is gone", "stock", "/containers/v1/regions/fr-par/containers/", 0, 503},
		{"a function, gone, whose host is not known", "checkout", "/functions/v1beta1/regions/fr-par/functions/", time.Minute, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, runtest.Guarded(handMade(40)), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
			e, _ := r.Endpoint(tt.endpoint)
			var once sync.Once
			o := toEndpoints(r, func(req *http.Request, _ bool) (int, string) {
				once.Do(func() {
					r.MustCall(http.MethodDelete, tt.path+e.ID, nil)
					r.Clock().Advance(tt.later)
				})
				if strings.HasPrefix(req.URL.Host, e.Host) {
					return tt.answer, ""
				}
				return 0, ""
			})
			got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != report.Success {
				t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
			}
			// That the API does not know it may also be said of all that there is.
			for _, l := range got.LegacyTokens {
				covers := l.Of == tt.endpoint || l.Scope == "namespace" && tt.endpoint == "stock"
				if held := l.Result == "held"; held != (covers && (tt.later > 0 || tt.answer == 503)) || held && l.GoesAt == nil {
					t.Errorf("the token of %s is %s: %s", l.Of, l.Result, l.Why)
				}
			}
			for _, f := range got.Findings {
				if strings.Contains(f.Subject, e.Host) && f.Level != report.Note {
					t.Errorf("%s: %s: %s", f.Level, f.Text, f.Hint)
				}
			}
		})
	}
}

package stories_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Lists of legacy tokens that hang keep no key from being retired, nor the
// function's own from being replaced.
func TestStoryHangingTokenListsStarveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := world(31, 31)
		for i := range 60 {
			shop := &seed.Serverless[0].FunctionNamespaces[0]
			shop.Functions = append(shop.Functions, emulator.SeedFunction{Name: "f" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Privacy: "public"})
		}
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_REGIONS=fr-par")
		o := r.Surroundings()
		o.Clock = clock.Real()
		o.Tell = runtest.Over(func(req *http.Request) (*http.Response, error) { return runtest.Answered(req, 200, ""), nil })
		o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/tokens") {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return r.RoundTripper().RoundTrip(req)
		})
		for range 3 {
			got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s in %.0fs, left %v, %d changes", got.Outcome, got.API.DurationSeconds, got.Left, len(got.Changes))
			for _, l := range got.Left {
				if strings.HasPrefix(l, "step ") {
					t.Errorf("left: %s", l)
				}
			}
			r.Restart(t)
			time.Sleep(24 * time.Hour)
		}
		if len(r.Keys("rotator")) != 2 {
			t.Errorf("the own key, which is due, is not replaced")
		}
	})
}

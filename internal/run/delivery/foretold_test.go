package delivery_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// What a dry run announces is what the run does, whatever a person did before:
// here to the keys, so that the run has to make one before it looks at tokens.
func TestADryRunForetellsARunThatFirstHasToMakeAKey(t *testing.T) {
	t.Parallel()
	for name, days := range map[string]int{"young": 0, "after some days": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, runtest.Superseded(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
			for range days {
				r.Run(t, run.Request{})
				r.Clock().Advance(24 * time.Hour)
			}
			const functions = "/functions/v1beta1/regions/fr-par/"
			for _, n := range r.MustCall(http.MethodGet, functions+"namespaces?page_size=100", nil)["namespaces"].([]any) {
				if row := n.(map[string]any); row["name"] == "shop" {
					r.MustCall(http.MethodPost, functions+"tokens", map[string]any{"namespace_id": row["id"]})
				}
			}
			for _, k := range r.Keys("orders") {
				if k.AccessKey == runtest.KeyA || days > 0 {
					r.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+k.AccessKey, nil)
				}
			}
			dry := r.Run(t, run.Request{DryRun: true})
			wet := r.Run(t, run.Request{})
			if diff := cmp.Diff(runtest.Did(dry), runtest.Did(wet)); diff != "" {
				t.Errorf("announced and done (-dry +run):\n%s\n%s\n%s", diff, runtest.Text(t, dry), runtest.Text(t, wet))
			}
		})
	}
}

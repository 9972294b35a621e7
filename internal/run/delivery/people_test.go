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

// byHandOf calls an endpoint of a version of an application's secret, as a person
// does with the owner's key.
func byHandOf(t *testing.T, r *runtest.Rig, name, method, version string) {
	t.Helper()
	for _, a := range r.MustRun(t, run.Request{DryRun: true}).Applications {
		if a.Name == name {
			r.MustCall(method, "/secret-manager/v1beta1/regions/fr-par/secrets/"+a.Secret.ID+"/versions/"+version, nil)
			return
		}
	}
	t.Fatalf("%s is not in scope", name)
}

func TestADryRunAnnouncesWhatIsRetiredOnceTheOnlyVersionIsEnabledNoMore(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{})
	r.Clock().Advance(8 * 24 * time.Hour)
	byHandOf(t, r, "storefront", http.MethodPost, "1/disable")
	dry := r.MustRun(t, run.Request{DryRun: true})
	if diff := cmp.Diff(runtest.Did(dry), runtest.Did(r.MustRun(t, run.Request{}))); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
}

func TestAKeyLivesOnForTheGraceAfterItsVersionIsDeleted(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{})
	published := r.Keys("nightly-batch")[0]
	r.Clock().Advance(20 * 24 * time.Hour)
	byHandOf(t, r, "nightly-batch", http.MethodDelete, "1")
	for _, row := range []struct {
		wait time.Duration
		want bool
	}{{time.Hour, true}, {r.Cfg.Grace - 3*time.Hour, true}, {2 * time.Hour, false}} {
		r.Clock().Advance(row.wait)
		r.MustRun(t, run.Request{})
		lives := false
		for _, k := range r.Keys("nightly-batch") {
			lives = lives || k.AccessKey == published.AccessKey
		}
		if lives != row.want {
			t.Errorf("%s: the key of the version that a person deleted lives: %t", r.Clock().Now(), lives)
		}
	}
}

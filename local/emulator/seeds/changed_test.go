package seeds_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestASeedSaysWhenThingsWereLastChanged(t *testing.T) {
	t.Parallel()
	seed, err := emulator.ParseSeed([]byte(`{
		"secrets": [{"name": "s", "project": "default", "versions": [{"data": "x", "age": "9d", "changed": "3d", "disabled": true}, {"data": "y", "age": "4d"}]}],
		"serverless": [{"project": "default",
			"function_namespaces": [{"name": "n", "changed": "90d", "functions": [{"name": "f", "changed": "2d"}]}],
			"container_namespaces": [{"name": "m", "containers": [{"name": "c", "changed": "1d"}]}]
		}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	env := emulatortest.Start(t, emulator.Options{Clock: emulator.NewManualClock(emulatortest.Epoch)}, seed)
	days := func(at any) int {
		t.Helper()
		moment, err := time.Parse(time.RFC3339Nano, at.(string))
		if err != nil {
			t.Fatal(err)
		}
		return int(emulatortest.Epoch.Sub(moment).Round(time.Hour).Hours() / 24)
	}
	first := func(path, list string) map[string]any {
		t.Helper()
		return env.MustCall(http.MethodGet, path, nil)[list].([]any)[0].(map[string]any)
	}
	for path, row := range map[string]struct {
		list          string
		made, changed int
	}{
		"/functions/v1beta1/regions/fr-par/namespaces": {"namespaces", 90, 90},
		"/functions/v1beta1/regions/fr-par/functions":  {"functions", 60, 2},
		"/containers/v1/regions/fr-par/namespaces":     {"namespaces", 60, 60},
		"/containers/v1/regions/fr-par/containers":     {"containers", 60, 1},
	} {
		got := first(path, row.list)
		if made, changed := days(got["created_at"]), days(got["updated_at"]); made != row.made || changed != row.changed {
			t.Errorf("%s: made %d days ago, changed %d, want %d and %d", path, made, changed, row.made, row.changed)
		}
	}
	id := first(emulatortest.SecretsPath, "secrets")["id"].(string)
	for _, v := range env.MustCall(http.MethodGet, emulatortest.SecretsPath+"/"+id+"/versions", nil)["versions"].([]any) {
		row := v.(map[string]any)
		if want := map[float64]int{1: 3, 2: 4}[row["revision"].(float64)]; days(row["updated_at"]) != want {
			t.Errorf("version %v: changed %d days ago, want %d", row["revision"], days(row["updated_at"]), want)
		}
	}
}

package emulatortest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// delivery is a project in which a function calls a private container with a
// key from its environment, and a rotator runs on one from its own.
func delivery() emulator.Seed {
	return emulator.Seed{
		Applications: []emulator.SeedApplication{
			{
				Name: "caller", Keys: []emulator.SeedKey{{Age: emulator.SeedAge(time.Hour)}},
				Policies: []emulator.SeedPolicy{{Name: "caller", Rules: emulator.CallerRules("default")}},
			},
			{
				Name: "rotator", Keys: []emulator.SeedKey{{Age: emulator.SeedAge(time.Hour)}},
				Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("default")}},
			},
		},
		Serverless: []emulator.SeedPlace{{Project: "default", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "web", Functions: []emulator.SeedFunction{
				{Name: "front", SecretEnv: map[string]string{"STOCK_TOKEN": "${secret_key:caller}"}},
				{
					Name: "key-rotator", Env: map[string]string{"ROTATOR_ACCESS_KEY": "${access_key:rotator}", "ROTATOR_PATH": "/keys"},
					SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:rotator}"},
				},
			}}},
			ContainerNamespaces: []emulator.SeedContainerNamespace{{Name: "back", Containers: []emulator.SeedContainer{{Name: "stock"}}}},
		}}},
	}
}

const functionsPath = "/functions/v1beta1/regions/fr-par/functions/"

func TestConsumersCallWithWhatTheyRunWith(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, delivery())
	front, _ := env.Endpoint("front")
	expect := func(when string, want int) {
		t.Helper()
		if got := env.CallAs("web/front", "STOCK_TOKEN", "back/stock"); got != want {
			t.Errorf("%s: %d, want %d", when, got, want)
		}
	}
	expect("with the key of the seed", http.StatusOK)
	old := env.Keys("caller")[0].AccessKey
	made := env.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": env.Application("caller"), "description": "new"})
	variables := []any{map[string]any{"key": "STOCK_TOKEN", "value": made["secret_key"]}}
	env.MustCall(http.MethodPatch, functionsPath+front.ID, map[string]any{"secret_environment_variables": variables})
	env.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+old, nil)
	expect("the old key is deleted and the new one not there yet", http.StatusForbidden)
	env.Clock().Advance(11 * time.Second)
	expect("with the new key", http.StatusOK)
	env.MustCall(http.MethodDelete, functionsPath+front.ID, nil)
	expect("once it is deleted", 0)
}

// The function's own redeploy: its next run has the environment that its own
// PATCH has brought, once that is ready.
func TestTheOwnFunctionRunsOnWhatWasDeliveredToIt(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, delivery())
	own, _ := env.Endpoint("key-rotator")
	before := env.Keys("rotator")[0]
	made := env.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": env.Application("rotator"), "description": "new"})
	patch := map[string]any{
		"environment_variables":        map[string]any{"ROTATOR_ACCESS_KEY": made["access_key"], "ROTATOR_PATH": "/keys"},
		"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": made["secret_key"]}},
	}
	if answer := env.Call(before.SecretKey, http.MethodPatch, functionsPath+own.ID, patch); answer.Status != http.StatusOK {
		t.Fatalf("with its own key: %d %s", answer.Status, answer.Text)
	}
	expect := func(when string, want map[string]any) {
		t.Helper()
		for name, value := range want {
			if got, _ := env.Variable("key-rotator", name); got != value {
				t.Errorf("%s: another %s", when, name)
			}
		}
	}
	expect("while it is deployed", map[string]any{"ROTATOR_ACCESS_KEY": before.AccessKey, "ROTATOR_SECRET_KEY": before.SecretKey, "ROTATOR_PATH": "/keys"})
	env.Clock().Advance(11 * time.Second)
	expect("ready", map[string]any{"ROTATOR_ACCESS_KEY": made["access_key"], "ROTATOR_SECRET_KEY": made["secret_key"], "ROTATOR_PATH": "/keys"})

	known := emulatortest.Secrets{}
	known.Learn(env.Emulator)
	shown := httptest.NewRecorder()
	env.Control().ServeHTTP(shown, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/state", nil))
	if leaks := known.Leaks(shown.Body.String()); shown.Code != http.StatusOK || len(leaks) > 0 {
		t.Errorf("the state is %d, and says %s", shown.Code, leaks)
	}
}

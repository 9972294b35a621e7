package audit_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// What people break is forgiven until it is mended, and nothing that the client
// does is.
func TestTheAuditorTellsPeopleFromItsClient(t *testing.T) {
	t.Parallel()
	seed := emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "demo"}},
		Applications: []emulator.SeedApplication{
			{Name: "rotator", Keys: []emulator.SeedKey{{}}, Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("demo")}}},
			{Name: "orders", ID: "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201", Keys: []emulator.SeedKey{{}}},
		},
		Secrets: []emulator.SeedSecret{{
			Name: "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201", Project: "demo", Path: "/rotator", Type: "key_value",
			Versions: []emulator.SeedVersion{{Data: `{"access_key":"${access_key:orders}","secret_key":"${secret_key:orders}"}`}},
		}},
	}
	env := emulatortest.Start(t, emulator.Options{}, seed)
	own := env.Keys("rotator")[0]
	auditor := env.Audit(emulator.AuditRules{Project: env.Project("demo"), Path: "/rotator", Applications: []string{"orders"}, OwnKey: own.AccessKey, Grace: time.Hour})
	key := map[string]any{"application_id": env.Application("orders"), "description": "x"}
	secrets := "/secret-manager/v1beta1/regions/fr-par/secrets"
	id := env.MustCall(http.MethodGet, secrets+"?project_id="+env.Project("demo"), nil)["secrets"].([]any)[0].(map[string]any)["id"].(string)

	heard := 0
	step := func(what, secret, method, path string, body any, want string) map[string]any {
		t.Helper()
		answer := env.Call(secret, method, path, body)
		if answer.Status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s", what, answer.Status, answer.Text)
		}
		_, violations := auditor.Result()
		if got := strings.Join(violations[heard:], "\n"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: the auditor says %q, want %q", what, got, want)
		}
		heard = len(violations)
		return answer.Body
	}
	current := "/iam/v1alpha1/api-keys/" + env.Keys("orders")[0].AccessKey
	step("a person deletes the current key", env.Secret, http.MethodDelete, current, nil, "")
	step("the client looks at it", own.SecretKey, http.MethodGet, "/iam/v1alpha1/api-keys", nil, "")
	step("a person adds a policy", env.Secret, http.MethodPost, "/iam/v1alpha1/policies",
		map[string]any{"name": "x", "application_id": env.Application("orders"), "rules": []any{}}, "")
	made := step("the client makes a key", own.SecretKey, http.MethodPost, "/iam/v1alpha1/api-keys", key, "")
	step("it publishes it", own.SecretKey, http.MethodPost, secrets+"/"+id+"/versions",
		map[string]any{"data": []byte(`{"access_key":"` + made["access_key"].(string) + `","secret_key":"` + made["secret_key"].(string) + `"}`)}, "")
	theirs := step("a person makes a key", env.Secret, http.MethodPost, "/iam/v1alpha1/api-keys", key, "")
	step("the client makes another", own.SecretKey, http.MethodPost, "/iam/v1alpha1/api-keys", key, "")
	mine := env.Keys("orders")[2].AccessKey
	step("it deletes that", own.SecretKey, http.MethodDelete, "/iam/v1alpha1/api-keys/"+mine, nil, "")
	step("it deletes the person's", own.SecretKey, http.MethodDelete, "/iam/v1alpha1/api-keys/"+theirs["access_key"].(string), nil, "which people may hold")
	step("it deletes the current key", own.SecretKey, http.MethodDelete, "/iam/v1alpha1/api-keys/"+made["access_key"].(string), nil, "I2: the current key")
	step("nothing is mended", own.SecretKey, http.MethodGet, "/iam/v1alpha1/api-keys", nil, "I1: ")
}

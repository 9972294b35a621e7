package iam_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// What the list of quotas says is what is enforced.
func TestQuotasAreListedAndHeld(t *testing.T) {
	t.Parallel()
	have := emulatortest.StartStaff(t, emulator.Options{})
	count := func(path, list string) int {
		return len(emulatortest.Column(have.MustCall("GET", path+"?page_size=100", nil), list, "created_at"))
	}
	quotas := emulator.Quotas{
		KeysPerOrganization: count(emulatortest.KeysPath, "api_keys") + 1,
		Applications:        count(emulatortest.AppsPath, "applications") + 1,
		Policies:            count(emulatortest.PoliciesPath, "policies") + 1,
	}
	env := emulatortest.StartStaff(t, emulator.Options{Quotas: quotas})
	listed := map[string]any{}
	for _, row := range env.MustCall("GET", "/iam/v1alpha1/quota", nil)["quota"].([]any) {
		fields := row.(map[string]any)
		listed[fields["name"].(string)] = fields["limit"]
	}
	for name, want := range map[string]int{"iam_api_keys": quotas.KeysPerOrganization, "iam_applications": quotas.Applications, "iam_policies": quotas.Policies} {
		if listed[name] != float64(want) {
			t.Errorf("%s is listed with %v, want %d", name, listed[name], want)
		}
	}
	for path, body := range map[string]emulatortest.Object{
		emulatortest.AppsPath:     {"name": "more"},
		emulatortest.PoliciesPath: {"name": "more", "no_principal": true},
		emulatortest.KeysPath:     {"application_id": env.Application("billing")},
	} {
		env.MustCall("POST", path, body)
		again := env.Call(env.Secret, "POST", path, body)
		emulatortest.WantStatus(t, again, 403)
		if again.Body["type"] != "quotas_exceeded" {
			t.Errorf("POST %s: %v", path, again.Body)
		}
	}
	rows := have.MustCall("GET", "/iam/v1alpha1/quota?quotum_names=iam_api_keys", nil)["quota"].([]any)
	if len(rows) != 1 || rows[0].(map[string]any)["unlimited"] != true {
		t.Errorf("without a limit it says %v", rows)
	}
}

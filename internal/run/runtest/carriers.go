package runtest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Restart gives the function the environment of its serving revision, as the
// platform would.
func (r *Rig) Restart(t *testing.T) {
	t.Helper()
	own, known := r.Endpoint("key-rotator")
	if !known {
		t.Fatal("there is no function key-rotator")
	}
	for _, line := range r.Running(own.ID) {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "ROTATOR_ACCESS_KEY":
			r.Cfg.AccessKey = value
		case "ROTATOR_SECRET_KEY":
			r.Cfg.SecretKey = redact.New(value)
		}
	}
}

// Lives tells whether orders has a key.
func (r *Rig) Lives(accessKey string) bool {
	return slices.ContainsFunc(r.Keys("orders"), func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
}

// Served fails the test if a private endpoint refuses one of the callers.
func (r *Rig) Served(t *testing.T) {
	t.Helper()
	for name, variable := range Callers() {
		if got := r.CallAs(name, variable, "checkout"); got != http.StatusOK {
			t.Fatalf("%s: %s calls with the key that it runs with, and gets %d", r.Clock().Now(), name, got)
		}
	}
}

// Key returns a key pair of orders.
func (r *Rig) Key(t *testing.T, accessKey string) emulator.KeyPair {
	t.Helper()
	keys := r.Keys("orders")
	i := slices.IndexFunc(keys, func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
	if i < 0 {
		t.Fatalf("orders has no key %s", accessKey)
	}
	return keys[i]
}

// SeenByCallers is what the callers' code sees.
func (r *Rig) SeenByCallers(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name := range Callers() {
		e, known := r.Endpoint(name)
		if !known {
			t.Fatalf("there is no %s", name)
		}
		out[name] = r.Running(e.ID)
	}
	return out
}

// SetEnvironment is what a person does by hand: variables of what the API has
// at a path become others, the rest stays.
func (r *Rig) SetEnvironment(t *testing.T, path string, plain map[string]string, secrets map[string]string) {
	t.Helper()
	body := map[string]any{}
	if len(plain) > 0 {
		all := maps.Clone(r.MustCall(http.MethodGet, path, nil)["environment_variables"].(map[string]any))
		for name, value := range plain {
			all[name] = value
		}
		body["environment_variables"] = all
	}
	if strings.HasPrefix(path, "/functions/") {
		list := []any{}
		for name, value := range secrets {
			list = append(list, map[string]any{"key": name, "value": value})
		}
		body["secret_environment_variables"] = list
	} else {
		body["secret_environment_variables"] = secrets
	}
	r.MustCall(http.MethodPatch, path, body)
	r.Clock().Advance(time.Minute)
}

// Latest is the access key that readers of orders' latest_enabled get.
func (r *Rig) Latest(t *testing.T) string {
	t.Helper()
	data := r.MustCall(http.MethodGet, fmt.Sprintf(
		"/secret-manager/v1beta1/regions/fr-par/secrets-by-path/versions/latest_enabled/access?secret_path=/rotator&secret_name=%s&project_id=%s",
		OrdersID, DemoProject), nil)["data"].(string)
	payload, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(payload), `"access_key":"`)
	return rest[:min(20, len(rest))]
}

// Versions are those of orders' secret, oldest first: status and description.
func (r *Rig) Versions(t *testing.T) []string {
	t.Helper()
	const secrets = "/secret-manager/v1beta1/regions/fr-par/secrets"
	var out []string
	for _, s := range r.MustCall(http.MethodGet, secrets+"?name="+OrdersID+"&project_id="+DemoProject, nil)["secrets"].([]any) {
		versions := r.MustCall(http.MethodGet, secrets+"/"+s.(map[string]any)["id"].(string)+"/versions?page_size=100", nil)["versions"].([]any)
		for _, v := range versions {
			said, _, _ := strings.Cut(v.(map[string]any)["description"].(string), "; carried until")
			out = append(out, v.(map[string]any)["status"].(string)+" "+said)
		}
	}
	slices.Reverse(out)
	return out
}

// Carried checks that every consumer runs with the key that the report calls
// current, and that what its variables hold of it is of one key.
func (r *Rig) Carried(t *testing.T, rep *report.Report) {
	t.Helper()
	secret := ""
	current := ""
	for _, k := range Application(t, rep, "orders").Keys {
		if k.State == "current" && !strings.HasPrefix(k.Note, "deleted") {
			current = k.AccessKey
		}
	}
	for _, k := range r.Keys("orders") {
		if k.AccessKey == current {
			secret = k.SecretKey
		}
	}
	for _, row := range []struct{ consumer, variable, want string }{
		{"courier", "ORDERS_SECRET_KEY", secret},
		{"courier", "ORDERS_ACCESS_KEY", current},
		{"nightly", "X_AUTH_TOKEN", secret},
		{"packer", "ORDERS_API_KEY", secret},
		{"cruncher", "ORDERS_TOKEN", secret},
		{"cruncher", "ORDERS_ACCESS_KEY", current},
		{"courier", "DB_PASSWORD", "hunter"},
		{"courier", "MODE", "fast"},
		{"packer", "DB_TOKEN", "other"},
	} {
		if got, _ := r.Variable(row.consumer, row.variable); got != row.want || got == "" {
			t.Errorf("%s runs with another %s than that of %s", row.consumer, row.variable, current)
		}
	}
}

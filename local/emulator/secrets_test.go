package emulator_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// vault is an emulator with one secret.
type vault struct {
	*emulatortest.Env
	id, path string // path is that of the secret
}

func newVault(t *testing.T, o emulator.Options, fields emulatortest.Object) *vault {
	t.Helper()
	v := &vault{Env: emulatortest.StartStaff(t, o)}
	body := emulatortest.Object{"project_id": v.Project("demo"), "name": "db", "type": "unknown_type"}
	maps.Copy(body, fields)
	s := v.MustCall("POST", emulatortest.SecretsPath, body)
	v.id = s["id"].(string)
	v.path = emulatortest.SecretsPath + "/" + v.id
	return v
}

// add makes a version that holds text.
func (v *vault) add(text string, more emulatortest.Object) emulatortest.Object {
	body := emulatortest.Object{"data": base64.StdEncoding.EncodeToString([]byte(text))}
	maps.Copy(body, more)
	return v.MustCall("POST", v.path+"/versions", body)
}

// statuses are those of all versions, the newest first.
func (v *vault) statuses() string {
	return strings.Join(emulatortest.Column(v.MustCall("GET", v.path+"/versions", nil), "versions", "status"), " ")
}

func TestSecretDefaultsAndChanges(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	s := v.MustCall("GET", v.path, nil)
	for field, want := range (emulatortest.Object{
		"type": "opaque", "path": "/", "status": "ready", "version_count": 0.0, "description": "", "managed": false, "protected": false,
		"ephemeral_policy": nil, "deletion_requested_at": nil, "key_id": nil, "region": "fr-par",
	}) {
		if got, there := s[field]; !there || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	v.Clock().Advance(time.Second)
	changed := v.MustCall("PATCH", v.path, emulatortest.Object{"path": "/a/b/", "tags": []string{"x"}})
	if changed["path"] != "/a/b" || changed["name"] != "db" || changed["updated_at"] == s["updated_at"] {
		t.Errorf("changed %v", changed)
	}
	kept := v.MustCall("PATCH", v.path, emulatortest.Object{"tags": nil, "description": "d"})
	if diff := cmp.Diff([]any{"x"}, kept["tags"]); diff != "" {
		t.Errorf("tags: null changed them: %s", diff)
	}
	v.Clock().Advance(time.Second)
	if p := v.MustCall("POST", v.path+"/protect", emulatortest.Object{}); p["protected"] != true || p["updated_at"] != kept["updated_at"] {
		t.Errorf("protected %v", p)
	}
	refused := v.Call(v.Secret, "DELETE", v.path, nil)
	emulatortest.WantStatus(t, refused, 412)
	if refused.Body["precondition"] != "protected_resource" {
		t.Errorf("refused %s", refused.Text)
	}
	v.MustCall("POST", v.path+"/unprotect", emulatortest.Object{})
	v.MustCall("DELETE", v.path, nil)
}

func TestRefusedSecrets(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	demo := v.Project("demo")
	for _, row := range []struct {
		name   string
		body   emulatortest.Object
		status int
		says   string
	}{
		{"same name", emulatortest.Object{"project_id": demo, "name": "db"}, 409, "already_exists"},
		{"same name, path with a slash at the end", emulatortest.Object{"project_id": demo, "name": "db", "path": "//"}, 409, v.id},
		{"another path", emulatortest.Object{"project_id": demo, "name": "db", "path": "/other/"}, 200, `"path":"/other"`},
		{"another project", emulatortest.Object{"project_id": v.Project("other"), "name": "db"}, 200, "db"},
		{"no name", emulatortest.Object{"project_id": demo}, 400, "name"},
		{"unknown type", emulatortest.Object{"project_id": demo, "name": "n", "type": "riddle"}, 400, "type"},
		{"relative path", emulatortest.Object{"project_id": demo, "name": "n", "path": "a"}, 400, "path"},
		{"unknown project", emulatortest.Object{"project_id": "x", "name": "n"}, 404, "project_id"},
		{"ephemeral for two years", emulatortest.Object{"project_id": demo, "name": "n", "ephemeral_policy": emulatortest.Object{"time_to_live": "63072000s", "action": "delete"}}, 400, "time_to_live"},
		{"ephemeral without an action", emulatortest.Object{"project_id": demo, "name": "n", "ephemeral_policy": emulatortest.Object{"time_to_live": "60s"}}, 400, "action"},
	} {
		got := v.Call(v.Secret, "POST", emulatortest.SecretsPath, row.body)
		if got.Status != row.status || !strings.Contains(got.Text, row.says) {
			t.Errorf("%s: %d %s, want %d and %q", row.name, got.Status, got.Text, row.status, row.says)
		}
	}
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", strings.Replace(emulatortest.SecretsPath, "fr-par", "mars", 1), nil), 400)
}

func TestSecretListHonoursItsFilters(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	add := func(name string, more emulatortest.Object) {
		body := emulatortest.Object{"project_id": env.Project("demo"), "name": name}
		maps.Copy(body, more)
		env.MustCall("POST", emulatortest.SecretsPath, body)
		env.Clock().Advance(time.Second)
	}
	add("c", emulatortest.Object{"tags": []string{"x", "y"}})
	add("a", emulatortest.Object{"tags": []string{"x"}, "path": "/deep/"})
	add("b", emulatortest.Object{"project_id": env.Project("other"), "type": "key_value", "ephemeral_policy": emulatortest.Object{"expires_once_accessed": true, "action": "delete"}})
	for query, want := range map[string]string{
		"":                        "a b c",
		"order_by=created_at_asc": "c a b",
		"order_by=name_desc":      "c b a",
		"project_id=" + env.Project("demo") + "&type=unknown_type&scheduled_for_deletion=false": "a c",
		"tags=x":                                "a c",
		"tags=x&tags=y":                         "c",
		"name=b":                                "b",
		"path=/deep":                            "a",
		"path=/":                                "b c",
		"type=key_value":                        "b",
		"ephemeral=true":                        "b",
		"ephemeral=false":                       "a c",
		"scheduled_for_deletion=true":           "",
		"page_size=2&page=2":                    "c",
		"organization_id=x":                     "",
		"organization_id=" + env.Organization(): "a b c",
	} {
		got := strings.Join(emulatortest.Column(env.MustCall("GET", emulatortest.SecretsPath+"?"+query, nil), "secrets", "name"), " ")
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	elsewhere := env.MustCall("GET", strings.Replace(emulatortest.SecretsPath, "fr-par", "nl-ams", 1), nil)
	if elsewhere["total_count"] != 0.0 {
		t.Error("a region shows the secrets of another")
	}
}

func TestDeletingASecretIsSoft(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprintf("name taken %t", taken), func(t *testing.T) {
			t.Parallel()
			v := newVault(t, emulator.Options{Answers: emulator.Answers{NameTakenByDeleted: taken}}, nil)
			v.add("one", nil)
			v.Clock().Advance(time.Second)
			emulatortest.WantStatus(t, v.Call(v.Secret, "DELETE", v.path, nil), 204)
			s := v.MustCall("GET", v.path, nil)
			if s["status"] != "ready" || s["deletion_requested_at"] == nil || s["deletion_requested_at"] != s["updated_at"] {
				t.Errorf("deleted %v", s)
			}
			if v.MustCall("GET", emulatortest.SecretsPath, nil)["total_count"] != 0.0 {
				t.Error("the list shows it")
			}
			if v.MustCall("GET", emulatortest.SecretsPath+"?scheduled_for_deletion=true", nil)["total_count"] != 1.0 {
				t.Error("the list of what is being deleted does not show it")
			}
			emulatortest.WantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions", emulatortest.Object{"data": "eA=="}), 412)
			again := v.Call(v.Secret, "POST", emulatortest.SecretsPath, emulatortest.Object{"project_id": v.Project("demo"), "name": "db"})
			if taken {
				emulatortest.WantStatus(t, again, 409)
				v.MustCall("POST", v.path+"/restore", emulatortest.Object{})
			} else {
				emulatortest.WantStatus(t, again, 200)
				emulatortest.WantStatus(t, v.Call(v.Secret, "POST", v.path+"/restore", nil), 409)
				v.MustCall("DELETE", emulatortest.SecretsPath+"/"+again.Body["id"].(string), nil)
			}
			if s := v.MustCall("POST", v.path+restoreOrProtect(taken), emulatortest.Object{}); s["deletion_requested_at"] != nil {
				t.Errorf("restored %v", s)
			}
			v.MustCall("GET", v.path+"/versions/1/access", nil)
			v.MustCall("DELETE", v.path, nil)
			v.Clock().Advance(7*24*time.Hour + time.Second)
			gone := v.Call(v.Secret, "GET", v.path+"/versions/1", nil)
			emulatortest.WantStatus(t, gone, 404)
			if gone.Body["resource"] != "secret" || gone.Body["resource_id"] != v.id {
				t.Errorf("a version of a secret that is gone: %s", gone.Text)
			}
		})
	}
}

// restoreOrProtect is what brings the secret of the test above back, or leaves
// it restored.
func restoreOrProtect(restored bool) string {
	if restored {
		return "/unprotect"
	}
	return "/restore"
}

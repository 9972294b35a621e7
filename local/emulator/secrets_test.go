package emulator_test

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const secretsPath = "/secret-manager/v1beta1/regions/fr-par/secrets"

// vault is an emulator with one secret.
type vault struct {
	*emulatortest.Env
	id, path string // path is that of the secret
}

func newVault(t *testing.T, o emulator.Options, fields object) *vault {
	t.Helper()
	v := &vault{Env: start(t, o)}
	body := object{"project_id": v.Project("demo"), "name": "db", "type": "unknown_type"}
	maps.Copy(body, fields)
	s := v.MustCall("POST", secretsPath, body)
	v.id = s["id"].(string)
	v.path = secretsPath + "/" + v.id
	return v
}

// add makes a version that holds text.
func (v *vault) add(text string, more object) object {
	body := object{"data": base64.StdEncoding.EncodeToString([]byte(text))}
	maps.Copy(body, more)
	return v.MustCall("POST", v.path+"/versions", body)
}

// statuses are those of all versions, the newest first.
func (v *vault) statuses() string {
	return strings.Join(column(v.MustCall("GET", v.path+"/versions", nil), "versions", "status"), " ")
}

func TestSecretDefaultsAndChanges(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	s := v.MustCall("GET", v.path, nil)
	for field, want := range (object{
		"type": "opaque", "path": "/", "status": "ready", "version_count": 0.0, "description": "", "managed": false, "protected": false,
		"ephemeral_policy": nil, "deletion_requested_at": nil, "key_id": nil, "region": "fr-par",
	}) {
		if got, there := s[field]; !there || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	v.Clock().Advance(time.Second)
	changed := v.MustCall("PATCH", v.path, object{"path": "/a/b/", "tags": []string{"x"}})
	if changed["path"] != "/a/b" || changed["name"] != "db" || changed["updated_at"] == s["updated_at"] {
		t.Errorf("changed %v", changed)
	}
	kept := v.MustCall("PATCH", v.path, object{"tags": nil, "description": "d"})
	if diff := cmp.Diff([]any{"x"}, kept["tags"]); diff != "" {
		t.Errorf("tags: null changed them: %s", diff)
	}
	v.Clock().Advance(time.Second)
	if p := v.MustCall("POST", v.path+"/protect", object{}); p["protected"] != true || p["updated_at"] != kept["updated_at"] {
		t.Errorf("protected %v", p)
	}
	refused := v.Call(v.Secret, "DELETE", v.path, nil)
	wantStatus(t, refused, 412)
	if refused.Body["precondition"] != "protected_resource" {
		t.Errorf("refused %s", refused.Text)
	}
	v.MustCall("POST", v.path+"/unprotect", object{})
	v.MustCall("DELETE", v.path, nil)
}

func TestRefusedSecrets(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	demo := v.Project("demo")
	for _, row := range []struct {
		name   string
		body   object
		status int
		says   string
	}{
		{"same name", object{"project_id": demo, "name": "db"}, 409, "already_exists"},
		{"same name, path with a slash at the end", object{"project_id": demo, "name": "db", "path": "//"}, 409, v.id},
		{"another path", object{"project_id": demo, "name": "db", "path": "/other/"}, 200, `"path":"/other"`},
		{"another project", object{"project_id": v.Project("other"), "name": "db"}, 200, "db"},
		{"no name", object{"project_id": demo}, 400, "name"},
		{"unknown type", object{"project_id": demo, "name": "n", "type": "riddle"}, 400, "type"},
		{"relative path", object{"project_id": demo, "name": "n", "path": "a"}, 400, "path"},
		{"unknown project", object{"project_id": "x", "name": "n"}, 404, "project_id"},
		{"ephemeral for two years", object{"project_id": demo, "name": "n", "ephemeral_policy": object{"time_to_live": "63072000s", "action": "delete"}}, 400, "time_to_live"},
		{"ephemeral without an action", object{"project_id": demo, "name": "n", "ephemeral_policy": object{"time_to_live": "60s"}}, 400, "action"},
	} {
		got := v.Call(v.Secret, "POST", secretsPath, row.body)
		if got.Status != row.status || !strings.Contains(got.Text, row.says) {
			t.Errorf("%s: %d %s, want %d and %q", row.name, got.Status, got.Text, row.status, row.says)
		}
	}
	wantStatus(t, v.Call(v.Secret, "GET", strings.Replace(secretsPath, "fr-par", "mars", 1), nil), 400)
}

func TestSecretListHonoursItsFilters(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{})
	add := func(name string, more object) {
		body := object{"project_id": env.Project("demo"), "name": name}
		maps.Copy(body, more)
		env.MustCall("POST", secretsPath, body)
		env.Clock().Advance(time.Second)
	}
	add("c", object{"tags": []string{"x", "y"}})
	add("a", object{"tags": []string{"x"}, "path": "/deep/"})
	add("b", object{"project_id": env.Project("other"), "type": "key_value", "ephemeral_policy": object{"expires_once_accessed": true, "action": "delete"}})
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
		got := strings.Join(column(env.MustCall("GET", secretsPath+"?"+query, nil), "secrets", "name"), " ")
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	elsewhere := env.MustCall("GET", strings.Replace(secretsPath, "fr-par", "nl-ams", 1), nil)
	if elsewhere["total_count"] != 0.0 {
		t.Error("a region shows the secrets of another")
	}
}

func TestVersionsComeNewestFirst(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	before := v.MustCall("GET", v.path, nil)
	v.Clock().Advance(time.Second)
	v.add("one", nil)
	two := v.add("two", object{"description": "second"})
	if two["revision"] != 2.0 || two["latest"] != true || two["description"] != "second" {
		t.Errorf("created %v", two)
	}
	list := v.MustCall("GET", v.path+"/versions?page=1", nil)
	if diff := cmp.Diff([]string{"2", "1"}, column(list, "versions", "revision")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", "false"}, column(list, "versions", "latest")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	after := v.MustCall("GET", v.path, nil)
	if after["version_count"] != 2.0 || after["updated_at"] != before["updated_at"] {
		t.Errorf("the secret after two versions: %v", after)
	}
}

func TestDisablingAndEnabling(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	v.add("one", object{"disable_previous": true}) // there is none
	v.add("two", object{"disable_previous": true})
	v.add("three", nil)
	if got := v.statuses(); got != "enabled enabled disabled" {
		t.Errorf("statuses %q", got)
	}
	if got := v.MustCall("POST", v.path+"/versions/3/disable", object{}); got["status"] != "disabled" {
		t.Errorf("disabled %v", got)
	}
	if got := v.MustCall("GET", v.path+"/versions/latest_enabled/access", nil); got["revision"] != 2.0 {
		t.Errorf("latest_enabled is %v, want 2", got["revision"])
	}
	if got := v.MustCall("GET", v.path+"/versions/latest", nil); got["revision"] != 3.0 {
		t.Errorf("latest is %v, want 3", got["revision"])
	}
	wantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/latest/access", nil), 412)
	if got := v.MustCall("POST", v.path+"/versions/1/enable", object{}); got["status"] != "enabled" {
		t.Errorf("enabled %v", got)
	}
	v.MustCall("POST", v.path+"/versions/1/enable", object{}) // again: as it is
	enabled := v.MustCall("GET", v.path+"/versions?status=enabled", nil)
	if diff := cmp.Diff([]string{"2", "1"}, column(enabled, "versions", "revision")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	two := v.MustCall("GET", v.path+"/versions?status=disabled&status=enabled&page_size=2", nil)
	if two["total_count"] != 3.0 || len(column(two, "versions", "revision")) != 2 {
		t.Errorf("paged %v", two)
	}
}

func TestDeletingAVersionIsSoft(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	v.add("one", nil)
	two := v.add("two", nil)
	v.Clock().Advance(time.Second)
	wantStatus(t, v.Call(v.Secret, "DELETE", v.path+"/versions/2", nil), 204)
	read := v.MustCall("GET", v.path+"/versions/2", nil)
	if read["status"] != "scheduled_for_deletion" || read["latest"] != true || read["deleted_at"] != nil ||
		read["deletion_requested_at"] == nil || read["updated_at"] != two["updated_at"] {
		t.Errorf("deleted %v", read)
	}
	wantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/2/access", nil), 412)
	wantStatus(t, v.Call(v.Secret, "DELETE", v.path+"/versions/2", nil), 412)
	wantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions/2/enable", nil), 412)
	if got := v.MustCall("GET", v.path+"/versions/latest_enabled", nil); got["revision"] != 1.0 {
		t.Errorf("latest_enabled %v", got)
	}
	if got := v.add("three", nil); got["revision"] != 3.0 {
		t.Errorf("numbering went back: %v", got)
	}
	if got := v.MustCall("POST", v.path+"/versions/2/restore", object{}); got["status"] != "enabled" || got["deletion_requested_at"] != nil {
		t.Errorf("restored %v", got)
	}
	v.MustCall("DELETE", v.path+"/versions/2", nil)
	v.Clock().Advance(7*24*time.Hour - time.Second)
	if got := v.statuses(); got != "enabled scheduled_for_deletion enabled" {
		t.Errorf("before a week: %q", got)
	}
	v.Clock().Advance(2 * time.Second)
	gone := v.MustCall("GET", v.path+"/versions/2", nil)
	if gone["status"] != "deleted" || gone["deleted_at"] == nil {
		t.Errorf("after a week: %v", gone)
	}
	wantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions/2/restore", nil), 412)
	wantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/9", nil), 404)
	wantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/newest", nil), 400)
}

func TestDeletingASecretIsSoft(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprintf("name taken %t", taken), func(t *testing.T) {
			t.Parallel()
			v := newVault(t, emulator.Options{Answers: emulator.Answers{NameTakenByDeleted: taken}}, nil)
			v.add("one", nil)
			v.Clock().Advance(time.Second)
			wantStatus(t, v.Call(v.Secret, "DELETE", v.path, nil), 204)
			s := v.MustCall("GET", v.path, nil)
			if s["status"] != "ready" || s["deletion_requested_at"] == nil || s["deletion_requested_at"] != s["updated_at"] {
				t.Errorf("deleted %v", s)
			}
			if v.MustCall("GET", secretsPath, nil)["total_count"] != 0.0 {
				t.Error("the list shows it")
			}
			if v.MustCall("GET", secretsPath+"?scheduled_for_deletion=true", nil)["total_count"] != 1.0 {
				t.Error("the list of what is being deleted does not show it")
			}
			wantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions", object{"data": "eA=="}), 412)
			again := v.Call(v.Secret, "POST", secretsPath, object{"project_id": v.Project("demo"), "name": "db"})
			if taken {
				wantStatus(t, again, 409)
				v.MustCall("POST", v.path+"/restore", object{})
			} else {
				wantStatus(t, again, 200)
				wantStatus(t, v.Call(v.Secret, "POST", v.path+"/restore", nil), 409)
				v.MustCall("DELETE", secretsPath+"/"+again.Body["id"].(string), nil)
			}
			if s := v.MustCall("POST", v.path+restoreOrProtect(taken), object{}); s["deletion_requested_at"] != nil {
				t.Errorf("restored %v", s)
			}
			v.MustCall("GET", v.path+"/versions/1/access", nil)
			v.MustCall("DELETE", v.path, nil)
			v.Clock().Advance(7*24*time.Hour + time.Second)
			gone := v.Call(v.Secret, "GET", v.path+"/versions/1", nil)
			wantStatus(t, gone, 404)
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

func TestPayloadIsCheckedAndComesBack(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	api := secret.NewAPI(v.SDK(v.AccessKey, v.Secret))
	data := []byte("a payload\x00with a zero")
	made, err := api.CreateSecretVersion(&secret.CreateSecretVersionRequest{SecretID: v.id, Data: data, DataCrc32: new(crc32.ChecksumIEEE(data))})
	if err != nil {
		t.Fatal(err)
	}
	read, err := api.AccessSecretVersion(&secret.AccessSecretVersionRequest{SecretID: v.id, Revision: "latest_enabled"})
	if err != nil {
		t.Fatal(err)
	}
	want := &secret.AccessSecretVersionResponse{SecretID: v.id, Revision: made.Revision, Data: data, DataCrc32: new(crc32.ChecksumIEEE(data)), Type: "opaque"}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	byPath := v.MustCall("GET", strings.Replace(secretsPath, "secrets", "secrets-by-path/versions/latest/access", 1)+
		"?secret_path=/&secret_name=db&project_id="+v.Project("demo"), nil)
	if byPath["revision"] != 1.0 || byPath["secret_id"] != v.id {
		t.Errorf("by path %v", byPath)
	}
	wantStatus(t, v.Call(v.Secret, "GET", strings.Replace(secretsPath, "secrets", "secrets-by-path/versions/latest/access", 1)+
		"?secret_path=/x&secret_name=db&project_id="+v.Project("demo"), nil), 404)
	v.add("plain", nil)
	if got := v.MustCall("GET", v.path+"/versions/2/access", nil); got["data_crc32"] != nil {
		t.Errorf("data_crc32 %v, though none was given", got["data_crc32"])
	}
	for name, body := range map[string]any{
		"wrong checksum": object{"data": "eA==", "data_crc32": 1}, "not base64": object{"data": "?"}, "no data": object{},
	} {
		if got := v.Call(v.Secret, "POST", v.path+"/versions", body); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
	}
}

func TestKeyValueSecretsHoldStrings(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, object{"type": "key_value"})
	v.add(`{"key": "value"}`, nil)
	for payload, help := range map[string]string{
		`{"key": "value", "invalid": {}}`: "- invalid: Invalid type. Expected: string, given: object\n",
		`{"b": [], "a": 1}`:               "- a: Invalid type. Expected: string, given: integer\n- b: Invalid type. Expected: string, given: array\n",
		`[]`:                              "- (root): Invalid type. Expected: object, given: array\n",
	} {
		got := v.Call(v.Secret, "POST", v.path+"/versions", object{"data": base64.StdEncoding.EncodeToString([]byte(payload))})
		wantStatus(t, got, 400)
		want := []any{object{"argument_name": "data", "help_message": help, "reason": "format"}}
		if diff := cmp.Diff(want, got.Body["details"]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", payload, diff)
		}
	}
}

func TestEphemeralVersionsExpire(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, object{"ephemeral_policy": object{"time_to_live": "60.000000000s", "expires_once_accessed": false, "action": "disable"}})
	one := v.add("one", nil)
	props := one["ephemeral_properties"].(object)
	if props["action"] != "disable" || props["expires_at"] == nil || props["expires_once_accessed"] != false {
		t.Errorf("properties %v", props)
	}
	v.MustCall("PATCH", v.path, object{"ephemeral_policy": object{"time_to_live": nil, "expires_once_accessed": true, "action": "delete"}})
	two := v.add("two", nil)
	if props := two["ephemeral_properties"].(object); props["expires_at"] != nil {
		t.Errorf("properties %v", props)
	}
	v.Clock().Advance(61 * time.Second)
	if got := v.statuses(); got != "enabled disabled" {
		t.Errorf("after a minute: %q", got)
	}
	v.MustCall("GET", v.path+"/versions/2/access", nil)
	wantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/2/access", nil), 412)
	if got := v.statuses(); got != "deleted disabled" {
		t.Errorf("after an access: %q", got)
	}
	bare := newVault(t, emulator.Options{}, object{"ephemeral_policy": object{"expires_once_accessed": true, "action": "delete"}})
	bare.MustCall("DELETE", bare.path, nil)
	wantStatus(t, bare.Call(bare.Secret, "GET", bare.path, nil), 404)
}

func TestVersionQuotaCountsWhatIsKept(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	for range 20 {
		v.add("x", nil)
	}
	over := v.Call(v.Secret, "POST", v.path+"/versions", object{"data": "eA=="})
	wantStatus(t, over, 403)
	if over.Body["type"] != "quotas_exceeded" {
		t.Errorf("over the quota: %s", over.Text)
	}
	v.MustCall("DELETE", v.path+"/versions/1", nil)
	if got := v.add("x", nil); got["revision"] != 21.0 {
		t.Errorf("after one was deleted: %v", got)
	}
}

package emulator_test

import (
	"encoding/base64"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestVersionsComeNewestFirst(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	before := v.MustCall("GET", v.path, nil)
	v.Clock().Advance(time.Second)
	v.add("one", nil)
	two := v.add("two", emulatortest.Object{"description": "second"})
	if two["revision"] != 2.0 || two["latest"] != true || two["description"] != "second" {
		t.Errorf("created %v", two)
	}
	list := v.MustCall("GET", v.path+"/versions?page=1", nil)
	if diff := cmp.Diff([]string{"2", "1"}, emulatortest.Column(list, "versions", "revision")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", "false"}, emulatortest.Column(list, "versions", "latest")); diff != "" {
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
	v.add("one", emulatortest.Object{"disable_previous": true}) // there is none
	v.add("two", emulatortest.Object{"disable_previous": true})
	v.add("three", nil)
	if got := v.statuses(); got != "enabled enabled disabled" {
		t.Errorf("statuses %q", got)
	}
	if got := v.MustCall("POST", v.path+"/versions/3/disable", emulatortest.Object{}); got["status"] != "disabled" {
		t.Errorf("disabled %v", got)
	}
	if got := v.MustCall("GET", v.path+"/versions/latest_enabled/access", nil); got["revision"] != 2.0 {
		t.Errorf("latest_enabled is %v, want 2", got["revision"])
	}
	if got := v.MustCall("GET", v.path+"/versions/latest", nil); got["revision"] != 3.0 {
		t.Errorf("latest is %v, want 3", got["revision"])
	}
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/latest/access", nil), 412)
	if got := v.MustCall("POST", v.path+"/versions/1/enable", emulatortest.Object{}); got["status"] != "enabled" {
		t.Errorf("enabled %v", got)
	}
	v.MustCall("POST", v.path+"/versions/1/enable", emulatortest.Object{}) // again: as it is
	enabled := v.MustCall("GET", v.path+"/versions?status=enabled", nil)
	if diff := cmp.Diff([]string{"2", "1"}, emulatortest.Column(enabled, "versions", "revision")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	two := v.MustCall("GET", v.path+"/versions?status=disabled&status=enabled&page_size=2", nil)
	if two["total_count"] != 3.0 || len(emulatortest.Column(two, "versions", "revision")) != 2 {
		t.Errorf("paged %v", two)
	}
}

func TestDeletingAVersionIsSoft(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	v.add("one", nil)
	two := v.add("two", nil)
	v.Clock().Advance(time.Second)
	emulatortest.WantStatus(t, v.Call(v.Secret, "DELETE", v.path+"/versions/2", nil), 204)
	read := v.MustCall("GET", v.path+"/versions/2", nil)
	if read["status"] != "scheduled_for_deletion" || read["latest"] != true || read["deleted_at"] != nil ||
		read["deletion_requested_at"] == nil || read["updated_at"] != two["updated_at"] {
		t.Errorf("deleted %v", read)
	}
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/2/access", nil), 412)
	emulatortest.WantStatus(t, v.Call(v.Secret, "DELETE", v.path+"/versions/2", nil), 412)
	emulatortest.WantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions/2/enable", nil), 412)
	if got := v.MustCall("GET", v.path+"/versions/latest_enabled", nil); got["revision"] != 1.0 {
		t.Errorf("latest_enabled %v", got)
	}
	if got := v.add("three", nil); got["revision"] != 3.0 {
		t.Errorf("numbering went back: %v", got)
	}
	if got := v.MustCall("POST", v.path+"/versions/2/restore", emulatortest.Object{}); got["status"] != "enabled" || got["deletion_requested_at"] != nil {
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
	emulatortest.WantStatus(t, v.Call(v.Secret, "POST", v.path+"/versions/2/restore", nil), 412)
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/9", nil), 404)
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/newest", nil), 400)
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
	byPath := v.MustCall("GET", strings.Replace(emulatortest.SecretsPath, "secrets", "secrets-by-path/versions/latest/access", 1)+
		"?secret_path=/&secret_name=db&project_id="+v.Project("demo"), nil)
	if byPath["revision"] != 1.0 || byPath["secret_id"] != v.id {
		t.Errorf("by path %v", byPath)
	}
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", strings.Replace(emulatortest.SecretsPath, "secrets", "secrets-by-path/versions/latest/access", 1)+
		"?secret_path=/x&secret_name=db&project_id="+v.Project("demo"), nil), 404)
	v.add("plain", nil)
	if got := v.MustCall("GET", v.path+"/versions/2/access", nil); got["data_crc32"] != nil {
		t.Errorf("data_crc32 %v, though none was given", got["data_crc32"])
	}
	for name, body := range map[string]any{
		"wrong checksum": emulatortest.Object{"data": "eA==", "data_crc32": 1}, "not base64": emulatortest.Object{"data": "?"}, "no data": emulatortest.Object{},
	} {
		if got := v.Call(v.Secret, "POST", v.path+"/versions", body); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
	}
}

func TestKeyValueSecretsHoldStrings(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, emulatortest.Object{"type": "key_value"})
	v.add(`{"key": "value"}`, nil)
	for payload, help := range map[string]string{
		`{"key": "value", "invalid": {}}`: "- invalid: Invalid type. Expected: string, given: object\n",
		`{"b": [], "a": 1}`:               "- a: Invalid type. Expected: string, given: integer\n- b: Invalid type. Expected: string, given: array\n",
		`[]`:                              "- (root): Invalid type. Expected: object, given: array\n",
	} {
		got := v.Call(v.Secret, "POST", v.path+"/versions", emulatortest.Object{"data": base64.StdEncoding.EncodeToString([]byte(payload))})
		emulatortest.WantStatus(t, got, 400)
		want := []any{emulatortest.Object{"argument_name": "data", "help_message": help, "reason": "format"}}
		if diff := cmp.Diff(want, got.Body["details"]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", payload, diff)
		}
	}
}

func TestEphemeralVersionsExpire(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, emulatortest.Object{"ephemeral_policy": emulatortest.Object{"time_to_live": "60.000000000s", "expires_once_accessed": false, "action": "disable"}})
	one := v.add("one", nil)
	props := one["ephemeral_properties"].(emulatortest.Object)
	if props["action"] != "disable" || props["expires_at"] == nil || props["expires_once_accessed"] != false {
		t.Errorf("properties %v", props)
	}
	v.MustCall("PATCH", v.path, emulatortest.Object{"ephemeral_policy": emulatortest.Object{"time_to_live": nil, "expires_once_accessed": true, "action": "delete"}})
	two := v.add("two", nil)
	if props := two["ephemeral_properties"].(emulatortest.Object); props["expires_at"] != nil {
		t.Errorf("properties %v", props)
	}
	v.Clock().Advance(61 * time.Second)
	if got := v.statuses(); got != "enabled disabled" {
		t.Errorf("after a minute: %q", got)
	}
	v.MustCall("GET", v.path+"/versions/2/access", nil)
	emulatortest.WantStatus(t, v.Call(v.Secret, "GET", v.path+"/versions/2/access", nil), 412)
	if got := v.statuses(); got != "deleted disabled" {
		t.Errorf("after an access: %q", got)
	}
	bare := newVault(t, emulator.Options{}, emulatortest.Object{"ephemeral_policy": emulatortest.Object{"expires_once_accessed": true, "action": "delete"}})
	bare.MustCall("DELETE", bare.path, nil)
	emulatortest.WantStatus(t, bare.Call(bare.Secret, "GET", bare.path, nil), 404)
}

func TestVersionQuotaCountsWhatIsKept(t *testing.T) {
	t.Parallel()
	v := newVault(t, emulator.Options{}, nil)
	for range 20 {
		v.add("x", nil)
	}
	over := v.Call(v.Secret, "POST", v.path+"/versions", emulatortest.Object{"data": "eA=="})
	emulatortest.WantStatus(t, over, 403)
	if over.Body["type"] != "quotas_exceeded" {
		t.Errorf("over the quota: %s", over.Text)
	}
	v.MustCall("DELETE", v.path+"/versions/1", nil)
	if got := v.add("x", nil); got["revision"] != 21.0 {
		t.Errorf("after one was deleted: %v", got)
	}
}

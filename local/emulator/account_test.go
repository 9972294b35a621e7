package emulator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestProjects(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	made := env.MustCall("POST", emulatortest.ProjectsPath, emulatortest.Object{"name": "new", "description": "d"})
	if q, there := made["qualification"]; !there || q != nil {
		t.Errorf("created %v", made)
	}
	path := emulatortest.ProjectsPath + "/" + made["id"].(string)
	want := emulatortest.Object{"architecture_type": "unknown_architecture_type"}
	if diff := cmp.Diff(any(want), env.MustCall("GET", path, nil)["qualification"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	found := env.MustCall("GET", emulatortest.ProjectsPath+"?name=new&order_by=created_at_asc", nil)
	if found["total_count"] != 1.0 {
		t.Errorf("found %v", found)
	}
	s := env.MustCall("POST", emulatortest.SecretsPath, emulatortest.Object{"project_id": made["id"], "name": "s"})
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", path, nil), 412)
	env.MustCall("DELETE", emulatortest.SecretsPath+"/"+s["id"].(string), nil)
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", path, nil), 204)
	gone := env.Call(env.Secret, "GET", path, nil)
	emulatortest.WantStatus(t, gone, 404)
	if gone.Body["resource"] != "project_id" {
		t.Errorf("gone: %s", gone.Text)
	}
}

func TestDefaultProjectHasTheOrganizationsID(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	if env.Project("default") != env.Organization() {
		t.Errorf("default project %s of organization %s", env.Project("default"), env.Organization())
	}
}

func TestMetadataNeedNoKey(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Empty())
	got := env.Call("", "GET", "/metadata", nil)
	if diff := cmp.Diff(emulatortest.Object{"platform": "external", "partition": "scw", "domain": "scw.eu"}, got.Body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Header.Get("Content-Type") != "application/json" || got.Header.Get("X-Request-Id") == "" {
		t.Errorf("headers %v", got.Header)
	}
}

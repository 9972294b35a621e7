package serverless_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// What a caller may see and do of functions and containers depends on the
// project that their namespace is in.
func TestServerlessRightsAreByProject(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	reader := func(name, project string, sets ...string) emulator.SeedApplication {
		return emulator.SeedApplication{
			Name: name, Keys: []emulator.SeedKey{{}},
			Policies: []emulator.SeedPolicy{{Name: name, Rules: []emulator.SeedRule{{PermissionSets: sets, Projects: []string{project}}}}},
		}
	}
	if err := l.Load(emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "other"}},
		Applications: []emulator.SeedApplication{
			reader("here", "default", "FunctionsReadOnly", "ContainersReadOnly"),
			reader("there", "other", "FunctionsFullAccess", "ContainersFullAccess"),
			reader("caller", "default", "FunctionsPrivateAccess", "ContainersPrivateAccess"),
		},
	}); err != nil {
		t.Fatal(err)
	}
	f, c, n := l.MustEndpoint("api").ID, l.MustEndpoint("shop").ID, l.Namespace()
	token := ""
	for _, row := range l.Tokens() {
		if row.Description == "live" {
			token = row.ID
		}
	}
	project := l.Project("default")
	type want struct {
		status, rows int // rows: of a list, -1 for what is none
	}
	for _, row := range []struct {
		method, path        string
		here, there, caller want
	}{
		{"GET", emulatortest.FunctionsBase + "/functions", want{200, 2}, want{200, 0}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/functions?project_id=" + project, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/functions?namespace_id=" + n, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/functions/" + f, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/namespaces", want{200, 1}, want{200, 0}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/runtimes", want{200, 38}, want{200, 38}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/tokens?function_id=" + f, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.FunctionsBase + "/tokens/" + token, want{200, -1}, want{403, -1}, want{403, -1}},
		{"DELETE", emulatortest.FunctionsBase + "/tokens/" + token, want{403, -1}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.ContainersBase + "/containers", want{200, 1}, want{200, 0}, want{403, -1}},
		{"GET", emulatortest.ContainersBase + "/containers/" + c, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.ContainersOldest + "/containers/" + c, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.ContainersOldest + "/domains?container_id=" + c, want{200, 0}, want{403, -1}, want{403, -1}},
		{"GET", emulatortest.ContainersOldest + "/crons?container_id=" + c, want{200, 0}, want{403, -1}, want{403, -1}},
		{"PATCH", emulatortest.ContainersBase + "/containers/" + c, want{403, -1}, want{403, -1}, want{403, -1}},
	} {
		for name, want := range map[string]want{"here": row.here, "there": row.there, "caller": row.caller} {
			as := *l
			as.Secret = l.SecretOf(name)
			status, got := as.Raw(row.method, row.path, "")
			rows := -1
			if total, listed := got["total_count"].(float64); listed {
				rows = int(total)
			}
			if status != want.status || rows != want.rows {
				t.Errorf("%s %s by %s: %d with %d rows, want %d with %d", row.method, row.path, name, status, rows, want.status, want.rows)
			}
		}
	}
}

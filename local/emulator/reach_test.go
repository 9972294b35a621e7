package emulator_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// What a caller may see and do of functions and containers depends on the
// project that their namespace is in.
func TestServerlessRightsAreByProject(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
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
	f, c, n := l.endpoint("api").ID, l.endpoint("shop").ID, l.namespace()
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
		{"GET", functionsBase + "/functions", want{200, 2}, want{200, 0}, want{403, -1}},
		{"GET", functionsBase + "/functions?project_id=" + project, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", functionsBase + "/functions?namespace_id=" + n, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", functionsBase + "/functions/" + f, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", functionsBase + "/namespaces", want{200, 1}, want{200, 0}, want{403, -1}},
		{"GET", functionsBase + "/runtimes", want{200, 38}, want{200, 38}, want{403, -1}},
		{"GET", functionsBase + "/tokens?function_id=" + f, want{200, 2}, want{403, -1}, want{403, -1}},
		{"GET", functionsBase + "/tokens/" + token, want{200, -1}, want{403, -1}, want{403, -1}},
		{"DELETE", functionsBase + "/tokens/" + token, want{403, -1}, want{403, -1}, want{403, -1}},
		{"GET", containersBase + "/containers", want{200, 1}, want{200, 0}, want{403, -1}},
		{"GET", containersBase + "/containers/" + c, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", containersOldest + "/containers/" + c, want{200, -1}, want{403, -1}, want{403, -1}},
		{"GET", containersOldest + "/domains?container_id=" + c, want{200, 0}, want{403, -1}, want{403, -1}},
		{"GET", containersOldest + "/crons?container_id=" + c, want{200, 0}, want{403, -1}, want{403, -1}},
		{"PATCH", containersBase + "/containers/" + c, want{403, -1}, want{403, -1}, want{403, -1}},
	} {
		for name, want := range map[string]want{"here": row.here, "there": row.there, "caller": row.caller} {
			as := *l
			as.secret = l.secretOf(name)
			status, got := as.raw(row.method, row.path, "")
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

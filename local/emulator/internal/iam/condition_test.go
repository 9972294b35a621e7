package iam_test

import (
	"net/http"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestConditionsAreHeld(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		condition string
		get, list int
	}{
		{condition: "1 == 1", get: 200, list: 200},
		{condition: "1 == 2", get: 403, list: 403},
		{condition: "resource.name == '/db'", get: 200, list: 200},
		{condition: "resource.name == 'web'", get: 403, list: 403},
		{condition: "has(resource.name) && resource.name.startsWith('/d')", get: 200, list: 200},
		{condition: "!has(resource.name)", get: 403, list: 200}, // a list is asked about without a name, and shows nothing
		{condition: "request.user_agent == 'a test'", get: 200, list: 200},
		{condition: "inIpRange(request.ip, '127.0.0.0/8')", get: 200, list: 200},
		{condition: "inIpRange(request.ip, '51.15.0.0/16')", get: 403, list: 403},
		{condition: "!inIpRange(request.ip, '51.15.0.0')", get: 403, list: 403}, // no subnet: an error, which grants nothing
		{condition: "request.ip == '127.0.0.1'", get: 200, list: 200},
		{condition: "request.user_agent == 'terraform-test'", get: 403, list: 403},
		{condition: "request.time < timestamp('2027-01-01T00:00:00Z')", get: 200, list: 200},
		{condition: "request.time > timestamp('2027-01-01T00:00:00Z')", get: 403, list: 403},
		{condition: "request.time.getHours('UTC') == 12 && request.time.getMinutes() < 30", get: 200, list: 200},
		{condition: "request.time.getHours('Europe/Paris') == 14", get: 200, list: 200},
		{condition: "request.time.getHours('Europe/Paris') == 12", get: 403, list: 403},
		{condition: "resource.colour == 'red'", get: 403, list: 403},
		{condition: "nonsense(", get: 403, list: 403},
		{condition: "'true'", get: 403, list: 403},
	} {
		t.Run(row.condition, func(t *testing.T) {
			t.Parallel()
			rule := onProject("demo", "SecretManagerReadOnly")
			rule.Condition = row.condition
			env := emulatortest.Start(t, emulator.Options{}, holding(rule))
			id := emulatortest.Column(env.MustCall("GET", emulatortest.SecretsPath, nil), "secrets", "id")[0]
			for path, want := range map[string]int{emulatortest.SecretsPath + "/" + id: row.get, emulatortest.SecretsPath: row.list} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, emulatortest.API+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Auth-Token", env.Keys("worker")[0].SecretKey)
				r.Header.Set("User-Agent", "a test")
				res, err := env.HTTP.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
				}
			}
		})
	}
}

// Nobody knows what a condition is asked about where a call makes something
// (A89): a condition of the kind that setup makes must hold under both answers.
func TestConditionsOnWhatACallMakes(t *testing.T) {
	t.Parallel()
	const folder = `resource.name.startsWith('/a/')`
	for _, row := range []struct {
		condition string
		known     bool // what is made is asked about as what is there
		a, b      int  // for a secret in /a, and in /b
	}{
		{folder, false, 403, 403},
		{folder, true, 200, 403},
		{folder + " || !has(resource.id)", false, 200, 200},
		{folder + " || !has(resource.id)", true, 200, 403},
	} {
		rule := onProject("demo", "SecretManagerSecretCreate")
		rule.Condition = row.condition
		seed := holding(rule)
		seed.Secrets = append(seed.Secrets, emulator.SeedSecret{Name: "old", Path: "/a", Project: "demo"}, emulator.SeedSecret{Name: "theirs", Path: "/b", Project: "demo"})
		env := emulatortest.Start(t, emulator.Options{Answers: emulator.Answers{ConditionsOnNew: row.known}}, seed)
		worker := env.Keys("worker")[0].SecretKey
		for path, want := range map[string]int{"/a": row.a, "/b": row.b} {
			got := env.Call(worker, "POST", emulatortest.SecretsPath, emulatortest.Object{"name": "new", "path": path, "project_id": env.Project("demo")})
			if got.Status != want {
				t.Errorf("%s, known: %t: a secret in %s: %d, want %d", row.condition, row.known, path, got.Status, want)
			}
		}
		list := env.MustCall("GET", emulatortest.SecretsPath, nil)
		for i, name := range emulatortest.Column(list, "secrets", "name") {
			if want, is := map[string]int{"old": 200, "theirs": 403}[name]; is {
				path := emulatortest.SecretsPath + "/" + emulatortest.Column(list, "secrets", "id")[i] + "/versions"
				if got := env.Call(worker, "POST", path, emulatortest.Object{"data": "eA=="}); got.Status != want {
					t.Errorf("%s: a version of %s: %d, want %d", row.condition, name, got.Status, want)
				}
			}
		}
	}
}

package seeds_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestWrongSeedsAreToldByFieldAndAllAtOnce(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"a field that does not exist": {
			`{"projects": [{"name": "p", "ID": "x"}]}`,
			"projects[0].ID: no such field; want name, id, description or age",
		},
		"a field of an embedded object": {
			`{"serverless": [{"project": "p", "functions": []}]}`,
			"serverless[0].functions: no such field; want project, region, function_namespaces or container_namespaces",
		},
		"everything at once": {
			"{\"applications\": [{\"name\": 7, \"managed\": \"yes\", \"keys\": {}},\n{\"keys\": [{\"age\": \"old\"}]}], \"groups\": 1}",
			`applications[0].keys: want a list in [ ], not {}
applications[0].managed: want true or false, not "yes"
applications[0].name: want a text in quotes, not 7
applications[1].keys[0].age: "old" is not a duration such as 400d or 36h
groups: want a list in [ ], not 1`,
		},
		"a duration without quotes": {
			`{"security_settings": {"max_api_key_expiration": 30}}`,
			"security_settings.max_api_key_expiration: want a duration in quotes, such as 400d or 36h, not 30",
		},
		"a duration beyond all": {
			`{"projects": [{"name": "p", "age": "65535d2562047h"}]}`,
			`projects[0].age: "65535d2562047h" is longer than 292 years`,
		},
		"a map's value": {
			`{"serverless": [{"project": "p", "function_namespaces": [{"name": "n", "env": {"A": 1}}]}]}`,
			"serverless[0].function_namespaces[0].env.A: want a text in quotes, not 1",
		},
		"a number that is not whole": {
			`{"secrets": [{"name": "s", "project": "p", "versions": [{"random": 1.5}]}]}`,
			"secrets[0].versions[0].random: want a whole number, not 1.5",
		},
		"a list for an object":      {`{"security_settings": []}`, "security_settings: want an object, not []"},
		"a list for the whole":      {`[1]`, "want an object, not [1]"},
		"nothing":                   {"  ", "want a JSON object, not nothing"},
		"two objects":               {"{}\n{}", "line 2, column 1: something follows the JSON value"},
		"no JSON":                   {"{\n  \"projects\": [,]\n}", "line 2, column 16: not JSON: invalid character ',' looking for beginning of value"},
		"a text that does not end":  {"{\"projects\": \"a\n\"}", "line 1, column 16: not JSON: invalid character '\\n' in string literal"},
		"half of it":                {"{\n\"projects\": [", "line 2, column 13: not JSON: unexpected EOF"},
		"a long value is not shown": {`{"projects": "` + strings.Repeat("x", 99) + `"}`, `projects: want a list in [ ], not "` + strings.Repeat("x", 39) + "…"},
	} {
		_, err := emulator.ParseSeed([]byte(row.text))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if diff := cmp.Diff(row.want, err.Error()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestSeedsMayLeaveFieldsNull(t *testing.T) {
	t.Parallel()
	seed, err := emulator.ParseSeed([]byte(`{"projects": null, "applications": [{"name": "a", "tags": null, "keys": [{"deletable": null}]}]}`))
	if err != nil || len(seed.Applications) != 1 {
		t.Errorf("%+v, %v", seed, err)
	}
}

func TestSeedsThatCannotBeLoadedNameTheField(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"organization_id": "mine"}`:                                     `organization_id: want a UUID in lower case, not "mine"`,
		`{"projects": [{"name": "p", "id": "P"}]}`:                        `projects[0].id: want a UUID in lower case, not "P"`,
		`{"projects": [{}]}`:                                              "projects[0].name: is required",
		`{"users": [{}]}`:                                                 "users[0].username: is required",
		`{"groups": [{}]}`:                                                "groups[0].name: is required",
		`{"groups": [{"name": "g"}, {"name": "g"}]}`:                      "groups[1].name: another group is named g",
		`{"groups": [{"name": "g", "applications": ["a"]}]}`:              `groups[0].applications[0]: no application is named "a"`,
		`{"users": [{"username": "u", "keys": [{"project": "p"}]}]}`:      `users[0].keys[0].project: want default, not "p"`,
		`{"secrets": [{"name": "s", "project": "default", "type": "x"}]}`: `secrets[0].type: want opaque, certificate, key_value, basic_credentials, database_credentials or ssh_key, not "x"`,
		`{"secrets": [{"name": "a/b", "project": "default"}]}`:            `secrets[0].name: want one without a slash, not "a/b"; folders go in path`,
		`{"secrets": [{"name": "s", "project": "default", "path": "x"}]}`: `secrets[0].path: want one that starts with a slash, not "x"`,
		`{"secrets": [{"name": "s", "project": "default"}, {"name": "s", "project": "default", "path": "/"}]}`: "secrets[1].name: another secret of the project is named s in /",
		`{"applications": [{"name": "a", "policies": [{"name": "p", "rules": [{}, {}]}]}]}`:                    "applications[0].policies[0].rules[0].projects: want either project names here or organization: true",
		`{"applications": [{"name": "a", "policies": [{"name": "p", "rules": [{"projects": ["q"]}]}]}]}`:       `applications[0].policies[0].rules[0].projects[0]: want default, not "q"`,
		`{"serverless": [{"project": "default", "region": "mars"}]}`:                                           `serverless[0].region: want fr-par, nl-ams, pl-waw or it-mil, not "mars"`,
	} {
		wantLoadError(t, text, want)
	}
	for inFunction, want := range map[string]string{
		`{}`:                                                           "name: is required",
		`{"name": "f", "privacy": "secret"}`:                           `privacy: want public or private, not "secret"`,
		`{"name": "f", "status": "pending"}`:                           `status: want ready, error or created, not "pending"`,
		`{"name": "f", "runtime": "cobol"}`:                            `runtime: want one that Scaleway has, such as go126, node22 or python313, not "cobol"`,
		`{"name": "f", "http_option": "off"}`:                          `http_option: want enabled or redirected, not "off"`,
		`{"name": "f", "domains": ["a b"]}`:                            `domains[0]: want a host name such as api.example.com, not "a b"`,
		`{"name": "f", "domains": ["a.example.com", "a.example.com"]}`: "domains[1]: a.example.com leads elsewhere already",
		`{"name": "f", "crons": [{}]}`:                                 "crons[0].schedule: is required, such as 17 4 * * *",
		`{"name": "f", "answer": {"status": 42}}`:                      "answer.status: want a number from 200 to 599, not 42",
		`{"name": "f", "answer": {"delay": "-1s"}}`:                    "answer.delay: want a duration such as 2s, not -1s",
		`{"name": "f", "tokens": [{"expires_in": "soon"}]}`:            `tokens[0].expires_in: "soon" is not a duration such as 400d or 36h`,
		`{"name": "f", "env": {"K": "${access_key:nobody}"}}`:          "env.K: no key, and no application with a key, is named nobody",
		`{"name": "` + strings.Repeat("f", 35) + `"}`:                  "name: want at most 34 characters, not the 35 of " + strings.Repeat("f", 35),
	} {
		wantLoadError(t, `{"serverless": [{"project": "default", "function_namespaces": [{"name": "n", "functions": [`+inFunction+`]}]}]}`,
			"serverless[0].function_namespaces[0].functions[0]."+want)
	}
	for inContainer, want := range map[string]string{
		`{"name": "c", "status": "created"}`: `status: want ready or error, not "created"`,
		`{"name": "c", "health_path": "up"}`: `health_path: want one that starts with a slash, not "up"`,
	} {
		wantLoadError(t, `{"serverless": [{"project": "default", "container_namespaces": [{"name": "n", "containers": [`+inContainer+`]}]}]}`,
			"serverless[0].container_namespaces[0].containers[0]."+want)
	}
}

func wantLoadError(t *testing.T, text, want string) {
	t.Helper()
	seed, err := emulator.ParseSeed([]byte(text))
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if err := emulator.New(emulator.Options{}).Load(seed); err == nil || err.Error() != want {
		t.Errorf("%s:\n got %v\nwant %s", text, err, want)
	}
}

// The example of the page is right, and has every field there is.
func TestSeedsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	seed, err := emulator.ParseSeed([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	e := emulator.New(emulator.Options{})
	if err := e.Load(seed); err != nil {
		t.Error(err)
	}
	if end, _ := e.Endpoint("orders"); end.Status != "error" || len(e.Tokens()) != 2 || len(e.Keys("checkout")) != 1 {
		t.Errorf("it holds %+v", end)
	}
	for name := range jsonFields(reflect.TypeFor[emulator.Seed](), map[string]bool{}) {
		if !strings.Contains(example, `"`+name+`":`) {
			t.Errorf("field %s is not in the example", name)
		}
	}
}

func jsonFields(t reflect.Type, into map[string]bool) map[string]bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		jsonFields(t.Elem(), into)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				into[name] = true
			}
			jsonFields(f.Type, into)
		}
	}
	return into
}

func TestAgesAreWrittenAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"400d", "1d12h", "36m", "50ms", "-20d", "0s", "1d1h2m3s", "2h30m"} {
		var age emulator.SeedAge
		if err := age.UnmarshalText([]byte(text)); err != nil || age.String() != text {
			t.Errorf("%s: %s, %v", text, age, err)
		}
	}
}

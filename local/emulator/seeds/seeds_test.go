package seeds_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestSeedsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"projets": []}`: "projets",
		`{"applications": [{"name": "a", "keys": [{"secret_key": "x"}]}]}`: "secret_key",
		`{"applications": [{"name": "a", "keys": [{"age": "old"}]}]}`:      "duration",
		`{"applications": [{"name": "a", "keys": [{"age": "1.5d"}]}]}`:     "duration",
		`{} {}`: "follows",
		`[]`:    "want an object",
	} {
		if _, err := emulator.ParseSeed([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", text, err, want)
		}
	}
}

func TestSeedsThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"applications": [{}]}`: "name",
		`{"applications": [{"name": "a", "keys": [{"access_key": "AKIA"}]}]}`:                                                         "SCW and 17",
		`{"applications": [{"name": "a", "keys": [{"access_key": "SCWAAAAAAAAAAAAAAAAA"}, {"access_key": "SCWAAAAAAAAAAAAAAAAA"}]}]}`: "taken",
		`{"applications": [{"name": "a", "keys": [{"project": "nowhere"}]}]}`:                                                         "nowhere",
		`{"applications": [{"name": "a", "policies": [{"rules": [{"permission_sets": ["IAMReadOnly"]}]}]}]}`:                          "organization",
		`{"groups": [{"name": "g", "applications": ["nobody"]}]}`:                                                                     "nobody",
		`{"groups": [{"name": "g", "users": ["nobody"]}]}`:                                                                            "nobody",
		`{"projects": [{"name": "p"}, {"name": "p"}]}`:                                                                                "another",
		`{"secrets": [{"name": "s", "project": "default", "region": "mars"}]}`:                                                        "mars",
		`{"secrets": [{"name": "s", "project": "default", "versions": [{"data": "${secret_key:nobody}"}]}]}`:                          "nobody",
		`{"serverless": [{"project": "nowhere"}]}`:                                                                                    "nowhere",
	} {
		seed, err := emulator.ParseSeed([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if err := emulator.New(emulator.Options{}).Load(seed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", text, err, want)
		}
	}
}

func TestAgesAreRelativeToTheClock(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"400d": 400 * 24 * time.Hour, "36h": 36 * time.Hour, "1d12h": 36 * time.Hour, "-20d": -20 * 24 * time.Hour, "90s": 90 * time.Second, "0s": 0,
	} {
		var age emulator.SeedAge
		if err := age.UnmarshalText([]byte(text)); err != nil || time.Duration(age) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(age), err)
		}
		written, err := age.MarshalText()
		var again emulator.SeedAge
		if err != nil || again.UnmarshalText(written) != nil || again != age {
			t.Errorf("%s: written %s, %v", text, written, err)
		}
	}
	env := emulatortest.StartStaff(t, emulator.Options{})
	created := env.Keys("billing")[0].Created
	if age := env.Clock().Now().Sub(created).Round(time.Second); age != 200*24*time.Hour {
		t.Errorf("billing's key is %v old", age)
	}
}

func TestSeedsMayRefuseToReplaceAnOrganization(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	if err := env.Load(emulator.Seed{OrganizationID: "11111111-2222-4333-8444-555555555555"}); err == nil {
		t.Error("a second organization was loaded")
	}
	if err := env.Load(emulator.Seed{Applications: []emulator.SeedApplication{{Name: "late"}}}); err != nil {
		t.Errorf("more of the same organization: %v", err)
	}
}

func TestDefaultProjectMayHaveAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	const id = "11111111-2222-4333-8444-555555555555"
	env := emulatortest.Start(t, emulator.Options{}, emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "default", ID: id}}, Applications: []emulator.SeedApplication{{Name: "a"}},
	})
	key := env.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application("a")})
	if key["default_project_id"] != id || env.MustCall("GET", emulatortest.ProjectsPath, nil)["total_count"] != 1.0 {
		t.Errorf("key %v", key["default_project_id"])
	}
}

func TestSeedsNeedNoSecrets(t *testing.T) {
	t.Parallel()
	seed := emulatortest.Staff()
	seed.Secrets = []emulator.SeedSecret{{Name: "s", Project: "demo", Versions: []emulator.SeedVersion{
		{Data: "${access_key:billing} ${secret_key:billing}"}, {Random: 40}, {Data: "x", Disabled: true},
	}}}
	env := emulatortest.Start(t, emulator.Options{}, seed)
	path := emulatortest.SecretsPath + "/" + emulatortest.Column(env.MustCall("GET", emulatortest.SecretsPath, nil), "secrets", "id")[0] + "/versions/"
	pair := env.Keys("billing")[0]
	api := env.MustCall("GET", path+"1/access", nil)
	if got, want := decoded(t, api["data"]), pair.AccessKey+" "+pair.SecretKey; got != want {
		t.Errorf("holds %q", got)
	}
	if got := decoded(t, env.MustCall("GET", path+"2/access", nil)["data"]); len(got) != 40 {
		t.Errorf("%d random characters", len(got))
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", path+"3/access", nil), 412)
}

func TestEmptyHasOnlyAnOwner(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Empty())
	for path, want := range map[string]float64{emulatortest.KeysPath: 1, emulatortest.AppsPath: 0, emulatortest.PoliciesPath: 0, emulatortest.GroupsPath: 0, emulatortest.ProjectsPath: 1, emulatortest.SecretsPath: 0, "/iam/v1alpha1/users": 1} {
		if got := env.MustCall("GET", path, nil)["total_count"]; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if len(env.Endpoints()) != 0 || len(env.Tokens()) != 0 {
		t.Error("there is something to call")
	}
}

func TestDemoHoldsWhatTheRotatorCanMeet(t *testing.T) {
	t.Parallel()
	demo := emulator.Demo()
	env := emulatortest.Start(t, emulator.Options{}, demo)
	keys := map[string]int{}
	for _, name := range []string{"rotator", "checkout", "storefront", "nightly-batch", "partner-gateway", "scaleway-scheduler", "invoicing", "dana"} {
		keys[name] = len(env.Keys(name))
	}
	want := map[string]int{
		"rotator": 1, "checkout": 1, "storefront": 2, "nightly-batch": 0, "partner-gateway": 1, "scaleway-scheduler": 1, "invoicing": 1, "dana": 1,
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys: -want +got:\n%s", diff)
	}
	functions, containers, tokens := 0, 0, 0
	for _, place := range demo.Serverless {
		if place.Project != "demo" {
			continue
		}
		for _, ns := range place.FunctionNamespaces {
			functions += len(ns.Functions)
			tokens += len(ns.Tokens)
			for _, f := range ns.Functions {
				tokens += len(f.Tokens)
			}
		}
		for _, ns := range place.ContainerNamespaces {
			containers += len(ns.Containers)
			tokens += len(ns.Tokens)
			for _, c := range ns.Containers {
				tokens += len(c.Tokens)
			}
		}
	}
	if functions != 7 || containers != 4 || tokens != 9 {
		t.Errorf("%d functions, %d containers, %d tokens; want 7, 4, 9", functions, containers, tokens)
	}
	for _, a := range demo.Applications {
		if a.Name != "rotator" {
			continue
		}
		if diff := cmp.Diff(emulator.RotatorRules("demo"), a.Policies[0].Rules); diff != "" {
			t.Errorf("the rotator's rules: -want +got:\n%s", diff)
		}
	}
}

func TestRotatorsRulesAreEnough(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	rotator := env.Keys("rotator")[0].SecretKey
	demo, other := env.Project("demo"), env.Project("other")
	for _, row := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"GET", emulatortest.AppsPath, nil, 200},
		{"GET", emulatortest.PoliciesPath, nil, 200},
		{"GET", emulatortest.GroupsPath, nil, 200},
		{"GET", emulatortest.KeysPath, nil, 200},
		{"GET", "/iam/v1alpha1/organizations/" + env.Organization() + "/security-settings", nil, 200},
		{"POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application("checkout"), "default_project_id": demo}, 200},
		{"POST", emulatortest.SecretsPath, emulatortest.Object{"project_id": demo, "name": "n"}, 200},
		{"POST", emulatortest.SecretsPath, emulatortest.Object{"project_id": other, "name": "n"}, 403},
		{"GET", "/functions/v1beta1/regions/fr-par/namespaces?project_id=" + demo, nil, 200},
		{"GET", "/containers/v1/regions/nl-ams/containers?project_id=" + demo, nil, 200},
		{"POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "no_principal": true}, 403},
	} {
		if got := env.Call(rotator, row.method, row.path, row.body); got.Status != row.want {
			t.Errorf("%s %s: %d %s, want %d", row.method, row.path, got.Status, got.Text, row.want)
		}
	}
}

// A seed is compiled into the runner and shown to people: nothing in it may
// look like a secret.
func TestDemoHoldsNoSecret(t *testing.T) {
	t.Parallel()
	demo := emulator.Demo()
	for _, s := range demo.Secrets {
		for _, v := range s.Versions {
			if v.Data != "" && !regexp.MustCompile(`^\$\{|"secret_key":"\$\{`).MatchString(v.Data) {
				t.Errorf("secret %s holds %q", s.Name, v.Data)
			}
		}
	}
}

func TestSameSeedMintsTheSame(t *testing.T) {
	t.Parallel()
	one := emulatortest.Start(t, emulator.Options{Seed: 7}, emulator.Demo())
	two := emulatortest.Start(t, emulator.Options{Seed: 7}, emulator.Demo())
	three := emulatortest.Start(t, emulator.Options{Seed: 8}, emulator.Demo())
	if one.Secret != two.Secret || one.Secret == three.Secret {
		t.Error("identifiers do not follow the seed")
	}
	if diff := cmp.Diff(one.Keys("storefront"), two.Keys("storefront")); diff != "" {
		t.Errorf("keys differ:\n%s", diff)
	}
	if diff := cmp.Diff(one.MustCall("GET", emulatortest.KeysPath, nil), two.MustCall("GET", emulatortest.KeysPath, nil)); diff != "" {
		t.Errorf("lists differ:\n%s", diff)
	}
}

func decoded(t *testing.T, data any) string {
	t.Helper()
	text, ok := data.(string)
	if !ok {
		t.Fatalf("data is %v", data)
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

package deploy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/setup"
)

func TestADeployKeepsTheKeyThatTheFunctionHas(t *testing.T) {
	t.Parallel()
	const none = "ROTATOR_ACCESS_KEY, ROTATOR_SECRET_KEY: not set, neither in the environment nor in .env, and no application is described \"key-rotator of project " + projectID + "\", for which a key could be made: run make setup first"
	const bare = "the function has no secret key, and ROTATOR_ACCESS_KEY, ROTATOR_SECRET_KEY are not set, neither in the environment nor in .env: make deploy ARGS=--new-key gives it a key"
	keeps := "own key: the function keeps " + second + "; " + first + " of the environment is not deployed (make deploy ARGS=--new-key gives it another)\n"
	for _, test := range []struct {
		name   string
		scene  scene
		absent bool   // the environment has no key
		key    string // that is deployed; "": none
		kept   bool   // its secret is not sent
		said   string // the refusal, or the note
	}{
		{name: "first deploy", key: first},
		{name: "first deploy without a key", absent: true, said: none},
		{name: "the function has no secret, and the environment no key", scene: scene{running: second, bare: true}, absent: true, said: bare},
		{name: "first deploy with a dead one", scene: scene{dead: []string{first}}, said: "ROTATOR_SECRET_KEY: the API does not accept this key (not_found)"},
		{name: "as deployed", scene: scene{running: first}, key: first, kept: true},
		{name: "the function has another", scene: scene{running: second}, key: second, kept: true, said: keeps},
		{name: "the environment has none", scene: scene{running: second}, absent: true, key: second, kept: true},
		{name: "the environment's is dead", scene: scene{running: second, dead: []string{first}}, key: second, kept: true, said: keeps},
		{name: "the function has no secret", scene: scene{running: second, bare: true}, key: first},
		{name: "the deployer may not read keys", scene: scene{running: second, without: "IAMReadOnly"}, key: second, kept: true, said: keeps},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t, test.scene, emulator.Options{})
			if test.absent {
				d.environ = drop(drop(d.environ, ownAccessKey), ownSecretKey)
			}
			env, said := d.prepare(t, Options{Lose: true})
			if said != test.said {
				t.Errorf("it says %q, want %q", said, test.said)
			}
			kept := env[keepSetting] == ownSecretKey && env[ownSecretKey] == keptSecret
			if env[ownAccessKey] != test.key || kept != test.kept || test.key != "" && !test.kept && env[ownSecretKey] != d.secrets[test.key] {
				t.Errorf("deploys %q, keeping its secret: %t; want %q, %t", env[ownAccessKey], kept, test.key, test.kept)
			}
		})
	}
}

func TestANewKeyIsMadeForAFunctionThatHasLostItsOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		scene       scene
		absent      bool
		application string
		said        string // the refusal; "": a key is made
	}{
		{name: "the function's key tells the application", scene: scene{running: second}},
		{name: "or the environment's", scene: scene{running: second, dead: []string{second}}},
		{name: "or the application is named", scene: scene{running: second, dead: []string{first, second}}, absent: true, application: rotatorID},
		{
			name: "nothing tells", scene: scene{running: second, dead: []string{first, second}}, absent: true,
			said: "the function's application cannot be told: the key " + second + " is gone; name it: make deploy ARGS='--new-key --application=ID'",
		},
		{
			name: "the deployer may not make keys", scene: scene{running: second, without: "IAMApplicationManager"},
			said: "make a new key: create a key of application " + rotatorID + ": the key that deploys (SCW_SECRET_KEY) needs the permission set IAMApplicationManager",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t, test.scene, emulator.Options{})
			if test.absent {
				d.environ = drop(drop(d.environ, ownAccessKey), ownSecretKey)
			}
			before := len(d.env.Keys("rotator"))
			env, said := d.prepare(t, Options{NewKey: true, Application: test.application, Lose: true})
			keys := d.env.Keys("rotator")
			if test.said != "" {
				if said != test.said || len(keys) != before {
					t.Errorf("it says %q, want %q, and has made %d keys", said, test.said, len(keys)-before)
				}
				return
			}
			if len(keys) != before+1 {
				t.Fatalf("%d keys were made: %s", len(keys)-before, said)
			}
			made := keys[len(keys)-1]
			if env[ownAccessKey] != made.AccessKey || env[ownSecretKey] != made.SecretKey || env[keepSetting] != "" || made.Expires.IsZero() {
				t.Errorf("deploys %q, made is %q, which expires on %s", env[ownAccessKey], made.AccessKey, made.Expires)
			}
			if !strings.HasPrefix(said, "own key: made "+made.AccessKey+" for application "+rotatorID) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// The application that make setup has made is known by its description. Its first
// key goes to the function and nowhere else, and of attempts that did not succeed
// nothing is left.
func TestTheFirstDeploymentMakesTheFirstKey(t *testing.T) {
	t.Parallel()
	d := deployment(t, scene{}, emulator.Options{})
	d.environ = drop(drop(d.environ, ownAccessKey), ownSecretKey)
	d.env.MustCall("PATCH", "/iam/v1alpha1/applications/"+rotatorID, map[string]any{"description": "key-rotator of project " + projectID})
	d.first = true
	made := ""
	for attempt := range 3 {
		before := len(d.env.Keys("rotator"))
		if _, said := d.prepare(t, Options{DryRun: true, NewKey: attempt == 2}); !strings.Contains(said, "own key: would make one for application "+rotatorID) || len(d.env.Keys("rotator")) != before {
			t.Errorf("a dry run says %q", said)
		}
		d.output = &buffer{}
		env, said := d.prepare(t, Options{NewKey: attempt == 2})
		keys := d.env.Keys("rotator")
		last := keys[len(keys)-1]
		if env[ownAccessKey] != last.AccessKey || env[ownSecretKey] != last.SecretKey || last.AccessKey == made || env[keepSetting] != "" {
			t.Fatalf("attempt %d deploys %q, and the last key is %q: %s", attempt, env[ownAccessKey], last.AccessKey, said)
		}
		if want := "own key: deleted " + made + ", which"; attempt == 1 && (!strings.Contains(said, want) || len(keys) != 3) {
			t.Errorf("%d keys, want the two that people made and one more; it says %q, want %q", len(keys), said, want)
		}
		made = last.AccessKey
	}
}

// What make setup writes, and who deploys, is all that the checks and the first
// deployment want.
func TestSetupIsEnoughForTheFirstDeployment(t *testing.T) {
	t.Parallel()
	d := deployment(t, scene{}, emulator.Options{})
	d.first = true
	api := strings.TrimPrefix(d.environ[slices.IndexFunc(d.environ, func(line string) bool { return strings.HasPrefix(line, "SCW_API_URL=") })], "SCW_API_URL=")
	o := setup.Options{
		API: api, AccessKey: d.env.AccessKey, SecretKey: d.env.Secret, Organization: d.env.Organization(), ProjectID: projectID,
		Root: d.program.Root, Clock: clock.Real(),
	}
	facts, err := setup.Look(t.Context(), o, false)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := setup.Plan(facts)
	if err == nil {
		err = setup.Apply(t.Context(), o, facts, steps, func(setup.Step) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	d.environ = []string{"SCW_API_URL=" + api, deployerKey + "=" + d.env.Keys("deployer")[0].SecretKey}
	chosen, said := d.prepare(t, Options{})
	keys := d.env.Keys("key-rotator shop")
	if len(keys) != 1 || chosen[ownAccessKey] != keys[0].AccessKey || chosen["ROTATOR_PROBE_APPLICATION"] != d.env.Application("key-rotator shop checks") {
		t.Fatalf("%d keys, deploys %q: %s", len(keys), chosen[ownAccessKey], said)
	}
	s, err := d.program.service(chosen)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(checkDeployer(s, chosen), checkFunction(s.Function), checkSettings(s.Function, chosen)); err != nil {
		t.Error(err)
	}
}

// A key that a function has is never deleted, wherever that is.
func TestTheFirstDeploymentLeavesAKeyThatAFunctionHas(t *testing.T) {
	t.Parallel()
	d := deployment(t, scene{}, emulator.Options{})
	d.environ = drop(drop(d.environ, ownAccessKey), ownSecretKey)
	d.env.MustCall("PATCH", "/iam/v1alpha1/applications/"+rotatorID, map[string]any{"description": "key-rotator of project " + projectID})
	d.env.MustCall("PATCH", "/iam/v1alpha1/api-keys/"+second, map[string]any{"description": "x [rotator " + projectID + "]"})
	const region = "/functions/v1beta1/regions/nl-ams"
	namespace := d.env.MustCall("POST", region+"/namespaces", map[string]any{"name": "elsewhere", "project_id": projectID})
	d.env.Clock().Advance(time.Minute)
	d.env.MustCall("POST", region+"/functions", map[string]any{
		"namespace_id": namespace["id"], "name": "rotator", "runtime": "go126", "environment_variables": map[string]any{ownAccessKey: second},
	})
	if env, said := d.prepare(t, Options{}); env[ownAccessKey] != "" || !strings.Contains(said, "runs on "+second) || len(d.env.Keys("rotator")) != 2 {
		t.Errorf("deploys %q, says %q", env[ownAccessKey], said)
	}
}

// What the function has is not guessed.
func TestADeployDoesNotGuessWhetherThereIsAFunction(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/functions/v1beta1/regions/fr-par/namespaces", "/functions/v1beta1/regions/fr-par/functions"} {
		for _, status := range []int{403, 500} {
			d := deployment(t, scene{running: second}, emulator.Options{})
			d.env.Arm(emulator.Fault{Path: path, Status: status, Times: -1})
			if env, said := d.prepare(t, Options{}); env[ownAccessKey] != "" || said == "" {
				t.Errorf("%s answers %d: deploys %q, says %q", path, status, env[ownAccessKey], said)
			}
		}
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestADeployKeepsTheKeyThatTheFunctionHas(t *testing.T) {
	t.Parallel()
	const none = "ROTATOR_ACCESS_KEY, ROTATOR_SECRET_KEY: not set, neither in the environment nor in .env: the first deployment needs them (deploy/env.example has a line for each)"
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
			env, said := d.prepare(t, options{lose: true})
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
			env, said := d.prepare(t, options{newKey: true, application: test.application, lose: true})
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

// What the function has is not guessed.
func TestADeployDoesNotGuessWhetherThereIsAFunction(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/functions/v1beta1/regions/fr-par/namespaces", "/functions/v1beta1/regions/fr-par/functions"} {
		for _, status := range []int{403, 500} {
			d := deployment(t, scene{running: second}, emulator.Options{})
			d.env.Arm(emulator.Fault{Path: path, Status: status, Times: -1})
			if env, said := d.prepare(t, options{}); env[ownAccessKey] != "" || said == "" {
				t.Errorf("%s answers %d: deploys %q, says %q", path, status, env[ownAccessKey], said)
			}
		}
	}
}

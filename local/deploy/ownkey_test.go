package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestADeployTakesTheCurrentKeyFromItsSecret(t *testing.T) {
	t.Parallel()
	const (
		fetched = "own key: " + second + ", from version 1 of secret " + folder + " in fr-par, in place of " + first + " of the environment; " +
			"to update .env, set ROTATOR_ACCESS_KEY and ROTATOR_SECRET_KEY to what `scw secret version access SECRET revision=latest_enabled region=fr-par raw=true` prints\n"
		putsBack = "ROTATOR_ACCESS_KEY: function rotator runs on " + second + ", and the deploy would put it back to " + first +
			"; set the current key and its secret, or run make deploy ARGS=--replace-key"
		bad     = "; disable that version, or run make deploy ARGS=--replace-key to deploy the environment's key"
		notPair = "the function's own key: read the newest enabled version of " + folder + ": the version does not hold an access_key and a secret_key" + bad
		notKey  = "the function's own key: version 1 of secret " + folder + " in fr-par: a malformed key (not shown): the version does not hold an access_key and a secret_key" + bad
		mend    = "set a key of that application that works, and run make deploy ARGS=--replace-key: the next run then replaces the published one"
		warning = "warning: " + first + " of the environment is deployed as it stands; Secret Manager may have a newer key for the function, but it could not be looked up: "
		looked  = "ROTATOR_ACCESS_KEY: function rotator runs on " + second + ", and the environment's is " + first + "; which is the current one could not be looked up: "
		grant   = ". Grant the key that deploys IAMReadOnly on the organization, SecretManagerReadOnly and SecretManagerSecretAccess on the project; " +
			"or set the current key and its secret; or run make deploy ARGS=--replace-key"
		dead = "ROTATOR_SECRET_KEY: the API does not accept this key (not_found); want the current one " +
			"(one that the function has made is in Secret Manager, in /rotator, by the name of its application's ID)"
		needs = ": the key that deploys (SCW_SECRET_KEY) needs the permission set "
	)
	published := []string{publishes(second)}
	for _, test := range []struct {
		name        string
		scene       scene
		environment string // NAME=VALUE
		replace     bool
		key         string // that is deployed; "": none
		said        string // the refusal, or the note
	}{
		{name: "first deploy", key: first},
		{name: "no secret", scene: scene{running: first}, key: first},
		{name: "no secret, another key", scene: scene{running: second}, said: putsBack},
		{name: "no secret, another key, replaced", scene: scene{running: second}, replace: true, key: first},
		{name: "no version", scene: scene{running: second, versions: []string{}}, said: putsBack},
		{name: "no enabled version", scene: scene{running: second, versions: published, disabled: true}, said: putsBack},

		{name: "published and delivered", scene: scene{running: second, versions: published}, key: second, said: fetched},
		{name: "published, not delivered", scene: scene{running: first, versions: published}, key: second, said: fetched},
		{name: "published, nothing deployed", scene: scene{versions: published}, key: second, said: fetched},
		{name: "the environment's key is gone", scene: scene{running: second, versions: published, dead: []string{first}}, key: second, said: fetched},
		{name: "an older key is running", scene: scene{running: third, versions: published}, key: second, said: fetched},
		{
			name: "the newest of three", scene: scene{running: second, versions: []string{publishes(first), publishes(third), publishes(second)}},
			key: second, said: strings.Replace(fetched, "version 1", "version 3", 1),
		},
		{name: "the environment has it", scene: scene{running: first, versions: []string{publishes(first)}}, key: first},
		{name: "the environment has it, an older one is running", scene: scene{running: second, versions: []string{publishes(first)}}, key: first},
		{
			name: "the environment has it with another secret", scene: scene{running: first, versions: []string{publishes(first)}},
			environment: ownSecretKey + "=" + ownUID, key: first,
			said: strings.NewReplacer(second, first, first+" of the environment", "the environment's, whose secret key is another").Replace(fetched),
		},
		{
			name: "another application's key is running", scene: scene{running: foreign, versions: published},
			said: "ROTATOR_ACCESS_KEY: function rotator runs on " + foreign + ", a key of another application than the environment's, " + rotatorID +
				"; set a key of that one, or run make deploy ARGS=--replace-key",
		},
		{
			name: "replaced", scene: scene{running: second, versions: published}, replace: true, key: first,
			said: first + " of the environment is deployed as it stands; version 1 of secret " + folder + " in fr-par still has " + second +
				", and the next run gives the function that one again\n",
		},
		{name: "kept", scene: scene{running: second, versions: published}, environment: ownKeySetting + "=keep", said: putsBack},
		{name: "kept, as deployed", scene: scene{running: first, versions: published}, environment: ownKeySetting + "=keep", key: first},
		{name: "kept, replaced", scene: scene{running: second, versions: published}, environment: ownKeySetting + "=keep", replace: true, key: first},
		{name: "rotated, in so many words", scene: scene{running: second, versions: published}, environment: ownKeySetting + "=rotate", key: second, said: fetched},

		{
			name: "may not read keys, as deployed", scene: scene{running: first, versions: published, without: "IAMReadOnly"}, key: first,
			said: warning + "look for the key " + first + needs + "IAMReadOnly\n",
		},
		{
			name: "may not list secrets, first deploy", scene: scene{without: "SecretManagerReadOnly"}, key: first,
			said: warning + "list the secrets under /rotator in fr-par" + needs + "SecretManagerReadOnly\n",
		},
		{
			name: "may not read keys", scene: scene{running: second, versions: published, without: "IAMReadOnly"},
			said: looked + "look for the key " + first + needs + "IAMReadOnly" + grant,
		},
		{
			name: "may not list secrets", scene: scene{running: second, versions: published, without: "SecretManagerReadOnly"},
			said: looked + "list the secrets under /rotator in fr-par" + needs + "SecretManagerReadOnly" + grant,
		},
		{
			name: "may not read secrets", scene: scene{running: second, versions: published, without: "SecretManagerSecretAccess"},
			said: looked + "read the newest enabled version of " + folder + needs + "SecretManagerSecretAccess" + grant,
		},
		{
			name: "may not read secrets, replaced", scene: scene{running: second, versions: published, without: "SecretManagerSecretAccess"}, replace: true, key: first,
			said: warning + "read the newest enabled version of " + folder + needs + "SecretManagerSecretAccess\n",
		},

		{
			name: "a dead key is published", scene: scene{running: first, versions: published, dead: []string{second}},
			said: "version 1 of secret " + folder + " in fr-par: " + second + " is not a live key of application " + rotatorID + "; " + mend,
		},
		{
			name: "another application's key is published", scene: scene{running: first, versions: []string{publishes(foreign)}},
			said: "version 1 of secret " + folder + " in fr-par: " + foreign + " is not a live key of application " + rotatorID + "; " + mend,
		},
		{
			name: "another secret key is published", scene: scene{running: first, versions: []string{`{"access_key":"` + second + `","secret_key":"` + ownUID + `"}`}},
			said: "version 1 of secret " + folder + " in fr-par holds " + second + ", which does not work: ROTATOR_SECRET_KEY: the API does not accept this key (not_found); " + mend,
		},
		{
			name: "all keys are gone", scene: scene{running: second, versions: published, dead: []string{first, second}},
			said: putsBack,
		},
		{
			name: "the only key is gone", scene: scene{running: first, versions: published, dead: []string{first}},
			said: dead,
		},
		{
			name: "the only key is gone, and the deployer may not read keys", scene: scene{running: first, versions: published, without: "IAMReadOnly", dead: []string{first}},
			said: dead + "\n" + warning + "look for the key " + first + needs + "IAMReadOnly",
		},
		{name: "not JSON", scene: scene{running: first, versions: []string{"${secret_key:" + second + "}"}}, said: notPair},
		{name: "other fields", scene: scene{running: first, versions: []string{`{"access_key":"` + second + `","password":"${secret_key:` + second + `}"}`}}, said: notPair},
		{name: "one field too many", scene: scene{running: first, versions: []string{strings.Replace(publishes(second), "{", `{"more":"hidden",`, 1)}}, said: notPair},
		{name: "a key of two lines", scene: scene{running: first, versions: []string{strings.Replace(publishes(second), `",`, `\n",`, 1)}}, said: notKey},
		{name: "half a secret key", scene: scene{running: first, versions: []string{`{"access_key":"` + second + `","secret_key":"hidden"}`}}, said: notKey},
		{name: "the two swapped", scene: scene{running: first, versions: []string{`{"access_key":"${secret_key:` + second + `}","secret_key":"` + second + `"}`}}, said: notKey},
		{name: "not JSON, replaced", scene: scene{running: first, versions: []string{"hidden"}}, replace: true, key: first, said: warning + "read the newest enabled version of " + folder + ": the version does not hold an access_key and a secret_key\n"},
	} {
		for how, answers := range map[string]emulator.Answers{"": {}, ", filters ignored": {IgnoreFilters: true}} {
			t.Run(test.name+how, func(t *testing.T) {
				t.Parallel()
				d := deployment(t, test.scene, emulator.Options{Answers: answers}, test.environment)
				key, secret, said := d.prepare(t, test.replace)
				if diff := cmp.Diff(test.said, said); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if key != test.key || key != "" && secret != d.secrets[key] && test.environment != ownSecretKey+"="+ownUID {
					t.Errorf("deploys %q, want %q, each with its own secret", key, test.key)
				}
			})
		}
	}
}

// An answer that says nothing of the key is no reason to put one back.
func TestADeployDoesNotGuessWhichKeyIsCurrent(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/iam/v1alpha1/api-keys/*", "/secret-manager/*/*/*/secrets", "/secret-manager/*/*/*/secrets/*/versions", "/secret-manager/*/*/*/secrets/*/versions/*/access"} {
		for _, fault := range []emulator.Fault{{Status: 500}, {NotJSON: true}} {
			d := deployment(t, scene{running: first, versions: []string{publishes(second)}}, emulator.Options{}, "")
			fault.Path = path
			d.env.Arm(fault)
			key, _, said := d.prepare(t, false)
			if key != "" || !strings.HasPrefix(said, "look up the function's own key: ") {
				t.Errorf("%s, %+v: deploys %q, says %s", path, fault, key, said)
			}
		}
	}
}

func TestTheCurrentKeyComesInTheVariables(t *testing.T) {
	t.Parallel()
	d := deployment(t, scene{running: second, versions: []string{publishes(second)}}, emulator.Options{}, "")
	file := filepath.Join(d.program.root, "serverless.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, d.program.root, "serverless.yml", strings.Replace(string(text), `"${env:ROTATOR_ACCESS_KEY}"`, first, 1))
	key, _, said := d.prepare(t, false)
	want := `serverless.yml: want "${env:ROTATOR_ACCESS_KEY}" and "${env:ROTATOR_SECRET_KEY}": the function's current key comes in these variables`
	if key != "" || said != want {
		t.Errorf("deploys %q, says %s", key, said)
	}
}

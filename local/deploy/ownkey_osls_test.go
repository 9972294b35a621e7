//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// The function has replaced its own key, and the one in .env is dead: the real osls leaves what the function has, and
// gives it a new one where that is asked for.
func TestOslsKeepsTheKeyThatTheFunctionHas(t *testing.T) {
	t.Parallel()
	soon := time.Millisecond
	d := deployment(t, scene{}, emulator.Options{Clock: emulator.NewClock(), Delays: emulator.Delays{Namespace: soon, Deploy: soon, Gone: soon}})
	p := project(t)
	dotenv := strings.Join(d.environ, "\n") + "\n"
	put(t, p.Root, ".env", dotenv)
	p.Environ, p.Poll = os.Environ(), soon
	deploy := func(o Options) (int, string) {
		t.Helper()
		var output buffer
		p.Stdout, p.Stderr = &output, &output
		code := 0
		if _, err := p.Deploy(t.Context(), o); err != nil {
			code = 1
			fmt.Fprint(&output, err)
		}
		secrets := emulatortest.Secrets{}
		secrets.Learn(d.env.Emulator)
		if found := secrets.Leaks(output.String()); len(found) > 0 {
			t.Errorf("the output holds secrets: %v", found)
		}
		return code, output.String()
	}
	if code, output := deploy(Options{}); code != 0 || !d.deployed(t, first) {
		t.Fatalf("exit code %d, want 0 and %s deployed\n%s", code, first, output)
	}
	// What the function does with its new key, and with the old one when its grace is over.
	function := d.function(t)
	env := function["environment_variables"].(map[string]any)
	env[ownAccessKey] = second
	d.env.MustCall("PATCH", "/functions/v1beta1/regions/fr-par/functions/"+function["id"].(string), map[string]any{
		"environment_variables": env, "secret_environment_variables": []any{map[string]any{"key": ownSecretKey, "value": d.secrets[second]}},
	})
	d.env.MustCall("DELETE", "/iam/v1alpha1/api-keys/"+first, nil)
	before := d.hash(t)
	for _, dotenv := range []string{dotenv, strings.Join(drop(drop(d.environ, ownAccessKey), ownSecretKey), "\n") + "\n"} {
		put(t, p.Root, ".env", dotenv)
		if code, output := deploy(Options{}); code != 0 || !d.deployed(t, second) || d.hash(t) != before {
			t.Errorf("exit code %d, want 0, %s deployed and its secret not sent again:\n%s", code, second, output)
		}
	}
	code, output := deploy(Options{NewKey: true})
	keys := d.env.Keys("rotator")
	made := keys[len(keys)-1]
	d.secrets[made.AccessKey] = made.SecretKey
	if code != 0 || made.AccessKey == second || !d.deployed(t, made.AccessKey) || !strings.Contains(output, "own key: made "+made.AccessKey) {
		t.Errorf("exit code %d, want 0 and a new key deployed:\n%s", code, output)
	}
}

// hash is that of the function's secret key, as the API shows it.
func (d deployed) hash(t *testing.T) string {
	t.Helper()
	return d.function(t)["secret_environment_variables"].([]any)[0].(map[string]any)["hashed_value"].(string)
}

// deployed tells whether the function has this key, and its secret.
func (d deployed) deployed(t *testing.T, accessKey string) bool {
	t.Helper()
	function := d.function(t)
	shown := function["secret_environment_variables"].([]any)[0].(map[string]any)
	hash, err := envhash.Parse(shown["hashed_value"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return function["environment_variables"].(map[string]any)[ownAccessKey] == accessKey && shown["key"] == ownSecretKey && hash.Matches(redact.New(d.secrets[accessKey]))
}

func (d deployed) function(t *testing.T) map[string]any {
	t.Helper()
	list := d.env.MustCall("GET", "/functions/v1beta1/regions/fr-par/functions", nil)["functions"].([]any)
	if len(list) != 1 {
		t.Fatalf("there are %d functions", len(list))
	}
	return list[0].(map[string]any)
}

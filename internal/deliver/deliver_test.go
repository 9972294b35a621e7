package deliver_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

var now = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// hashed is a cheap hash of a text, in the API's form.
func hashed(text string) string {
	salt := []byte("0123456789abcdef")
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", enc.EncodeToString(salt), enc.EncodeToString(argon2.IDKey([]byte(text), salt, 1, 8, 1, 32)))
}

// key is an API key of a letter; its secret is known.
func key(letter string) scaleway.KeyPair {
	return scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: access(letter)}, Secret: redact.New("secret of " + letter)}
}

func access(letter string) string { return "SCW" + strings.Repeat(letter, 17) }

// bare is a key whose secret is not known.
func bare(letter string) scaleway.KeyPair {
	return scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: access(letter)}}
}

// orders is a credential whose current key is B; A is superseded.
func orders() deliver.Credential {
	return deliver.Credential{Name: "orders", Target: key("B"), Old: []scaleway.KeyPair{key("A")}}
}

type env = scaleway.Environment

func function(name string, changes ...func(*env)) env {
	e := env{
		Product: scaleway.Functions, Region: "fr-par", ID: name, Name: name, NamespaceID: "ns",
		Plain: map[string]string{}, Hashes: map[string]string{}, Status: "ready", State: scaleway.EnvReady, UpdatedAt: now.Add(-time.Hour),
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

func namespace(changes ...func(*env)) env {
	return function("ns", append(changes, func(e *env) { e.NamespaceID = e.ID })...)
}

func secret(name, text string) func(*env) {
	return func(e *env) { e.Hashes[name] = hashed(text) }
}

func plain(name, text string) func(*env) { return func(e *env) { e.Plain[name] = text } }

func status(state scaleway.EnvState, since time.Duration) func(*env) {
	return func(e *env) { e.State, e.Status, e.UpdatedAt = state, string(state), now.Add(-since) }
}

func search(envs []env, credentials ...deliver.Credential) deliver.Search {
	return deliver.Search{
		Environments: envs, Credentials: credentials, ReadAt: now,
		Clock: clock.Clock{Now: func() time.Time { return now }}, Share: time.Minute,
	}
}

// say writes a delivery down in words, to compare.
func say(d *deliver.Delivery) []string {
	var out []string
	for _, c := range d.Consumers {
		line := c.Env.String() + ":"
		for _, u := range c.Uses {
			line += " " + u.Variable + "=" + u.AccessKey[3:4]
		}
		line += " " + string(c.Result)
		if c.Detail != "" {
			line += ", " + c.Detail
		}
		if c.HoursLeft > 0 {
			line += fmt.Sprintf(", %d hours", c.HoursLeft)
		}
		if todo := d.ToDo(c); todo != "" {
			line += ", to do: " + todo
		}
		out = append(out, line)
	}
	return out
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		envs       []env
		credential deliver.Credential
		untouched  string // name of what is not to be changed
		want       []string
		held       bool // A must live on, if nothing is done
	}{
		{name: "nobody carries anything", envs: []env{namespace(), function("f", secret("DB_TOKEN", "x"), plain("MODE", "fast"))}, credential: orders()},
		{
			name: "up to date", envs: []env{function("f", secret("SECRET_KEY", "secret of B"), plain("ACCESS", access("B")))}, credential: orders(),
			want: []string{"function f: ACCESS=B SECRET_KEY=B up to date"},
		},
		{
			name: "behind, in a secret variable and the access key beside it", credential: orders(), held: true,
			envs: []env{function("f", secret("SECRET_KEY", "secret of A"), plain("ACCESS", access("A")), plain("OTHER", access("A")+"x"))},
			want: []string{"function f: ACCESS=A SECRET_KEY=A up to date, to do: ACCESS SECRET_KEY"},
		},
		{
			name: "the access key alone says who carries it, and is not enough to deliver", credential: orders(), held: true,
			envs: []env{function("f", plain("ACCESS", access("A")))},
			want: []string{"function f: ACCESS=A behind, carries its access key of " + access("A") +
				" in ACCESS: no secret variable was found that holds its secret key: set both by hand"},
		},
		{
			name:       "also where the secret is not known at all",
			credential: deliver.Credential{Name: "orders", Target: key("B"), Old: []scaleway.KeyPair{bare("A")}}, held: true,
			envs: []env{function("f", plain("ACCESS", access("A")), secret("SECRET_KEY", "secret of A"))},
			want: []string{"function f: ACCESS=A behind, carries its access key of " + access("A") +
				" in ACCESS: no secret variable was found that holds its secret key: set both by hand"},
		},
		{
			name: "an access key that was left when its secret got the new key", credential: orders(), held: true,
			envs: []env{function("f", plain("ACCESS", access("A")), secret("SECRET_KEY", "secret of B"))},
			want: []string{"function f: ACCESS=A SECRET_KEY=B up to date, to do: ACCESS"},
		},
		{
			name: "an access key beside the secret of its namespace", credential: orders(), held: true,
			envs: []env{namespace(secret("A_TOKEN", "secret of A")), function("f", plain("ACCESS", access("A")))},
			want: []string{"function namespace ns: A_TOKEN=A up to date, to do: A_TOKEN", "function f: ACCESS=A up to date, to do: ACCESS"},
		},
		{
			name: "a secret key in the open is reported, and left", credential: orders(), held: true,
			envs: []env{function("f", plain("SECRET_KEY", "secret of A"))},
			want: []string{"function f: SECRET_KEY=A behind, carries its secret key, where everybody can read it of " + access("A") + " in SECRET_KEY: make it a secret variable"},
		},
		{
			name: "and so is its access key, whatever others in its namespace have", credential: orders(), held: true,
			envs: []env{
				function("f", plain("ACCESS", access("A")), plain("SECRET_KEY", "secret of A")), function("g", secret("TOKEN", "secret of A")),
				namespace(secret("TOKEN", "secret of A")),
			},
			want: []string{
				"function f: ACCESS=A SECRET_KEY=A behind, carries its access key of " + access("A") + " in ACCESS: no secret variable was found that holds its secret key: set both by hand; " +
					"its secret key, where everybody can read it of " + access("A") + " in SECRET_KEY: make it a secret variable, to do: its namespace gets the current key",
				"function g: TOKEN=A up to date, to do: TOKEN", "function namespace ns: TOKEN=A up to date, to do: TOKEN",
			},
		},
		{
			name: "half a pair whose other half nobody can read is left whole", held: true,
			credential: deliver.Credential{Name: "orders", Target: key("B"), Old: []scaleway.KeyPair{bare("A")}},
			envs:       []env{function("f", plain("ACCESS", access("A")), secret("SECRET_KEY", "secret of A")), namespace(secret("TOKEN", "secret of B"))},
			want: []string{
				"function f: ACCESS=A behind, carries its access key of " + access("A") + " in ACCESS: no secret variable was found that holds its secret key: set both by hand",
				"function namespace ns: TOKEN=B up to date",
			},
		},
		{
			name: "the secret of a function beside is not its own", credential: orders(), held: true,
			envs: []env{function("f", plain("ACCESS", access("A"))), function("g", secret("TOKEN", "secret of A"))},
			want: []string{
				"function f: ACCESS=A behind, carries its access key of " + access("A") + " in ACCESS: no secret variable was found that holds its secret key: set both by hand",
				"function g: TOKEN=A up to date, to do: TOKEN",
			},
		},
		{
			name: "what is not to be changed is not", credential: orders(), untouched: "f", held: true,
			envs: []env{function("f", secret("SECRET_KEY", "secret of A"))},
			want: []string{"function f: SECRET_KEY=A behind, carries its secret key of " + access("A") + " in SECRET_KEY: excluded"},
		},
		{
			name: "whatever a variable's name is", credential: orders(), held: true,
			envs: []env{function("f", secret("secret_1", "secret of A"), secret("PASSWORD", "x"))},
			want: []string{"function f: secret_1=A up to date, to do: secret_1"},
		},
		{
			name: "a secret that is not known may be in any variable", held: true,
			credential: deliver.Credential{Name: "orders", Target: key("B"), Old: []scaleway.KeyPair{bare("A")}},
			envs:       []env{function("f", secret("PASSWORD", "x"))},
		},
		{
			name:       "but in none that holds a known key",
			credential: deliver.Credential{Name: "orders", Target: key("B"), Old: []scaleway.KeyPair{bare("A")}},
			envs:       []env{function("f", secret("secret_1", "secret of B"))},
			want:       []string{"function f: secret_1=B up to date"},
		},
		{
			name: "what runs in a namespace starts anew with it", credential: orders(), held: true,
			envs: []env{namespace(secret("TOKEN", "secret of A")), function("f"), function("idle", status(scaleway.EnvIdle, time.Hour))},
			want: []string{"function namespace ns: TOKEN=A up to date, to do: TOKEN", "function f: up to date, to do: its namespace gets the current key"},
		},
		{
			name: "what runs since before its namespace was changed starts anew", credential: orders(), held: true,
			envs: []env{namespace(secret("TOKEN", "secret of B")), function("f", status(scaleway.EnvReady, 2*time.Hour)), function("g", status(scaleway.EnvReady, time.Minute))},
			want: []string{
				"function namespace ns: TOKEN=B up to date", "function f: up to date, to do: it runs since before its namespace was changed", "function g: up to date",
			},
		},
		{
			name: "unless no old key lives", credential: deliver.Credential{Name: "orders", Target: key("B")}, held: true,
			envs: []env{namespace(secret("TOKEN", "secret of B")), function("f", status(scaleway.EnvReady, 2*time.Hour))},
			want: []string{"function namespace ns: TOKEN=B up to date", "function f: up to date"},
		},
		{
			name: "a deployment that failed is tried again, and its old revision counted down", credential: orders(), held: true,
			envs: []env{function("f", secret("SECRET_KEY", "secret of B"), status(scaleway.EnvFailed, 90*time.Minute))},
			want: []string{"function f: SECRET_KEY=B up to date, 22 hours, to do: its last deployment failed"},
		},
		{
			name: "after a day its old revision is gone", credential: orders(),
			envs: []env{function("f", secret("SECRET_KEY", "secret of B"), status(scaleway.EnvFailed, 25*time.Hour))},
			want: []string{"function f: SECRET_KEY=B up to date, to do: its last deployment failed"},
		},
		{
			name: "what is being deployed may still run with the old key", credential: orders(), held: true,
			envs: []env{function("f", secret("SECRET_KEY", "secret of B"), status(scaleway.EnvChanging, time.Minute))},
			want: []string{"function f: SECRET_KEY=B deploying"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := search(tt.envs, tt.credential).Find(t.Context())
			d := deliver.Plan(tt.envs, []deliver.Credential{tt.credential}, found, deliver.Options{
				Now: now,
				Untouched: func(e scaleway.Environment) string {
					if e.Name == tt.untouched {
						return "excluded"
					}
					return ""
				},
			})
			if diff := cmp.Diff(tt.want, say(d)); diff != "" {
				t.Errorf("delivery (-want +got):\n%s", diff)
			}
			if err := d.Holds(access("A")); (err != nil) != tt.held {
				t.Errorf("key A is held: %v, want %t", err, tt.held)
			}
			if err := d.Holds(access("Z")); err == nil {
				t.Error("a key that was not looked for is not held")
			}
		})
	}
}

func TestNothingIsGivenUpWhereSomeMayCarryIt(t *testing.T) {
	t.Parallel()
	blind := errors.New("the functions of nl-ams cannot be listed")
	d := deliver.Plan(nil, []deliver.Credential{orders()}, deliver.Found{}, deliver.Options{Blind: blind, Now: now})
	if err := d.Holds(access("A")); !errors.Is(err, blind) {
		t.Errorf("got %v, want it to be held since %v", err, blind)
	}
}

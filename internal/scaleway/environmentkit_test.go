package scaleway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// environments is a project in which all four kinds have the same variables.
func environments() emulator.Seed {
	plain := func() map[string]string { return map[string]string{"KEY_ID": "old-id-of-the-key", "LEVEL": "debug"} }
	secret := func() map[string]string { return map[string]string{"API_KEY": "old value", "DB_PASSWORD": "another"} }
	return emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "demo"}},
		Serverless: []emulator.SeedPlace{{Project: "demo", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{
				Name: "shop", Env: plain(), SecretEnv: secret(),
				Functions: []emulator.SeedFunction{{Name: "checkout-api", Env: plain(), SecretEnv: secret()}},
			}},
			ContainerNamespaces: []emulator.SeedContainerNamespace{{
				Name: "backend", Env: plain(), SecretEnv: secret(),
				Containers: []emulator.SeedContainer{{Name: "orders-api", Env: plain(), SecretEnv: secret()}},
			}},
		}}},
	}
}

// kinds are what has an environment, each with the path of its API.
var kinds = map[string]string{
	"function checkout-api": "/functions/v1beta1/regions/fr-par/functions/", "function namespace shop": "/functions/v1beta1/regions/fr-par/namespaces/",
	"container orders-api": "/containers/v1/regions/fr-par/containers/", "container namespace backend": "/containers/v1/regions/fr-par/namespaces/",
}

// environment finds one by its words.
func environment(t *testing.T, r scalewaytest.Rig, words string) scaleway.Environment {
	t.Helper()
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		namespaces, err := r.Namespaces(t.Context(), p, "fr-par")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range namespaces {
			if n.Environment.String() == words {
				return *n.Environment
			}
		}
		resources, err := r.Resources(t.Context(), p, "fr-par", namespaces)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range resources {
			if x.Environment.String() == words {
				return x.Environment
			}
		}
	}
	t.Fatalf("no %s", words)
	return scaleway.Environment{}
}

// everyKind runs a test for each of the four kinds.
func everyKind(t *testing.T, test func(c changing)) {
	t.Helper()
	for words, path := range kinds {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			c := changing{t: t, seen: &bodies{}}
			c.Rig = scalewaytest.Start(t, emulator.Options{}, environments(), c.seen.over)
			c.e = environment(t, c.Rig, words)
			c.path = path + c.e.ID
			c.InstallCode(c.e.ID, true)
			c.ForgetHistory()
			test(c)
		})
	}
}

// changing is an environment that a test changes.
type changing struct {
	scalewaytest.Rig
	t    *testing.T
	e    scaleway.Environment
	path string
	seen *bodies
}

// bodies are what was sent with PATCH.
type bodies struct {
	mu     sync.Mutex
	sent   []string
	putOff func() // if not nil, the first is answered 429 after this call
}

func (b *bodies) over(next http.RoundTripper) http.RoundTripper {
	return scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPatch {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(strings.NewReader(string(text)))
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, string(text))
			if b.putOff != nil && len(b.sent) == 1 {
				b.putOff()
				return scalewaytest.Answer{Status: http.StatusTooManyRequests}.To(r)
			}
		}
		return next.RoundTrip(r)
	})
}

// person adds a plain and a secret variable, as the console would.
func (c changing) person() {
	secrets := any([]any{map[string]any{"key": "BY_HAND", "value": "v"}})
	if c.e.Product == scaleway.Containers {
		all := map[string]any{"BY_HAND": "v"}
		for name := range c.e.Hashes {
			all[name] = ""
		}
		secrets = all
	}
	plain := map[string]string{"LEVEL": "info", "ADDED": "1"}
	for name, v := range c.e.Plain {
		if plain[name] == "" {
			plain[name] = v
		}
	}
	c.MustCall("PATCH", c.path, map[string]any{"environment_variables": plain, "secret_environment_variables": secrets})
}

// methods are those of the requests so far.
func (c changing) methods() string {
	var out []string
	for _, r := range c.History() {
		out = append(out, r.Method)
	}
	return strings.Join(out, " ")
}

// asJSON is a text as what it says.
func asJSON(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

var newKey = map[string]redact.Secret{"API_KEY": redact.New(scalewaytest.OtherCanary)}

// rewrite changes the JSON object that a method and path's end are answered
// with.
func rewrite(method, path string, change func(map[string]any)) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err != nil || r.Method != method || !strings.HasSuffix(r.URL.Path, path) {
				return resp, err
			}
			fields := map[string]any{}
			if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			change(fields)
			text, err := json.Marshal(fields)
			if err != nil {
				return nil, err
			}
			return scalewaytest.Answer{Status: resp.StatusCode, Body: string(text)}.To(r)
		})
	}
}

package scaleway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// wanted is a key to create for checkout, valid for a quarter.
func wanted(r scalewaytest.Rig) scaleway.NewKey {
	return scaleway.NewKey{
		ApplicationID: r.Application("checkout"), Description: "made by a test", DefaultProjectID: r.Project("demo"),
		ExpiresAt: r.Client.Now().Add(90 * 24 * time.Hour),
	}
}

func TestANewKeyIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo())
	want := wanted(r)
	pair, err := r.CreateKey(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	all := r.Keys("checkout")
	made := all[len(all)-1]
	if pair.AccessKey != made.AccessKey || !pair.Secret.Equal(redact.New(made.SecretKey)) || pair.ExpiresAt.Sub(want.ExpiresAt).Abs() > time.Microsecond {
		t.Errorf("got %+v", pair)
	}
	for range 2 { // the second time it is gone already
		if err := r.DeleteKey(t.Context(), pair.AccessKey); err != nil {
			t.Error(err)
		}
	}
	if n := len(r.Keys("checkout")); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestANewKeyIsCheckedFieldByField(t *testing.T) {
	t.Parallel()
	set := func(field string, value any) func(map[string]any) {
		return func(m map[string]any) { m[field] = value }
	}
	rows := []struct {
		name   string
		change func(map[string]any)
		field  string // "": it passes
	}{
		{"as it is", func(map[string]any) {}, ""},
		{"no access key", set("access_key", ""), "access_key"},
		{"short access key", set("access_key", "SCWSHORT"), "access_key"},
		{"no secret", set("secret_key", nil), "secret_key"},
		{"empty secret", set("secret_key", ""), "secret_key"},
		{"another application", set("application_id", "11111111-1111-4111-8111-111111111111"), "application_id"},
		{"no application", func(m map[string]any) { delete(m, "application_id") }, "application_id"},
		{"a user's, too", set("user_id", "11111111-1111-4111-8111-111111111111"), "application_id"},
		{"another description", set("description", "something"), "description"},
		{"another project", set("default_project_id", scalewaytest.Organization), "default_project_id"},
		{"it never expires", set("expires_at", nil), "expires_at"},
		{"it expires earlier", set("expires_at", "2026-09-01T13:00:00Z"), "expires_at"},
		{"it expires a second later", set("expires_at", "2026-11-30T12:00:01.200000Z"), "expires_at"},
		{"its expiry is rounded", set("expires_at", "2026-11-30T12:00:00Z"), ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo(), rewrite("POST", "/api-keys", row.change))
			pair, err := r.CreateKey(t.Context(), wanted(r))
			all := r.Keys("checkout")
			made := all[len(all)-1]
			if row.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if want := "the answer's " + row.field + " is not what was asked for"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if !errors.Is(err, scaleway.ErrUnknown) || strings.Contains(err.Error(), made.SecretKey) {
				t.Errorf("error %v", err)
			}
			if row.field != "access_key" && pair.AccessKey != made.AccessKey {
				t.Errorf("the key %s did not come back, but %q", made.AccessKey, pair.AccessKey)
			}
			if row.field != "secret_key" && !pair.Secret.Equal(redact.New(made.SecretKey)) {
				t.Error("the secret did not come back")
			}
		})
	}
}

func TestAuthenticates(t *testing.T) {
	t.Parallel()
	seed := emulator.Demo()
	seed.Applications = append(append([]emulator.SeedApplication{}, seed.Applications...), emulator.SeedApplication{
		Name: "late", Keys: []emulator.SeedKey{{Age: emulator.SeedAge(time.Hour), ExpiresIn: -1}},
	})
	r := scalewaytest.Start(t, emulator.Options{}, seed)
	pairOf := func(name string) scaleway.KeyPair {
		k := r.Keys(name)[0]
		return scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: k.AccessKey}, Secret: redact.New(k.SecretKey)}
	}
	stranger := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.Canary)}
	rows := []struct {
		name  string
		pair  scaleway.KeyPair
		fault emulator.Fault
		want  bool
		err   error
	}{
		{name: "may read itself", pair: pairOf("rotator"), want: true},
		{name: "may read nothing", pair: pairOf("checkout"), want: true},
		{name: "unknown", pair: stranger},
		{name: "expired", pair: pairOf("late")},
		{name: "a server error", pair: pairOf("checkout"), fault: emulator.Fault{Status: 500}, err: scaleway.ErrUnknown},
		{name: "404", pair: pairOf("checkout"), fault: emulator.Fault{Status: 404}, err: scaleway.ErrNotFound},
	}
	for _, row := range rows {
		if row.fault.Status != 0 {
			r.Arm(row.fault)
		}
		got, err := r.Authenticates(t.Context(), row.pair)
		if got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: %t, %v", row.name, got, err)
		}
	}
}

// vault is a secret of the demo project's and what holds it.
func vault(t *testing.T, r scalewaytest.Rig) scaleway.Secret {
	t.Helper()
	s, err := r.CreateSecret(t.Context(), scaleway.Secret{Name: "vault", Path: "/rotator", Region: "fr-par", Tags: []string{"a"}}, "d")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPublishedKeyIsReadBack(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo())
	s := vault(t, r)
	listed, err := r.Secrets(t.Context(), "fr-par", "/rotator")
	if err != nil {
		t.Fatal(err)
	}
	listed = slices.DeleteFunc(listed, func(s scaleway.Secret) bool { return s.Name != "vault" })
	if diff := cmp.Diff([]scaleway.Secret{s}, listed); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
	for i, secret := range []string{scalewaytest.Canary, scalewaytest.OtherCanary} {
		pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(secret)}
		v, err := r.Publish(t.Context(), s, pair, "what it is")
		if err != nil || int(v.Revision) != i+1 || !v.Enabled || v.Description != "what it is" {
			t.Fatalf("version %+v, %v", v, err)
		}
		got, err := r.Access(t.Context(), s, v.Revision)
		if err != nil || got.AccessKey != scalewaytest.AccessKey || !got.Secret.Equal(pair.Secret) {
			t.Errorf("read back %+v, %v", got, err)
		}
	}
	if err := r.DisableVersion(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
	states := func() [][]bool {
		versions, err := r.Versions(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		out := [][]bool{}
		for _, v := range versions {
			out = append(out, []bool{v.Revision == 2, v.Enabled, v.Going})
		}
		return out
	}
	if diff := cmp.Diff([][]bool{{true, true, false}, {false, false, false}}, states()); diff != "" {
		t.Errorf("newest, enabled, going (-want +got):\n%s", diff)
	}
	if err := r.DeleteVersion(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
	if err := r.DeleteVersion(t.Context(), s, 9); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
	for _, state := range states() {
		if !state[0] && !state[2] {
			t.Errorf("newest, enabled, going: %v", state)
		}
	}
}

// payloads are what a version may hold; good are those that are a key pair.
var (
	goodPayloads = []string{
		`{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"}`,
		"\n{ \"secret_key\": \"" + scalewaytest.Canary + "\",\n\t\"access_key\": \"SCWX\" }\n",
	}
	badPayloads = map[string]string{
		"nothing":            "",
		"null":               "null",
		"an empty object":    "{}",
		"no access key":      `{"secret_key":"` + scalewaytest.Canary + `"}`,
		"no secret":          `{"access_key":"` + scalewaytest.Canary + `"}`,
		"an empty secret":    `{"access_key":"` + scalewaytest.Canary + `","secret_key":""}`,
		"a null":             `{"access_key":"` + scalewaytest.Canary + `","secret_key":null}`,
		"a number":           `{"access_key":"` + scalewaytest.Canary + `","secret_key":7}`,
		"one field more":     `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `","note":""}`,
		"a brace more":       `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"}}`,
		"a bracket more":     `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"}]`,
		"text behind":        `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"} ` + scalewaytest.Canary,
		"brace, then text":   `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"}} ` + scalewaytest.Canary,
		"two of them":        strings.Repeat(`{"access_key":"SCWX","secret_key":"`+scalewaytest.Canary+`"}`, 2),
		"an array":           `[{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary + `"}]`,
		"a string":           `"` + scalewaytest.Canary + `"`,
		"bare":               scalewaytest.Canary,
		"cut":                `{"access_key":"SCWX","secret_key":"` + scalewaytest.Canary,
		"a name and a value": "SCW_SECRET_KEY=" + scalewaytest.Canary,
	}
)

func TestAccessTakesNothingButAKeyPair(t *testing.T) {
	t.Parallel()
	seed := emulator.Demo()
	seed.Secrets = nil
	payloads := maps.Clone(badPayloads)
	for i, payload := range goodPayloads {
		payloads[fmt.Sprint("good ", i)] = payload
	}
	for name, payload := range payloads {
		seed.Secrets = append(seed.Secrets, emulator.SeedSecret{
			Name: name, Project: "demo", Versions: []emulator.SeedVersion{{Data: payload}},
		})
	}
	r := scalewaytest.Start(t, emulator.Options{}, seed)
	secrets, err := r.Secrets(t.Context(), "fr-par", "/")
	if err != nil || len(secrets) != len(payloads) {
		t.Fatalf("%d secrets, %v", len(secrets), err)
	}
	for _, s := range secrets {
		pair, err := r.Access(t.Context(), s, 1)
		if strings.HasPrefix(s.Name, "good ") {
			if err != nil || pair.AccessKey != "SCWX" || pair.Secret.Reveal() != scalewaytest.Canary {
				t.Errorf("%s: %v", s.Name, err)
			}
			continue
		}
		if !errors.Is(err, scaleway.ErrPayload) || leaks(err.Error()) || pair.AccessKey != "" || !pair.Secret.Empty() {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestAccessTakesNoOtherVersionsAnswer(t *testing.T) {
	t.Parallel()
	for field, value := range map[string]any{"revision": 2, "secret_id": "11111111-1111-4111-8111-111111111111"} {
		r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo(), rewrite("GET", "/access", func(m map[string]any) { m[field] = value }))
		s := vault(t, r)
		if _, err := r.Publish(t.Context(), s, scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.Canary)}, ""); err != nil {
			t.Fatal(err)
		}
		pair, err := r.Access(t.Context(), s, 1)
		if !errors.Is(err, scaleway.ErrUnknown) || leaks(err.Error()) || !pair.Secret.Empty() {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func FuzzPayload(f *testing.F) {
	for _, payload := range badPayloads {
		f.Add([]byte(payload))
	}
	for _, payload := range goodPayloads {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pair, err := scaleway.DecodePayload(data)
		if err != nil {
			if err != scaleway.ErrPayload { //nolint:errorlint // nothing may be wrapped around it
				t.Errorf("error %v", err)
			}
			return
		}
		if pair.AccessKey == "" || pair.Secret.Empty() {
			t.Error("half a pair passed")
		}
		again, err := json.Marshal(map[string]string{"access_key": pair.AccessKey, "secret_key": pair.Secret.Reveal()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := scaleway.DecodePayload(again); err != nil || got.AccessKey != pair.AccessKey || !got.Secret.Equal(pair.Secret) {
			t.Errorf("encoded again it is %v", err)
		}
	})
}

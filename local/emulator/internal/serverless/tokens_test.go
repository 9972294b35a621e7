package serverless_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestTokenShowsItsJWTOnceAndGoesAway(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	id := l.MustEndpoint("api").ID
	_, made := l.Raw("POST", emulatortest.FunctionsBase+"/tokens", `{"function_id":"`+id+`","expires_at":"2035-07-06T11:00:00+02:00"}`)
	path := emulatortest.FunctionsBase + "/tokens/" + made["id"].(string)
	parts := strings.Split(made["token"].(string), ".")
	var claims map[string]any
	if err := json.Unmarshal(emulatortest.Must(base64.RawURLEncoding.DecodeString(parts[1]))(t), &claims); err != nil {
		t.Fatal(err)
	}
	expires := time.Date(2035, 7, 6, 9, 0, 0, 0, time.UTC)
	want := map[string]any{
		"application_claim": []any{map[string]any{"namespace_id": "", "application_id": id}}, "version": 2.0, "aud": "functions",
		"iss": "SCALEWAY", "sub": "token", "jti": made["id"], "iat": float64(l.Clock().Now().Unix()), "nbf": float64(l.Clock().Now().Unix()),
		"exp": float64(expires.Unix()),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	if signature := emulatortest.Must(base64.RawURLEncoding.DecodeString(parts[2]))(t); len(signature) != 512 {
		t.Errorf("a signature of %d bytes", len(signature))
	}
	if block, _ := pem.Decode([]byte(made["public_key"].(string))); block == nil || block.Type != "RSA PUBLIC KEY" {
		t.Errorf("public key %q", made["public_key"])
	}
	seen := []any{}
	look := func(method string) {
		_, f := l.Raw(method, path, "")
		seen = append(seen, []any{f["status"], f["token"], f["public_key"], f["message"], f["expires_at"]})
	}
	look("GET")
	l.Pass(time.Second)
	look("GET")
	look("DELETE")
	look("GET")
	l.Pass(6 * time.Second)
	look("GET")
	look("DELETE")
	at := "2035-07-06T09:00:00Z"
	wantSeen := []any{
		[]any{"creating", "<hidden>", "", nil, at},
		[]any{"ready", "<hidden>", "", nil, at},
		[]any{"deleting", "", "", nil, at},
		[]any{"deleting", "<hidden>", "", nil, at},
		[]any{nil, nil, nil, "Token was not found", nil},
		[]any{nil, nil, nil, "Token was not found", nil},
	}
	if diff := cmp.Diff(wantSeen, seen); diff != "" {
		t.Error(diff)
	}
}

func TestTokensAreListedByWhatTheyBelongTo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		answers emulator.Answers
		query   func(l *emulatortest.Land) string
		want    []string
	}{
		{"by function", emulator.Answers{}, func(l *emulatortest.Land) string { return "?function_id=" + l.MustEndpoint("api").ID }, []string{"old", "live"}},
		{"by namespace", emulator.Answers{}, func(l *emulatortest.Land) string { return "?namespace_id=" + l.Namespace() }, []string{"whole namespace"}},
		{"by namespace, with all in it", emulator.Answers{NamespaceTokensAll: true}, func(l *emulatortest.Land) string { return "?namespace_id=" + l.Namespace() }, []string{"whole namespace", "old", "live"}},
		{"filters ignored", emulator.Answers{IgnoreFilters: true}, func(*emulatortest.Land) string { return "?function_id=x" }, []string{"whole namespace", "old", "live"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := emulatortest.NewLand(t, emulator.Options{Answers: row.answers}, emulatortest.Place())
			_, got := l.Raw("GET", emulatortest.FunctionsBase+"/tokens"+row.query(l), "")
			names := []string{}
			for _, item := range got["tokens"].([]any) {
				names = append(names, item.(map[string]any)["description"].(string))
			}
			if diff := cmp.Diff(row.want, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokenRoutesCanBeRemoved(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 410, 501} {
		l := emulatortest.NewLand(t, emulator.Options{Answers: emulator.Answers{TokenRoutes: status}}, emulatortest.Place())
		for _, call := range []struct{ method, path string }{
			{"GET", emulatortest.FunctionsBase + "/tokens"},
			{"DELETE", emulatortest.FunctionsBase + "/tokens/" + l.Tokens()[0].ID},
			{"GET", "/containers/v1beta1/regions/fr-par/tokens"},
		} {
			if got, _ := l.Raw(call.method, call.path, ""); got != status {
				t.Errorf("%s %s: %d, want %d", call.method, call.path, got, status)
			}
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// The table in docs/operations.md of who may ask for what is what the function, behind the
// gateway, answers to every kind of key that there is in the demo project.
func TestLongWhoMayAskForWhat(t *testing.T) {
	t.Parallel()
	got := "| asks for | no key, or one without private access | any key with private access | and the control secret | and a wrong one, or any where none is set |\n|---|---|---|---|---|\n"
	for _, ask := range []struct{ name, method, body string }{
		{"a run (nothing, or `{}`)", http.MethodPost, "{}"},
		{"a dry run (`GET`, or `dry_run`)", http.MethodGet, ""},
		{"a dry run (`GET`, or `dry_run`)", http.MethodPost, `{"dry_run": true}`},
		{"`steps`", http.MethodPost, `{"steps": ["check"]}`},
		{"`applications`", http.MethodPost, `{"dry_run": true, "applications": ["checkout"]}`},
		{"`force`", http.MethodPost, `{"dry_run": true, "force": true}`},
		{"`revoke`, `now`", http.MethodPost, `{"dry_run": true, "revoke": ["SCWCHECKOUT000000001"]}`},
		{"`revoke`, `now`", http.MethodPost, `{"dry_run": true, "revoke": ["SCWCHECKOUT000000001"], "now": true}`},
		{"`rollback`", http.MethodPost, `{"dry_run": true, "rollback": ["checkout"]}`},
	} {
		g := newGate(t)
		line := fmt.Sprintf("| %s | %s | %s | %s | %s |\n", ask.name,
			g.all(ask.method, ask.body, "", "none", "reader"), g.all(ask.method, ask.body, "", "consumer", "probe", "user"),
			g.all(ask.method, ask.body, g.control, "consumer", "probe", "user"), g.all(ask.method, ask.body, "wrong", "consumer", "probe", "user"))
		if strings.HasSuffix(got, line) {
			continue
		}
		got += line
	}
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- authority -->\n")
	want, _, _ := strings.Cut(rest, "<!-- /authority -->")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of who may ask for what (-docs/operations.md +function):\n%s", diff)
	}
}

// gate is the function behind the gateway, and a key of each kind.
type gate struct {
	*demo

	t     *testing.T
	doors [2]http.Handler // with a control secret, and without
	keys  map[string]string
}

func newGate(t *testing.T) *gate {
	t.Helper()
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(time.Now())), Seed: 1, HashMemory: 8}, "demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{demo: d, t: t, keys: map[string]string{"none": ""}}
	_, g.keys["user"] = d.Owner()
	g.keys["consumer"] = d.Keys("storefront")[0].SecretKey
	g.keys["probe"] = g.application("prober", "FunctionsPrivateAccess")
	g.keys["reader"] = g.application("reader", "SecretManagerSecretAccess")
	self, _ := d.Endpoint(demoFunction)
	var without []string
	for _, line := range d.environ {
		if !strings.HasPrefix(line, "ROTATOR_CONTROL_SECRET=") {
			without = append(without, line)
		}
	}
	for i, environ := range [][]string{d.environ, without} {
		function := handler.New(environ, io.Discard, handler.Options{
			API: d.RoundTripper(), Endpoints: d.RoundTripper(),
			Clock: clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep, After: d.Clock().After},
		})
		g.doors[i] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.SetBehaviour(self.ID, asPlatform(function))
			d.Door(self.ID).ServeHTTP(w, r)
		})
	}
	// So that there is something to go back to.
	if got := g.asks(g.doors[0], http.MethodPost, `{"applications": ["checkout"], "force": true}`, g.control, "user"); got != "the whole report" {
		t.Fatal(got)
	}
	return g
}

// application makes one with a permission set on the project, and a key of it.
func (g *gate) application(name, set string) (secret string) {
	g.t.Helper()
	app := g.owner("/iam/v1alpha1/applications", fmt.Sprintf(`{"name": %q, "organization_id": %q}`, name, g.Organization()))["id"]
	g.owner("/iam/v1alpha1/policies", fmt.Sprintf(`{"name": %q, "organization_id": %q, "application_id": %q, "rules": [{"permission_set_names": [%q], "project_ids": [%q]}]}`,
		name, g.Organization(), app, set, g.Project("demo")))
	return g.owner("/iam/v1alpha1/api-keys", fmt.Sprintf(`{"application_id": %q, "description": %q}`, app, name))["secret_key"].(string)
}

// all is what each of these keys gets, which must be the same.
func (g *gate) all(method, body, control string, keys ...string) string {
	g.t.Helper()
	got := map[string]bool{}
	for _, key := range keys {
		got[g.asks(g.doors[0], method, body, control, key)] = true
		if control == "wrong" {
			got[g.asks(g.doors[1], method, body, "any", key)] = true
		}
	}
	if len(got) != 1 {
		g.t.Errorf("%s %s: the keys of %v get different answers: %v", method, body, keys, got)
	}
	for answer := range got {
		return answer
	}
	return ""
}

func (g *gate) asks(door http.Handler, method, body, control, key string) string {
	g.t.Helper()
	r := httptest.NewRequestWithContext(g.t.Context(), method, "/", strings.NewReader(body))
	if g.keys[key] != "" {
		r.Header.Set("X-Auth-Token", g.keys[key])
	}
	if control != "" {
		r.Header.Set(handler.ControlHeader, control)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	answer := w.Body.String()
	for name := range w.Header() {
		if strings.EqualFold(name, handler.ControlHeader) || strings.EqualFold(name, "X-Auth-Token") {
			g.t.Errorf("%s %s with the key of %s: the answer echoes %s", method, body, key, name)
		}
	}
	switch {
	case w.Code == http.StatusOK && strings.Contains(answer, `"applications": [`):
		return "the whole report"
	case w.Code == http.StatusOK && strings.Contains(answer, `"counts": {`):
		return "outcome and counts"
	case w.Code == http.StatusForbidden:
		return "403"
	}
	g.t.Errorf("%s %s with the key of %s: %d\n%s", method, body, key, w.Code, answer)
	return fmt.Sprint(w.Code)
}

// owner posts to the API with the owner's key.
func (g *gate) owner(path, body string) (made map[string]any) {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, "https://api.scaleway.com"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", g.keys["user"])
	r.Header.Set("Content-Type", "application/json")
	res, err := g.RoundTripper().RoundTrip(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusOK {
		g.t.Fatalf("POST %s: %d %v %v", path, res.StatusCode, made, err)
	}
	return made
}

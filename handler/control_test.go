package handler_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/report"
)

// Whoever can open the endpoint learns how a run ended, and no name of anything.
func TestWithoutTheControlSecretTheAnswerIsShort(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{})
	for _, ask := range []struct{ method, target, body string }{
		{http.MethodGet, "/", ""},
		{http.MethodPost, "/", ""},
		{http.MethodPost, "/", `{"steps": ["check"], "force": false}`},
		{http.MethodPost, "/?format=text", `{"dry_run": true}`},
		{http.MethodPost, "/?format=html", ""},
	} {
		a := f.send(t.Context(), ask.method, ask.target, ask.body, uncontrolled...)
		if a.status != http.StatusOK {
			t.Fatalf("%v: status %d:\n%s", ask, a.status, a.body)
		}
		for _, name := range []string{"checkout", "storefront", "SCW", "webhooks", f.Application("checkout")} {
			if strings.Contains(a.body, name) {
				t.Errorf("%v: %s stands in the answer:\n%s", ask, name, a.body)
			}
		}
		if strings.Contains(ask.target, "html") && !strings.Contains(a.body, "X-Rotator-Control") {
			t.Errorf("the page does not say how to see more:\n%s", a.body)
		}
		if strings.Contains(ask.target, "format") {
			continue
		}
		d := json.NewDecoder(strings.NewReader(a.body))
		d.DisallowUnknownFields()
		var brief report.Brief
		if err := d.Decode(&brief); err != nil || brief.RunID == "" || brief.Outcome != report.Success || brief.DryRun != (ask.method == http.MethodGet) {
			t.Errorf("%v: %+v, %v", ask, brief, err)
		}
	}
}

// What needs the control secret is 403 without it, and nothing is asked of the
// API; the answer says how to have it.
func TestWhatNeedsTheControlSecret(t *testing.T) {
	t.Parallel()
	const wrong = "another-control-secret-than-that"
	for name, row := range map[string]struct {
		body, sent, set, want string
	}{
		"force":                   {body: `{"force": true}`, set: controlSecret, want: "force: needs the control secret"},
		"force in a dry run":      {body: `{"force": true, "dry_run": true}`, set: controlSecret, want: "force: needs"},
		"applications and steps":  {body: `{"applications": ["checkout"], "steps": ["rotate"]}`, set: controlSecret, want: "applications: needs"},
		"revoke":                  {body: `{"revoke": ["SCWCHECKOUT000000001"], "now": true}`, set: controlSecret, want: "now, revoke: needs"},
		"rollback":                {body: `{"rollback": ["checkout"]}`, set: controlSecret, want: "rollback: needs"},
		"with a wrong one":        {body: `{"force": true}`, sent: wrong, set: controlSecret, want: "is not the function's control secret"},
		"a plain run with it":     {body: "", sent: wrong, set: controlSecret, want: "is not the function's control secret"},
		"one cut short":           {body: "", sent: controlSecret[:20], set: controlSecret, want: "is not the function's control secret"},
		"where none is set":       {body: `{"force": true}`, want: "force: needs the control secret"},
		"a wrong one where none":  {body: "", sent: wrong, want: "has no control secret"},
		"an empty one where none": {body: `{"force": true}`, sent: " ", want: "has no control secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{environ: []string{"ROTATOR_CONTROL_SECRET=" + row.set}})
			a := f.send(t.Context(), http.MethodPost, "/", row.body, handler.ControlHeader, row.sent)
			if a.status != http.StatusForbidden || !strings.Contains(a.body, row.want) || !strings.Contains(a.body, "ROTATOR_CONTROL_SECRET") {
				t.Errorf("status %d, want 403 with %q:\n%s", a.status, row.want, a.body)
			}
			if row.set == "" && !strings.Contains(a.body, "openssl rand -hex 32") {
				t.Errorf("it does not say how to have one:\n%s", a.body)
			}
			if all, _ := f.apiCalls(); len(all) > 0 {
				t.Errorf("it made %d calls", len(all))
			}
			lines := having(f.lines(t), "request refused")
			if len(lines) != 1 || lines[0]["level"] != "WARN" || strings.TrimSpace(row.sent) != "" && strings.Contains(f.log.String(), row.sent) {
				t.Errorf("the log says %v", lines)
			}
		})
	}
}

// The runtime copies what is left of a request's headers into the response.
func TestTheHandlerTakesSecretsOutOfTheRequest(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://example.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", "made-up")
	r.Header.Set(handler.ControlHeader, controlSecret)
	f.handler.ServeHTTP(discard{http.Header{}}, r)
	if len(r.Header) > 0 {
		t.Errorf("the request still has %v", r.Header)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

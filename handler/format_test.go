package handler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestFormatIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	const asText, asJSON, asHTML = "text/plain; charset=utf-8", "application/json", "text/html; charset=utf-8"
	for name, row := range map[string]struct{ target, accept, want string }{
		"nothing said":              {"/", "", asJSON},
		"any":                       {"/", "*/*", asJSON},
		"Accept JSON":               {"/", "application/json", asJSON},
		"Accept text":               {"/", "text/plain", asText},
		"Accept text first":         {"/", "text/plain;q=0.9, application/json;q=0.1", asText},
		"Accept of a browser":       {"/", "text/html,application/xhtml+xml", asHTML},
		"Accept JSON, then HTML":    {"/", "application/json, text/html", asJSON},
		"format html":               {"/?format=html", "", asHTML},
		"format json, Accept HTML":  {"/?format=json", "text/html", asJSON},
		"format html, Accept text":  {"/?format=html", "text/plain", asHTML},
		"format text":               {"/?format=text", "", asText},
		"format json":               {"/?format=json", "", asJSON},
		"format goes before Accept": {"/?format=json", "text/plain", asJSON},
		"format text, Accept JSON":  {"/?format=text", "application/json", asText},
		"an empty format is none":   {"/?format=", "text/plain", asText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			a := f.send(t.Context(), http.MethodGet, row.target, "", "Accept", row.accept)
			want := http.Header{"Content-Type": {row.want}, "Cache-Control": {"no-store"}}
			if row.want == asHTML {
				want.Set("Content-Security-Policy", report.ContentSecurityPolicy())
				want.Set("X-Content-Type-Options", "nosniff")
			}
			if diff := cmp.Diff(want, a.header); diff != "" || a.status != http.StatusOK {
				t.Errorf("status %d, headers (-want +got):\n%s", a.status, diff)
			}
			switch row.want {
			case asJSON:
				a.report(t)
				return
			case asHTML:
				if !strings.HasPrefix(a.body, "<!DOCTYPE html>\n") || !strings.Contains(a.body, "<title>SUCCESS: dry run run-1</title>") {
					t.Errorf("the page starts with %.200q", a.body)
				}
				return
			}
			if first, _, _ := strings.Cut(a.body, "\n"); first != "✓ SUCCESS, 2 things to act on: dry run run-1 on project "+f.Project("demo") {
				t.Errorf("the text starts with %q", first)
			}
		})
	}
}

// TestReportIsStrict looks at reports of all kinds: they decode without an
// unknown field and encode to the same again, their arrays are there even where
// they are empty, and they use no name that the platform's runtime takes for
// itself.
func TestReportIsStrict(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		environ []string
		fault   emulator.Fault
		body    string
		status  int
	}{
		"a run":                  {status: 200},
		"a dry run":              {body: `{"dry_run": true}`, status: 200},
		"a run that only checks": {body: `{"steps": ["check"]}`, status: 200},
		"a run in no region":     {environ: []string{"ROTATOR_REGIONS=pl-waw"}, status: 200},
		"everything is refused":  {fault: emulator.Fault{Status: 403, Body: `{"type": "permissions_denied", "message": "insufficient permissions", "details": []}`, Times: -1}, status: 500},
		"nothing is there":       {fault: emulator.Fault{Status: 404, Times: -1}, status: 500},
		"no time at all":         {environ: []string{"ROTATOR_BUDGET=200s"}, fault: emulator.Fault{Delay: 29 * 1e9, Times: -1}, status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{environ: row.environ})
			if row.fault.Times != 0 || row.fault.Delay != 0 {
				f.Arm(row.fault)
			}
			a := f.send(t.Context(), http.MethodPost, "/", row.body)
			r := a.report(t)
			if a.status != row.status || (r.Outcome == report.Success) != (row.status == http.StatusOK) {
				t.Errorf("status %d and outcome %s, want status %d:\n%s", a.status, r.Outcome, row.status, a.body)
			}
			var again bytes.Buffer
			e := json.NewEncoder(&again)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a.body, again.String()); diff != "" {
				t.Errorf("decoded and encoded again, it differs (-first +second):\n%s", diff)
			}
			var object map[string]any
			if err := json.Unmarshal([]byte(a.body), &object); err != nil {
				t.Fatal(err)
			}
			noReservedName(t, object)
			for _, path := range nulls("", object) {
				if name := path[strings.LastIndex(path, ".")+1:]; name != "own_key" && name != "expires_at" && name != "days_left" && name != "secret" && name != "goes_at" && path != ".found.legacy_tokens" {
					t.Errorf("%s is null", path)
				}
			}
		})
	}
}

// noReservedName checks the names that the platform's runtime reads out of a
// JSON body as the answer itself.
func noReservedName(t *testing.T, object map[string]any) {
	t.Helper()
	for _, name := range []string{"statusCode", "body", "headers", "isBase64Encoded"} {
		for have := range object {
			if strings.EqualFold(have, name) { // as encoding/json does
				t.Errorf("the body has a field %q at its top level", have)
			}
		}
	}
}

// nulls returns the paths of all nulls.
func nulls(path string, v any) (out []string) {
	switch v := v.(type) {
	case nil:
		return []string{path}
	case []any:
		for i, item := range v {
			out = append(out, nulls(fmt.Sprintf("%s[%d]", path, i), item)...)
		}
	case map[string]any:
		for name, item := range v {
			out = append(out, nulls(path+"."+name, item)...)
		}
	}
	return out
}

func asJSON(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

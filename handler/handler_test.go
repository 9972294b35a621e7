package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestGetIsADryRun(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"without a body": "", "with an empty one": " \n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			a := f.send(t.Context(), http.MethodGet, "/", body)
			r := a.report(t)
			if a.status != http.StatusOK || r.Outcome != report.Success || !r.DryRun {
				t.Errorf("status %d, outcome %s, dry run %t; want 200, success, true", a.status, r.Outcome, r.DryRun)
			}
			if len(r.Changes) == 0 {
				t.Error("it announces no change: the demo has some to make")
			}
			for _, c := range r.Changes {
				if c.Result != report.Planned {
					t.Errorf("change %v is %s, want planned", c, c.Result)
				}
			}
			if all, writes := f.apiCalls(); len(all) == 0 || len(writes) > 0 {
				t.Errorf("%d API calls, of which no GET: %v", len(all), writes)
			}
		})
	}
}

func TestPostRuns(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an empty body":               "",
		"a body of spaces":            " \r\n\t",
		"an empty object":             "{}", // what a cron sends
		"an object that says so":      `{"dry_run": false, "force": false}`,
		"an object of exactly 64 KiB": `{"force": false` + strings.Repeat(" ", 64<<10-16) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			r := f.run(t, body)
			if r.Outcome != report.Success || r.DryRun {
				t.Errorf("outcome %s, dry run %t; want success, false", r.Outcome, r.DryRun)
			}
			done := map[string]int{}
			for _, c := range r.Changes {
				if c.Result != report.Done {
					t.Errorf("change %v is %s, want done", c, c.Result)
				}
				done[c.Kind]++
			}
			want := map[string]int{"create_secret": 3, "create_key": 3, "publish": 3, "mark_version": 2, "remember": 1, "update_environment": 2, "delete_token": 6} // three are held for a grace period
			if diff := cmp.Diff(want, done); diff != "" {
				t.Errorf("changes by kind (-want +got):\n%s", diff)
			}
			if _, writes := f.apiCalls(); len(writes) != len(r.Changes) {
				t.Errorf("%d changes are reported, %d were made: %v", len(r.Changes), len(writes), writes)
			}
		})
	}
}

func TestBodyNarrowsTheRun(t *testing.T) {
	t.Parallel()
	ran := func(r report.Report) (steps []string) {
		for _, s := range r.Steps {
			if s.Outcome != report.Skipped {
				steps = append(steps, s.Name)
			}
		}
		return steps
	}
	kinds := func(r report.Report) (kinds []string) {
		for _, c := range r.Changes {
			if !slices.Contains(kinds, c.Kind) {
				kinds = append(kinds, c.Kind)
			}
		}
		return kinds
	}

	t.Run("dry run", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		if r := f.run(t, `{"dry_run": true}`); !r.DryRun {
			t.Error("the report does not say that it was a dry run")
		}
		if _, writes := f.apiCalls(); len(writes) > 0 {
			t.Errorf("it changed things: %v", writes)
		}
	})
	t.Run("one step", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		if diff := cmp.Diff([]string{"discover", "check"}, ran(f.run(t, `{"steps": ["check"]}`))); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if _, writes := f.apiCalls(); len(writes) > 0 {
			t.Errorf("it changed things: %v", writes)
		}
	})
	t.Run("two steps, in any order", func(t *testing.T) {
		t.Parallel()
		r := start(t, surroundings{}).run(t, `{"steps": ["purge", "rotate"]}`)
		if diff := cmp.Diff([]string{"discover", "rotate", "purge"}, ran(r)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
	t.Run("one application, by name or ID", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		id := f.Application("checkout")
		for _, name := range []string{"checkout", id} {
			r := f.run(t, fmt.Sprintf(`{"steps": ["rotate"], "force": true, "applications": [%q]}`, name))
			for _, c := range r.Changes {
				if !strings.Contains(c.Object, id) {
					t.Errorf("asked for %s, it changed %s", name, c.Object)
				}
			}
			if !slices.Contains(kinds(r), "publish") {
				t.Errorf("asked for %s, it published no key: %v", name, kinds(r))
			}
		}
	})
	t.Run("force", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		f.run(t, "")
		if again := kinds(f.run(t, `{"steps": ["rotate"]}`)); len(again) > 0 {
			t.Errorf("a second run changes %v, want nothing", again)
		}
		if diff := cmp.Diff([]string{"create_key", "publish"}, kinds(f.run(t, `{"steps": ["rotate"], "force": true}`))); diff != "" {
			t.Errorf("kinds of changes (-want +got):\n%s", diff)
		}
	})
}

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

func TestWrongConfigurationIsTheAnswer(t *testing.T) {
	t.Parallel()
	environ := []string{"ROTATOR_GRACE=40d", "ROTATOR_SECRET_KEY=5ec2e700-cafe", "ROTATOR_DRY=1", "SCW_DEBUG=1"}
	const problems = "configuration:\n" +
		"  ROTATOR_DRY: no such setting; the settings are in docs/settings.md\n" +
		"  SCW_DEBUG: is set, and makes the Scaleway SDK print new secret keys; unset it\n" +
		"  ROTATOR_SECRET_KEY: the value (not shown) is not right; want the secret key that belongs to ROTATOR_ACCESS_KEY, a UUID\n" +
		"  ROTATOR_GRACE: 40d is longer than ROTATE_AFTER (30d), so superseded keys would pile up; at most 30d fits"
	const hint = "set the function's environment variables as docs/settings.md says; nothing was changed"
	for name, row := range map[string]struct{ method, target, body, want string }{
		"a run":         {http.MethodPost, "/", "", "{\n  \"error\": " + asJSON(t, problems) + ",\n  \"hint\": " + asJSON(t, hint) + "\n}\n"},
		"a dry run":     {http.MethodGet, "/?format=json", "", "{\n  \"error\": " + asJSON(t, problems) + ",\n  \"hint\": " + asJSON(t, hint) + "\n}\n"},
		"a run as text": {http.MethodPost, "/?format=text", "{}", "✗ " + problems + "\n  → " + hint + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{environ: environ})
			a := f.send(t.Context(), row.method, row.target, row.body)
			if diff := cmp.Diff(row.want, a.body); diff != "" || a.status != http.StatusInternalServerError {
				t.Errorf("status %d, want 500; body (-want +got):\n%s", a.status, diff)
			}
			if len(f.History()) > 0 {
				t.Errorf("it sent requests: %v", f.History())
			}
			if lines := f.lines(t); len(lines) != 1 || lines[0]["error"] != strings.ReplaceAll(problems, "\n", " ") || lines[0]["run_id"] != "run-1" {
				t.Errorf("the log says %v, want one line with the problems", lines)
			}
			if strings.Contains(f.log.String()+a.body, "5ec2e700") {
				t.Errorf("the secret key got out:\n%s\n%s", a.body, f.log.String())
			}
		})
	}
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

// TestOneRunAtATime holds a run at its first API call and asks for more.
func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	f := start(t, surroundings{api: func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if held.CompareAndSwap(false, true) {
				close(entered)
				<-release
			}
			return next.RoundTrip(r)
		})
	}})
	first := make(chan answer)
	go func() { first <- f.send(t.Context(), http.MethodPost, "/", "") }()
	<-entered
	want := answer{
		http.StatusConflict,
		http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"application/json"}},
		"{\n  \"error\": \"a run is in progress in this instance\",\n  \"hint\": \"wait for its end, then ask again\"\n}\n",
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if diff := cmp.Diff(want, f.send(t.Context(), method, "/", ""), cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s during a run (-want +got):\n%s", method, diff)
		}
	}
	if a := f.send(t.Context(), http.MethodPost, "/", "nonsense"); a.status != http.StatusBadRequest {
		t.Errorf("a wrong body during a run: status %d, want 400", a.status)
	}
	close(release)
	if a := <-first; a.status != http.StatusOK {
		t.Errorf("the run that was held: status %d, want 200:\n%s", a.status, a.body)
	}
	f.run(t, "") // the lock is free again
	if diff := cmp.Diff([]any{"run-1", "run-5"}, runIDs(having(f.lines(t), "run started"))); diff != "" {
		t.Errorf("runs started (-want +got):\n%s", diff)
	}
}

func runIDs(lines []line) (ids []any) {
	for _, l := range lines {
		ids = append(ids, l["run_id"])
	}
	return ids
}

// TestRunOutlivesItsCaller lets the caller go away at every kind of write, and
// before the first call.
func TestRunOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"at the first call":         "",
		"at a secret's creation":    "POST /secret-manager/v1beta1/regions/fr-par/secrets",
		"at a key's creation":       "POST /iam/v1alpha1/api-keys",
		"at a publication":          "POST /secret-manager/v1beta1/regions/fr-par/secrets/*/versions",
		"at a legacy token's death": "DELETE /functions/v1beta1/regions/fr-par/tokens/*",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			f := start(t, surroundings{api: func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if at == "" || matches(at, r) {
						leave()
					}
					return next.RoundTrip(r)
				})
			}})
			a := f.send(ctx, http.MethodPost, "/", "")
			if ctx.Err() == nil {
				t.Fatal("no such call was made, so the caller stayed")
			}
			if r := a.report(t); a.status != http.StatusOK || r.Outcome != report.Success {
				t.Errorf("status %d, outcome %s; want 200, success:\n%s", a.status, r.Outcome, a.body)
			}
			held := map[string]bool{} // for a grace period
			for _, l := range a.report(t).LegacyTokens {
				held[l.ID] = l.Result == "held"
			}
			if left := f.Tokens(); slices.ContainsFunc(left, func(token emulator.Token) bool {
				return token.Project == f.Project("demo") && token.Status != "deleting" && !held[token.ID]
			}) {
				t.Errorf("legacy tokens are left: %v", left)
			}
			for _, app := range []string{"checkout", "storefront", "nightly-batch"} {
				if keys := f.Keys(app); len(keys) == 0 || keys[len(keys)-1].Created.Before(a.report(t).StartedAt) {
					t.Errorf("application %s has no new key: %v", app, len(keys))
				}
			}
		})
	}
}

// matches tells whether r is "METHOD path", where * is one part of a path.
func matches(pattern string, r *http.Request) bool {
	method, path, _ := strings.Cut(pattern, " ")
	want, have := strings.Split(path, "/"), strings.Split(r.URL.Path, "/")
	return r.Method == method && slices.EqualFunc(want, have, func(want, have string) bool { return want == "*" || want == have })
}

// TestPanicInARunIsA500 makes the transport panic with a value that must not
// get out, in the goroutine of the run.
func TestPanicInARunIsA500(t *testing.T) {
	t.Parallel()
	const canary = "canary-0e1f"
	for name, value := range map[string]any{
		"a string":             canary,
		"an error":             fmt.Errorf("wrapped: %w", fmt.Errorf("%s", canary)),
		"a struct":             struct{ Secret string }{canary},
		"what aborts a server": http.ErrAbortHandler,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calm atomic.Bool
			f := start(t, surroundings{api: func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if matches("POST /iam/v1alpha1/api-keys", r) && !calm.Load() {
						panic(value)
					}
					return next.RoundTrip(r)
				})
			}})
			a := f.send(t.Context(), http.MethodPost, "/", "")
			want := answer{
				http.StatusInternalServerError,
				http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"application/json"}},
				"{\n  \"error\": \"the run ended in a panic; its stack is in the log\",\n  \"hint\": \"please report it\"\n}\n",
			}
			if diff := cmp.Diff(want, a, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			lines := having(f.lines(t), "panic in a run")
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["run_id"] != "run-1" {
				t.Fatalf("the log says %v, want one line about the panic", lines)
			}
			stack, _ := lines[0]["stack"].(string)
			for _, part := range []string{"goroutine ", "handler_test", "rotate.(*Applier).create"} {
				if !strings.Contains(stack, part) {
					t.Errorf("the stack does not hold %q:\n%s", part, stack)
				}
			}
			if strings.Contains(f.log.String(), canary) {
				t.Errorf("the panic's value is in the log:\n%s", f.log.String())
			}
			calm.Store(true)
			f.run(t, "")
		})
	}
}

func TestLogHasTheRunOnEveryLine(t *testing.T) {
	t.Parallel()
	const requestID = "0f9d6a0e-platform"
	f := start(t, surroundings{environ: []string{"ROTATOR_LOG_LEVEL=debug"}})
	first := f.send(t.Context(), http.MethodPost, "/", "", "X-Request-Id", requestID).report(t)
	f.send(t.Context(), http.MethodPost, "/?format=text", `{"dry_run": true}`, "X-Request-Id", requestID)
	f.send(t.Context(), http.MethodPost, "/", "nonsense", "X-Request-Id", requestID)
	f.send(t.Context(), http.MethodPut, "/", "", "X-Request-Id", requestID)
	f.send(t.Context(), http.MethodGet, "/?format=xml", "", "X-Request-Id", requestID)
	lines := f.lines(t)
	var ids []any
	for _, l := range lines {
		for _, name := range []string{"time", "level", "msg", "run_id"} {
			if text, _ := l[name].(string); text == "" {
				t.Errorf("no %s in the line %v", name, l)
			}
		}
		if l["request_id"] != requestID {
			t.Errorf("request_id is %v in the line %v", l["request_id"], l)
		}
		ids = append(ids, l["run_id"])
	}
	if diff := cmp.Diff([]any{"run-1", "run-2", "run-3", "run-4", "run-5"}, slices.Compact(ids)); diff != "" {
		t.Errorf("run IDs in the order of the log (-want +got):\n%s", diff)
	}
	if len(having(lines, "verifying new keys")) == 0 {
		t.Error("the debug level's lines are not there")
	}
	changes := []report.Change{}
	for _, l := range having(lines, "change") {
		if l["run_id"] == first.RunID {
			changes = append(changes, report.Change{
				Kind: l["kind"].(string), Object: l["object"].(string), Result: report.ChangeState(l["result"].(string)), Reason: l["reason"].(string),
			})
		}
	}
	less := func(a, b report.Change) int { return strings.Compare(a.Kind+a.Object, b.Kind+b.Object) } // tokens go at the same time
	slices.SortFunc(changes, less)
	slices.SortFunc(first.Changes, less)
	if diff := cmp.Diff(first.Changes, changes); diff != "" {
		t.Errorf("changes (-report +log):\n%s", diff)
	}
}

func TestLogWithoutARequestID(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{environ: []string{"ROTATOR_LOG_LEVEL=error"}})
	f.run(t, "")
	if lines := f.lines(t); len(lines) > 0 {
		t.Errorf("at level error, a run that succeeds logs %v", lines)
	}
	f.send(t.Context(), http.MethodPut, "/", "")
	if lines := f.lines(t); len(lines) > 0 {
		t.Errorf("at level error, a caller's mistake is logged: %v", lines)
	}
	f = start(t, surroundings{environ: []string{"ROTATOR_LOG_LEVEL=warn"}})
	f.send(t.Context(), http.MethodPut, "/", "")
	lines := f.lines(t)
	if len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Fatalf("a refused request logs %v, want one line", lines)
	}
	if _, there := lines[0]["request_id"]; there {
		t.Errorf("there is a request_id that nobody gave: %v", lines[0])
	}
}

func TestRequestIDIsALine(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{})
	f.send(t.Context(), http.MethodPut, "/", "", "X-Request-Id", "a\r\n{\"msg\":\"forged\"}"+endlessName)
	lines := f.lines(t)
	if len(lines) != 1 {
		t.Fatalf("the log has %d lines, want 1", len(lines))
	}
	id, _ := lines[0]["request_id"].(string)
	if !strings.HasPrefix(id, `a  {"msg":"forged"}xxx`) || len(id) > 2000 {
		t.Errorf("request_id is %q", id)
	}
}

func TestRunIDsDiffer(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &function{handler: handler.New(nil, &log, handler.Options{})}
	for range 100 {
		f.send(t.Context(), http.MethodGet, "/", "")
	}
	seen := map[any]bool{}
	f.log = log
	for _, l := range f.lines(t) {
		seen[l["run_id"]] = true
	}
	if len(seen) != 100 {
		t.Errorf("100 requests have %d run IDs", len(seen))
	}
}

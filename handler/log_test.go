package handler_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// matches tells whether r is "METHOD path", where * is one part of a path.
func matches(pattern string, r *http.Request) bool {
	method, path, _ := strings.Cut(pattern, " ")
	want, have := strings.Split(path, "/"), strings.Split(r.URL.Path, "/")
	return r.Method == method && slices.EqualFunc(want, have, func(want, have string) bool { return want == "*" || want == have })
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

package handler_test

import (
	"bytes"
	"context"
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

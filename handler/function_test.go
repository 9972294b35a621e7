package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// function is the function on the demo project. Its runs are run-1, run-2 and
// so on; its log is to be read when no request is under way.
type function struct {
	*emulatortest.Env

	handler *handler.Handler
	log     bytes.Buffer
}

// surroundings of a function that differ from the demo's.
type surroundings struct {
	environ []string                                       // over the demo's
	api     func(next http.RoundTripper) http.RoundTripper // around the emulator's; nil: itself
	all     bool                                           // api is around that of the endpoints, too
}

func start(t *testing.T, s surroundings) *function {
	t.Helper()
	f := &function{Env: emulatortest.Start(t, emulator.Options{Seed: 1}, emulator.Demo())}
	own := f.Keys("rotator")[0]
	environ := append([]string{
		"ROTATOR_ACCESS_KEY=" + own.AccessKey,
		"ROTATOR_SECRET_KEY=" + own.SecretKey,
		"ROTATOR_ORGANIZATION_ID=" + f.Organization(),
		"ROTATOR_PROJECT_ID=" + f.Project("demo"),
		"ROTATOR_CONTROL_SECRET=" + controlSecret,
		"ROTATOR_REQUESTS_PER_SECOND=1000", // the emulator has no limit to respect
	}, s.environ...)
	api, endpoints := f.RoundTripper(), f.RoundTripper()
	if s.api != nil {
		api = s.api(api)
	}
	if s.all {
		endpoints = api
	}
	var runs atomic.Int64
	f.handler = handler.New(environ, &f.log, handler.Options{
		API: api, Endpoints: endpoints,
		Clock:    clock.Clock{Now: f.Clock().Now, Sleep: f.Clock().Sleep, After: f.Clock().After, Emulated: true},
		NewRunID: func() string { return fmt.Sprintf("run-%d", runs.Add(1)) },
	})
	return f
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is what the function said.
type answer struct {
	status int
	header http.Header
	body   string
}

// controlSecret is the function's in these tests.
const controlSecret = "the-control-secret-of-these-tests"

// uncontrolled is the header of a caller that sends no control secret.
var uncontrolled = []string{handler.ControlHeader, ""}

// send makes a request of the function, with the control secret unless header,
// pairs of name and value, has another.
func (f *function) send(ctx context.Context, method, target, body string, header ...string) answer {
	return f.sendBody(ctx, method, target, strings.NewReader(body), header...)
}

func (f *function) sendBody(ctx context.Context, method, target string, body io.Reader, header ...string) answer {
	r := httptest.NewRequestWithContext(ctx, method, target, body)
	r.Header.Set(handler.ControlHeader, controlSecret)
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// run does a run that must succeed.
func (f *function) run(t *testing.T, body string) report.Report {
	t.Helper()
	a := f.send(t.Context(), http.MethodPost, "/", body)
	if a.status != http.StatusOK {
		t.Fatalf("a run with body %q: status %d, want 200:\n%s", body, a.status, a.body)
	}
	return a.report(t)
}

// report decodes a report and fails the test if it has a field that the type
// has not.
func (a answer) report(t *testing.T) report.Report {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	var r report.Report
	if err := d.Decode(&r); err != nil {
		t.Fatalf("the body is not a report: %v\n%s", err, a.body)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("there is more than a report in the body:\n%s", a.body)
	}
	return r
}

// apiCalls are the calls of the API so far, METHOD and path; writes are those
// that are no GET.
func (f *function) apiCalls() (all, writes []string) {
	for _, r := range f.History() {
		if r.Host != "api.scaleway.com" {
			continue
		}
		all = append(all, r.Method+" "+r.Path)
		if r.Method != http.MethodGet {
			writes = append(writes, r.Method+" "+r.Path)
		}
	}
	return all, writes
}

// line is one line of the log.
type line map[string]any

// lines decodes the log and fails the test unless it is one JSON object a line.
func (f *function) lines(t *testing.T) []line {
	t.Helper()
	var lines []line
	text := f.log.String()
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Errorf("the log's last line has no end:\n%s", text)
	}
	for raw := range strings.Lines(text) {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil || l == nil {
			t.Errorf("the log's line is not a JSON object: %v\n%s", err, raw)
		}
		lines = append(lines, l)
	}
	return lines
}

// having returns the lines with this message.
func having(lines []line, message string) (out []line) {
	for _, l := range lines {
		if l["msg"] == message {
			out = append(out, l)
		}
	}
	return out
}

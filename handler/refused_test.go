package handler_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
)

func TestWrongRequestIsRefusedWithTheMessage(t *testing.T) {
	t.Parallel()
	for name, row := range refusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			want := row.answer(t, false)
			got := row.send(t, f, "Accept", "application/json")
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			all, writes := f.apiCalls()
			if len(writes) > 0 {
				t.Errorf("it changed things: %v", writes)
			}
			if row.reads != (len(all) > 0) {
				t.Errorf("API calls made: %d; it takes some to know: %t", len(all), row.reads)
			}
			if !row.reads && len(f.History()) > 0 {
				t.Errorf("it asked endpoints: %v", f.History())
			}
			if len(got.body) > 2000 {
				t.Errorf("the answer is %d bytes long", len(got.body))
			}
			lines := having(f.lines(t), "request refused")
			if len(lines) != 1 || lines[0]["run_id"] != "run-1" || lines[0]["status"] != float64(want.status) {
				t.Errorf("the log says %v, want one line of run-1 with the status", lines)
			}
			if strings.Contains(f.log.String()+got.body, "11111111-1111") {
				t.Errorf("a secret key that was pasted got out:\n%s\n%s", got.body, f.log.String())
			}
			if strings.Contains(f.log.String()+got.body, "a secret of the connection") {
				t.Errorf("what the connection said got out:\n%s", f.log.String())
			}
		})
	}
}

func TestWrongRequestIsRefusedAsTextToo(t *testing.T) {
	t.Parallel()
	for name, row := range refusals() {
		if row.target != "" || row.reader != nil {
			continue // the format is what is wrong, or the body can be read once only
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := row.answer(t, true)
			got := row.send(t, start(t, surroundings{}), "Accept", "text/plain")
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongRequestIsRefusedAsAPageToo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a form", "a field twice", "a field with a line's end", "a secret key", "an application that is not there", "PUT"} {
		row := refusals()[name]
		want := row.answer(t, true)
		want.header.Set("Content-Type", "text/html; charset=utf-8")
		want.header.Set("Content-Security-Policy", report.ContentSecurityPolicy())
		want.header.Set("X-Content-Type-Options", "nosniff")
		got := row.send(t, start(t, surroundings{}), "Accept", "text/html")
		if diff := cmp.Diff(want.header, got.header); diff != "" || want.status != got.status {
			t.Errorf("%s: status %d, want %d; headers (-want +got):\n%s", name, got.status, want.status, diff)
		}
		if text := html.UnescapeString(got.body); !strings.Contains(text, ">"+row.text+"<") || !strings.Contains(text, row.hint) {
			t.Errorf("%s: the page does not say %s:\n%s", name, row.text, text)
		}
	}
}

func (r refusal) send(t *testing.T, f *function, header ...string) answer {
	t.Helper()
	verb, target, sent := r.method, r.target, r.reader
	if verb == "" {
		verb = http.MethodPost
	}
	if target == "" {
		target = "/"
	}
	if sent == nil {
		sent = strings.NewReader(r.body)
	}
	return f.sendBody(t.Context(), verb, target, sent, header...)
}

// answer is what a row's request must be answered with.
func (r refusal) answer(t *testing.T, text bool) answer {
	t.Helper()
	a := answer{status: r.status, header: http.Header{"Cache-Control": {"no-store"}}}
	if a.status == 0 {
		a.status = http.StatusBadRequest
	}
	if r.allow != "" {
		a.header.Set("Allow", r.allow)
	}
	if text {
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
		a.body = "✗ " + r.text + "\n"
		if r.hint != "" {
			a.body += "  → " + r.hint + "\n"
		}
		return a
	}
	a.header.Set("Content-Type", "application/json")
	a.body = "{\n  \"error\": " + asJSON(t, r.text) + ",\n  \"hint\": " + asJSON(t, r.hint) + "\n}\n"
	return a
}

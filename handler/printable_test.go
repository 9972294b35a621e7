package handler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// What a terminal obeys, what ends a line, what turns the order of the text, and
// what a C1 terminal takes for an escape.
const hostile = "\n✓ SUCCESS \x1b[31mred\x07\r\u202eecalp yna\u202c \u2066x\u2069 \u0085\u009b31m\u200b\u2028\ufeff"

// spoiled appends hostile text to the fields of every answer of the API that
// people, or the API, write as they like. Fields that name a secret's
// application, or are marks of ours, would only hide the rest.
func spoiled(fields ...string) func(http.RoundTripper) http.RoundTripper {
	var spoil func(v any) any
	spoil = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = spoil(v[i])
			}
		case map[string]any:
			for key, inner := range v {
				text, ok := inner.(string)
				switch {
				case ok && slices.Contains(fields, key):
					v[key] = text + hostile
				case !ok:
					v[key] = spoil(inner)
				}
			}
		}
		return v
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			written := r.Method != http.MethodGet && resp != nil && resp.StatusCode < 400
			if err != nil || r.URL.Host != "api.scaleway.com" || strings.HasPrefix(r.URL.Path, "/secret-manager") || written {
				return resp, err
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				return nil, err
			}
			var v any
			if json.Unmarshal(text, &v) == nil {
				if text, err = json.Marshal(spoil(v)); err != nil {
					return nil, err
				}
			}
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
			resp.Header.Del("Content-Length")
			return resp, nil
		})
	}
}

// unprintable finds what a terminal must not get.
func unprintable(text string) (at string, found bool) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		return fmt.Sprintf("%q", text[max(0, i-40):min(len(text), i+20)]), true
	}
	return "", false
}

// leaves finds every text in a JSON value that would not do on one line.
func leaves(v any, path string, bad func(path, text string)) {
	switch v := v.(type) {
	case string:
		if _, found := unprintable(v); (found || strings.Contains(v, "\n")) && !strings.HasSuffix(path, ".stack") {
			bad(path, v)
		}
	case []any:
		for _, inner := range v {
			leaves(inner, path+"[]", bad)
		}
	case map[string]any:
		for key, inner := range v {
			leaves(key, path+" key", bad)
			leaves(inner, path+"."+key, bad)
		}
	}
}

// No name, description or error of Scaleway's reaches a terminal with what it
// would obey: in the report as text and as JSON, and in the log.
func TestLongNothingUnprintableComesOut(t *testing.T) {
	t.Parallel()
	faults := map[string]emulator.Fault{
		"":                 {},
		" an error's":      {Path: "/functions/v1beta1/regions/nl-ams/namespaces", Times: -1, Status: http.StatusForbidden, Body: `{"type":"permissions_denied","message":"no","details":[]}`},
		" a refused write": {Method: http.MethodPost, Path: "/iam/v1alpha1/api-keys", Times: -1, Status: http.StatusBadRequest, Body: `{"type":"invalid_request_error","message":"no"}`},
	}
	for name, fields := range map[string][]string{
		"names":             {"name", "username", "email", "message", "help_message", "reason", "argument_name"},
		"names of settings": {"name", "key"},
		"descriptions":      {"description", "error_message", "message", "status"},
		"of everything":     {"name", "username", "description", "error_message", "message", "key", "condition", "domain_name", "hostname", "url", "public_endpoint", "registry_endpoint", "runtime", "privacy"},
	} {
		for kind, fault := range faults {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				t.Run(name+kind+" "+method, func(t *testing.T) {
					t.Parallel()
					for _, format := range []string{"text", "json", "html"} {
						f := start(t, surroundings{api: spoiled(fields...), environ: []string{"ROTATOR_LOG_LEVEL=debug"}})
						if kind != "" {
							f.Arm(fault)
						}
						a := f.send(t.Context(), method, "/?format="+format, "")
						f.printable(t, a.body, format)
					}
				})
			}
		}
	}
}

// printable checks an answer and the log.
func (f *function) printable(t *testing.T, body, format string) {
	t.Helper()
	if at, found := unprintable(body); found {
		t.Errorf("the report has at %s", at)
	}
	if !strings.Contains(body, "�") {
		t.Errorf("nothing hostile was in it:\n%s", body)
	}
	bad := func(path, text string) { t.Errorf("%s is %q", path, text) }
	if format == "json" {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		leaves(v, "report", bad)
	} else if _, rest, _ := strings.Cut(body, "\n"); strings.Contains("\n"+rest, "\n✓ SUCCESS") {
		t.Errorf("a line is forged:\n%s", body)
	}
	for line := range strings.Lines(f.log.String()) {
		if at, found := unprintable(line); found {
			t.Errorf("the log has at %s", at)
		}
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		leaves(v, "log", bad)
	}
}

// What a request says comes back in an error, and goes to the log.
func TestNothingUnprintableOfARequestComesOut(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"an application": `{"applications": [` + string(quoted) + `]}`,
		"a step":         `{"steps": [` + string(quoted) + `]}`,
		"a key":          `{"revoke": [` + string(quoted) + `]}`,
		"a rollback":     `{"rollback": [` + string(quoted) + `]}`,
		"a field":        `{` + string(quoted) + `: 1}`,
		"no JSON":        hostile,
	} {
		for _, format := range []string{"text", "json", "html"} {
			f := start(t, surroundings{})
			a := f.send(t.Context(), http.MethodPost, "/?format="+format, body, "X-Request-Id", "a\u202eb\u009b")
			if a.status < 400 {
				t.Errorf("%s: status %d", name, a.status)
			}
			if at, found := unprintable(a.body + f.log.String()); found {
				t.Errorf("%s: it says %s", name, at)
			}
			for line := range strings.Lines(f.log.String()) {
				var v any
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Fatal(err)
				}
				leaves(v, "log", func(path, text string) { t.Errorf("%s: %s is %q", name, path, text) })
			}
		}
	}
}

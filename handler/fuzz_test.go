package handler_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/run"
)

// FuzzDecode gives decode any body. It must not panic. What it accepts is
// empty, or a JSON object of known fields, each given once; it asks for nothing
// that a run cannot do; and written anew, it is the same request.
func FuzzDecode(f *testing.F) {
	for _, row := range refusals() {
		f.Add([]byte(row.body))
	}
	for _, seed := range []string{
		"", " \n", "{}", `{"dry_run": true}`, `{"force": false}`, `{"steps": ["purge", "check"]}`,
		`{"applications": ["checkout", "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f104"], "dry_run": false, "force": true, "steps": ["rotate"]}`,
		`{"revoke": ["SCWZZZZZZZZZZZZZZZZZ"], "dry_run": true}`, `{"rollback": ["checkout", "storefront"]}`,
		`{"revoke": ["SCWZZZZZZZZZZZZZZZZZ"], "now": true}`,
		`{"revoke": ["11111111-1111-4111-8111-111111111111"]}`, `{"rollback": ["checkout"], "force": true}`,
		`{"applications": ["\ud800", "é", "<&>"]}`, `{"dry_run": true, "dry\u005frun": true}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := handler.Decode(body)
		if err != nil {
			if diff := cmp.Diff(run.Request{}, req); diff != "" {
				t.Errorf("refused, but it comes with a request:\n%s", diff)
			}
			if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("the message is not a line: %q", err)
			}
			return
		}
		if len(strings.TrimSpace(string(body))) > 0 {
			knownFields(t, body, req)
		}
		for _, step := range req.Steps {
			if !slices.Contains(run.Steps(), step) {
				t.Errorf("accepted the step %q", step)
			}
		}
		for _, key := range req.Revoke {
			if !regexp.MustCompile(`^SCW[A-Z0-9]{17}$`).MatchString(key) {
				t.Errorf("accepted the access key %q", key)
			}
		}
		if n := len(req.Revoke) + len(req.Rollback); n > 0 && (len(req.Revoke) > 0 && len(req.Rollback) > 0 || req.Force || req.Steps != nil || req.Applications != nil) {
			t.Errorf("accepted together: %+v", req)
		}
		for what, list := range lists(req) {
			if slices.Contains(list, "") || len(list) != len(slices.Compact(slices.Sorted(slices.Values(list)))) {
				t.Errorf("accepted %s without a name, or twice: %q", what, list)
			}
		}
		again, err := handler.Decode(encode(t, req))
		if err != nil {
			t.Fatalf("accepted, but not when written anew as %s: %v", encode(t, req), err)
		}
		if diff := cmp.Diff(req, again); diff != "" {
			t.Errorf("written anew, it is another request (-first +second):\n%s", diff)
		}
	})
}

// lists are the fields that hold a list of names.
func lists(req run.Request) map[string][]string {
	return map[string][]string{"steps": req.Steps, "applications": req.Applications, "revoke": req.Revoke, "rollback": req.Rollback}
}

// knownFields checks that an accepted body is an object that has no field but
// the seven, and that what it says of them is what was understood.
func knownFields(t *testing.T, body []byte, req run.Request) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		t.Fatalf("accepted what is not an object: %q", body)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains([]string{"dry_run", "force", "steps", "applications", "revoke", "now", "rollback"}, name) {
			t.Errorf("accepted the unknown field %q", name)
		}
	}
	for name, understood := range map[string]bool{"dry_run": req.DryRun, "force": req.Force, "now": req.Now} {
		if said, _ := object[name].(bool); said != understood {
			t.Errorf("%s is %v in the body, understood as %t", name, object[name], understood)
		}
	}
	for name, understood := range lists(req) {
		said, _ := object[name].([]any)
		if len(said) != len(understood) {
			t.Errorf("%s is %v in the body, understood as %q", name, object[name], understood)
		}
	}
}

// encode writes a request as a caller would.
func encode(t *testing.T, req run.Request) []byte {
	t.Helper()
	object := map[string]any{"dry_run": req.DryRun}
	if req.Force {
		object["force"] = true
	}
	if req.Now {
		object["now"] = true
	}
	for name, list := range lists(req) {
		if list != nil {
			object[name] = list
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

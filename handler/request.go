package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/scaleway/scaleway-sdk-go/validation"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
)

// fields are those of a request's body, each with its decoder. A decoder says
// what it wants where the value is not that.
var fields = map[string]func(*run.Request, json.RawMessage) (want string, ok bool){ //nolint:gochecknoglobals // a table, never changed
	"dry_run": func(r *run.Request, v json.RawMessage) (string, bool) { return flag(v, &r.DryRun) },
	"force":   func(r *run.Request, v json.RawMessage) (string, bool) { return flag(v, &r.Force) },
	"steps": func(r *run.Request, v json.RawMessage) (string, bool) {
		return names(v, &r.Steps, "a list of steps, each once ("+strings.Join(run.Steps(), ", ")+")", run.Steps())
	},
	"revoke": func(r *run.Request, v json.RawMessage) (string, bool) {
		const want = "a list of access keys (SCW and 17 capitals or digits), each once; never a secret key"
		_, ok := names(v, &r.Revoke, want, nil)
		return want, ok && !slices.ContainsFunc(r.Revoke, func(key string) bool { return !validation.IsAccessKey(key) })
	},
	"now": func(r *run.Request, v json.RawMessage) (string, bool) { return flag(v, &r.Now) },
	"rollback": func(r *run.Request, v json.RawMessage) (string, bool) {
		return names(v, &r.Rollback, "a list of application IDs or names, each once", nil)
	},
	"applications": func(r *run.Request, v json.RawMessage) (string, bool) {
		return names(v, &r.Applications, "a list of application IDs or names, each once", nil)
	},
}

// shown is a field's value as a message may show it. What was given to be
// revoked may be a secret key, pasted in place of its access key.
func shown(name string, value json.RawMessage) string {
	if name == "revoke" {
		return "the value (not shown)"
	}
	return printable.Unkeyed(report.Line(string(value)))
}

// request reads what a run is asked to do. A GET is safe: always a dry run.
func request(r *http.Request) (run.Request, error) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return run.Request{}, &failure{http.StatusNotFound, "there is nothing at " + quote(r.URL.Path) + "; want /", "nothing was changed"}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return run.Request{}, &failure{http.StatusMethodNotAllowed, "method " + quote(r.Method) + " is not served; want POST, or GET for a dry run", ""}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, bodyMax))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return run.Request{}, err
	case err != nil:
		return run.Request{}, bad("the body could not be read to its end")
	}
	if r.Method == http.MethodGet {
		if len(bytes.TrimSpace(body)) > 0 {
			return run.Request{}, bad("a GET is a dry run, and takes no body; send it with POST")
		}
		return run.Request{DryRun: true}, nil
	}
	return decode(body)
}

// decode reads a body: empty, or one JSON object of the fields above.
func decode(body []byte) (run.Request, error) {
	var req run.Request
	if len(bytes.TrimSpace(body)) == 0 {
		return req, nil
	}
	if !utf8.Valid(body) {
		return run.Request{}, bad("the body is not UTF-8")
	}
	given, object, ok := members(body)
	if !ok {
		return run.Request{}, bad("the body is not a JSON object; want something like {\"dry_run\": true}, or nothing")
	}
	slices.Sort(given)
	for i, name := range given {
		take, known := fields[name]
		if i > 0 && given[i-1] == name {
			return run.Request{}, bad("%s: is given twice; give it once", quote(name))
		}
		if !known {
			return run.Request{}, bad("%s: no such field; want dry_run, steps, applications, force, revoke, now or rollback", quote(name))
		}
		if want, ok := take(&req, object[name]); !ok {
			return run.Request{}, bad("%s: %s is not right; want %s", name, shown(name, object[name]), want)
		}
	}
	for _, name := range []string{"revoke", "rollback"} {
		for _, other := range given {
			if _, urgent := object[name]; urgent && other != name && other != "dry_run" && (other != "now" || name != "revoke") {
				return run.Request{}, bad("%s: cannot be asked for together with %s; want it alone, or with dry_run", name, other)
			}
		}
	}
	if len(req.Applications) > 0 && slices.Contains(req.Steps, run.StepPurge) {
		return run.Request{}, bad("steps: purge cannot be narrowed to applications: legacy tokens are everybody's; ask for one of the two")
	}
	if _, given := object["now"]; given && len(req.Revoke) == 0 {
		return run.Request{}, bad("now: belongs to revoke; want {\"revoke\": [\"SCW…\"], \"now\": true}")
	}
	return req, nil
}

// members reads a JSON object. A name that stands there twice is in names
// twice, which a map would not tell.
func members(body []byte) (names []string, values map[string]json.RawMessage, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, _ := d.Token(); open != json.Delim('{') || !json.Valid(body) {
		return nil, nil, false
	}
	values = map[string]json.RawMessage{}
	for d.More() { // valid, so nothing below fails
		token, _ := d.Token()
		name, _ := token.(string)
		var value json.RawMessage
		_ = d.Decode(&value)
		names, values[name] = append(names, name), value
	}
	return names, values, true
}

func bad(format string, args ...any) error {
	return &failure{http.StatusBadRequest, fmt.Sprintf(format, args...), "nothing was changed"}
}

func flag(v json.RawMessage, into *bool) (want string, ok bool) {
	switch string(v) {
	case "true", "false":
		*into = string(v) == "true"
		return "", true
	}
	return "true or false", false
}

// names reads a list of strings that is not empty; allowed nil allows all.
func names(v json.RawMessage, into *[]string, want string, allowed []string) (string, bool) {
	var list []*string
	if json.Unmarshal(v, &list) != nil || len(list) == 0 {
		return want, false
	}
	for _, item := range list {
		if item == nil || *item == "" || slices.Contains(*into, *item) || (allowed != nil && !slices.Contains(allowed, *item)) {
			return want, false
		}
		*into = append(*into, *item)
	}
	return "", true
}

// quote makes text from outside fit for a sentence.
func quote(text string) string { return strconv.Quote(printable.Unkeyed(report.Line(text))) }

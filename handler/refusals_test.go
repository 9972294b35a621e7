package handler_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing/iotest"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// refusal is a request that is refused, and the answer.
type refusal struct {
	method string // "": POST
	target string // "": /
	body   string
	reader io.Reader // in place of body
	status int       // 0: 400
	text   string
	hint   string
	allow  string
	reads  bool // it takes reading the API to know
}

// body is a body that is refused without a look at anything else.
func body(body, text string) refusal {
	return refusal{body: body, text: text, hint: "nothing was changed"}
}

func field(name, value, want string) refusal {
	return body(fmt.Sprintf(`{%q: %s}`, name, value), fmt.Sprintf("%s: %s is not right; want %s", name, value, want))
}

func method(name string) refusal {
	return refusal{
		method: name, status: http.StatusMethodNotAllowed, allow: "GET, POST",
		text: fmt.Sprintf("method %q is not served; want POST, or GET for a dry run", name),
	}
}

func format(method, name string) refusal {
	return refusal{method: method, target: "/?format=" + name, text: fmt.Sprintf("format: %q is not a format; want json, text or html", name)}
}

func application(name string) refusal {
	return refusal{
		body: fmt.Sprintf(`{"applications": [%q]}`, name), reads: true, hint: "nothing was changed",
		text: fmt.Sprintf("applications: %q is not an application in scope: want the ID or the name of one that the report of a dry run lists", name),
	}
}

const (
	notAnObject  = `the body is not a JSON object; want something like {"dry_run": true}, or nothing`
	aFlag        = "true or false"
	aList        = "a list of steps, each once (rotate, deliver, check, purge, retire, own_key)"
	applications = "a list of application IDs or names, each once"
	aKey         = "SCWZZZZZZZZZZZZZZZZZ" // that nobody has
)

// revoke is a wrong value of that field: it may be a secret key, and is not shown.
func revoke(value string) refusal {
	return body(fmt.Sprintf(`{"revoke": %s}`, value),
		"revoke: the value (not shown) is not right; want a list of access keys (SCW and 17 capitals or digits), each once; never a secret key")
}

func together(name, other, value string) refusal {
	urgent := `["checkout"]`
	if name == "revoke" {
		urgent = `["` + aKey + `"]`
	}
	return body(fmt.Sprintf(`{%q: %s, %q: %s}`, name, urgent, other, value),
		fmt.Sprintf("%s: cannot be asked for together with %s; want it alone, or with dry_run", name, other))
}

// endlessName is beyond the length of a line: what is said of it is not.
var endlessName = strings.Repeat("x", 20_000)

// refusals is the corpus of wrong requests.
func refusals() map[string]refusal {
	return map[string]refusal{
		"a form":                         body("dry_run=true", notAnObject),
		"an object cut off":              body(`{"dry_run": true`, notAnObject),
		"an array":                       body(`[]`, notAnObject),
		"an array of objects":            body(`[{"dry_run": true}]`, notAnObject),
		"null":                           body(`null`, notAnObject),
		"a string":                       body(`"dry_run"`, notAnObject),
		"a number":                       body(`1`, notAnObject),
		"true":                           body(`true`, notAnObject),
		"an unknown parameter":           {target: "/?dry_run=true", hint: "nothing was changed", text: `"dry_run": no such parameter, or given twice; want ?format=json, text or html, ?full=1, or none; what a run is to do stands in its body`},
		"a parameter twice":              {target: "/?format=json&format=text", hint: "nothing was changed", text: `"format": no such parameter, or given twice; want ?format=json, text or html, ?full=1, or none; what a run is to do stands in its body`},
		"full, and not a number":         {target: "/?full=yes", hint: "nothing was changed", text: `full: "yes" is not right; want 1, or 0`},
		"a query that is none":           {target: "/?format=%zz", hint: "nothing was changed", text: "the query of the address cannot be read; want ?format=json, text or html, ?full=1, or none"},
		"another path":                   {target: "/dry_run", status: http.StatusNotFound, hint: "nothing was changed", text: `there is nothing at "/dry_run"; want /`},
		"another path with a body":       {target: "/run", body: `{"dry_run": true}`, status: http.StatusNotFound, hint: "nothing was changed", text: `there is nothing at "/run"; want /`},
		"a GET with a body":              {method: http.MethodGet, body: `{"dry_run": false}`, hint: "nothing was changed", text: "a GET is a dry run, and takes no body; send it with POST"},
		"a secret as an application":     {body: `{"applications": ["11111111-1111-4111-8111-111111111111"]}`, reads: true, hint: "nothing was changed", text: `applications: "(a UUID, not shown)" is not an application in scope: want the ID or the name of one that the report of a dry run lists`},
		"a secret as a rollback":         {body: `{"rollback": ["11111111-1111-4111-8111-111111111111"]}`, reads: true, hint: "nothing was changed", text: `rollback: "(a UUID, not shown)" is not an application in scope: want the ID or the name of one that the report of a dry run lists`},
		"a secret as a field":            body(`{"11111111-1111-4111-8111-111111111111": 1}`, `"(a UUID, not shown)": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a secret as a step":             body(`{"steps": ["11111111-1111-4111-8111-111111111111"]}`, `steps: ["(a UUID, not shown)"] is not right; want `+aList),
		"two objects":                    body(`{"dry_run": true} {"force": true}`, notAnObject),
		"an object and more":             body(`{"dry_run": true}, "force": true`, notAnObject),
		"a comma too many":               body(`{"dry_run": true,}`, notAnObject),
		"a comment":                      body("{\"dry_run\": true} // only look", notAnObject),
		"single quotes":                  body(`{'dry_run': true}`, notAnObject),
		"a name without quotes":          body(`{dry_run: true}`, notAnObject),
		"a byte order mark":              body("\ufeff{}", notAnObject),
		"a literal in capitals":          body(`{"dry_run": True}`, notAnObject),
		"a NUL":                          body("\x00", notAnObject),
		"nested beyond reason":           body(strings.Repeat("[", 20000), notAnObject),
		"not UTF-8":                      body("{\"applications\": [\"\xff\"]}", "the body is not UTF-8"),
		"UTF-16":                         body("\xff\xfe{\x00}\x00", "the body is not UTF-8"),
		"a field twice":                  body(`{"dry_run": true, "dry_run": false}`, `"dry_run": is given twice; give it once`),
		"a field twice, once escaped":    body(`{"force": true, "\u0066orce": false}`, `"force": is given twice; give it once`),
		"an unknown field twice":         body(`{"x": 1, "x": 2}`, `"x": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"an unknown field":               body(`{"dryrun": true}`, `"dryrun": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a field in capitals":            body(`{"Dry_Run": true}`, `"Dry_Run": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a field without a name":         body(`{"": true}`, `"": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"an unknown field beside others": body(`{"dry_run": true, "steps": ["check"], "wait": 1}`, `"wait": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a field with a line's end":      body(`{"a\nb": 1}`, `"a b": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a field beyond a line's length": body(`{"`+endlessName+`": 1}`, `"`+report.Line(endlessName)+`": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"a value beyond a line's length": body(`{"force": "`+endlessName+`"}`, "force: "+report.Line(`"`+endlessName+`"`)+" is not right; want true or false"),

		"dry_run a string":         field("dry_run", `"true"`, aFlag),
		"dry_run a number":         field("dry_run", `1`, aFlag),
		"dry_run null":             field("dry_run", `null`, aFlag),
		"dry_run a list":           field("dry_run", `[true]`, aFlag),
		"force a string":           field("force", `"no"`, aFlag),
		"force null":               field("force", `null`, aFlag),
		"force an object":          field("force", `{"keys": true}`, aFlag),
		"steps a string":           field("steps", `"check"`, aList),
		"steps an object":          field("steps", `{"check": true}`, aList),
		"steps null":               field("steps", `null`, aList),
		"steps empty":              field("steps", `[]`, aList),
		"a step that is a number":  field("steps", `["check", 2]`, aList),
		"a step that is null":      field("steps", `["check", null]`, aList),
		"a step that is a list":    field("steps", `[["check"]]`, aList),
		"a step without a name":    field("steps", `[""]`, aList),
		"an unknown step":          field("steps", `["check", "delete"]`, aList),
		"a step in capitals":       field("steps", `["Check"]`, aList),
		"a step twice":             field("steps", `["check", "purge", "check"]`, aList),
		"a step not to be named":   field("steps", `["discover"]`, aList),
		"applications a string":    field("applications", `"checkout"`, applications),
		"applications true":        field("applications", `true`, applications),
		"applications null":        field("applications", `null`, applications),
		"applications empty":       field("applications", `[]`, applications),
		"an application a number":  field("applications", `[7]`, applications),
		"an application null":      field("applications", `[null]`, applications),
		"an application no name":   field("applications", `["checkout", ""]`, applications),
		"an application twice":     field("applications", `["checkout", "checkout"]`, applications),
		"an application an object": field("applications", `[{"name": "checkout"}]`, applications),

		"revoke a string":               revoke(`"` + aKey + `"`),
		"revoke true":                   revoke(`true`),
		"revoke null":                   revoke(`null`),
		"revoke empty":                  revoke(`[]`),
		"revoke an object":              revoke(`{"key": "` + aKey + `"}`),
		"a key that is a number":        revoke(`[7]`),
		"a key that is null":            revoke(`["` + aKey + `", null]`),
		"a key without a name":          revoke(`[""]`),
		"a key twice":                   revoke(`["` + aKey + `", "` + aKey + `"]`),
		"a secret key":                  revoke(`["11111111-1111-4111-8111-111111111111"]`),
		"a secret key beside a key":     revoke(`["` + aKey + `", "11111111-1111-4111-8111-111111111111"]`),
		"a key and its secret in one":   revoke(`["` + aKey + `:11111111-1111-4111-8111-111111111111"]`),
		"a key in lower case":           revoke(`["scwzzzzzzzzzzzzzzzzz"]`),
		"a key too short":               revoke(`["SCWZZZZ"]`),
		"a key too long":                revoke(`["` + aKey + `Z"]`),
		"a key with a line's end":       revoke(`["` + aKey + `\n"]`),
		"a key that is an application":  revoke(`["checkout"]`),
		"rollback a string":             field("rollback", `"checkout"`, applications),
		"rollback true":                 field("rollback", `true`, applications),
		"rollback null":                 field("rollback", `null`, applications),
		"rollback empty":                field("rollback", `[]`, applications),
		"rollback of a number":          field("rollback", `[7]`, applications),
		"rollback twice":                field("rollback", `["checkout", "checkout"]`, applications),
		"revoke and rollback":           together("revoke", "rollback", `["checkout"]`),
		"revoke and force":              together("revoke", "force", `true`),
		"revoke and no force":           together("revoke", "force", `false`),
		"revoke and steps":              together("revoke", "steps", `["rotate"]`),
		"revoke and applications":       together("revoke", "applications", `["checkout"]`),
		"rollback and force":            together("rollback", "force", `true`),
		"rollback and steps":            together("rollback", "steps", `["deliver"]`),
		"rollback and applications":     together("rollback", "applications", `["checkout"]`),
		"purge for one application":     body(`{"applications": ["checkout"], "steps": ["rotate", "purge"]}`, "steps: purge cannot be narrowed to applications: legacy tokens are everybody's; ask for one of the two"),
		"rollback beside a wrong field": body(`{"rollback": ["checkout"], "wait": true}`, `"wait": no such field; want dry_run, steps, applications, force, revoke, now or rollback`),
		"now without revoke":            body(`{"now": true}`, `now: belongs to revoke; want {"revoke": ["SCW…"], "now": true}`),
		"now beside rollback":           body(`{"rollback": ["checkout"], "now": true}`, `rollback: cannot be asked for together with now; want it alone, or with dry_run`),
		"a key that nobody has": {
			body: `{"revoke": ["` + aKey + `"]}`, reads: true, hint: "nothing was changed",
			text: "revoke: " + aKey + " is not a key of an application in scope: want one that the report of a dry run lists",
		},
		"a key that nobody has, on a dry run": {
			body: `{"revoke": ["` + aKey + `"], "dry_run": true}`, reads: true, hint: "nothing was changed",
			text: "revoke: " + aKey + " is not a key of an application in scope: want one that the report of a dry run lists",
		},
		"a rollback of nothing": {
			body: `{"rollback": ["invoicing"]}`, reads: true, hint: "nothing was changed",
			text: `rollback: "invoicing" is not an application in scope: want the ID or the name of one that the report of a dry run lists`,
		},
		"a rollback to nothing": {
			body: `{"rollback": ["storefront"]}`, reads: true, hint: "nothing was changed",
			text: "rollback: application storefront cannot go back: no key is published",
		},
		"a rollback of the function's own key": {
			body: `{"rollback": ["rotator"]}`, reads: true, hint: "nothing was changed",
			text: "rollback: rotator is the function's own application: it cannot go back from the key that it may run on",
		},

		"an application that is not there":   application("checkuot"),
		"an application of another project":  application("invoicing"),
		"an application of two projects":     application("partner-gateway"),
		"an application managed by Scaleway": application("scaleway-scheduler"),
		"an application that is not, on a dry run": {
			body: `{"dry_run": true, "applications": ["checkout", "nobody"]}`, reads: true, hint: "nothing was changed",
			text: `applications: "nobody" is not an application in scope: want the ID or the name of one that the report of a dry run lists`,
		},

		"a byte more than 64 KiB": {
			body: `{"dry_run": true` + strings.Repeat(" ", 64<<10-16) + `}`, status: http.StatusRequestEntityTooLarge,
			text: "the body is larger than 64 KiB", hint: "send an empty body or a JSON object",
		},
		"spaces without end": {
			reader: endless{}, status: http.StatusRequestEntityTooLarge,
			text: "the body is larger than 64 KiB", hint: "send an empty body or a JSON object",
		},
		"a body that breaks off": {
			reader: io.MultiReader(strings.NewReader(`{}`), iotest.ErrReader(errors.New("a secret of the connection"))),
			text:   "the body could not be read to its end", hint: "nothing was changed",
		},

		"PUT":                method(http.MethodPut),
		"PATCH":              method(http.MethodPatch),
		"DELETE":             method(http.MethodDelete),
		"HEAD":               method(http.MethodHead),
		"OPTIONS":            method(http.MethodOptions),
		"TRACE":              method(http.MethodTrace),
		"post in lower case": method("post"),
		"an unknown format":  format(http.MethodPost, "yaml"),
		"and on a dry run":   format(http.MethodGet, "xhtml"),
		"text in capitals":   format(http.MethodPost, "TEXT"),
		"format goes first":  {method: http.MethodPut, target: "/?format=xml", text: `format: "xml" is not a format; want json, text or html`},
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

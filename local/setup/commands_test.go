package setup_test

import (
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// Who types the commands has what setup makes: they are played here as scw would,
// by the routes that its verbs stand for, and as the shell would.
func TestTheCommandsDoWhatSetupDoes(t *testing.T) {
	t.Parallel()
	r := enter(t)
	r.put("# mine\nexport SCW_DEFAULT_PROJECT_ID=\nROTATOR_GRACE=3d\n", 0o644)
	r.typed(false)
	r.complete()
	if text := r.text(); !strings.HasPrefix(text, "# mine\nROTATOR_GRACE=3d\n") {
		t.Error(".env lost a line that was there")
	}
	policies := r.MustCall("GET", emulatortest.PoliciesPath+"?page_size=100", nil)
	for i, name := range emulatortest.Column(policies, "policies", "name") {
		if id := emulatortest.Column(policies, "policies", "id")[i]; strings.HasPrefix(name, "key-rotator") {
			r.MustCall("PATCH", emulatortest.PoliciesPath+"/"+id, emulatortest.Object{"no_principal": true})
			r.MustCall("PUT", emulatortest.RulesPath, emulatortest.Object{"policy_id": id, "rules": []any{}})
		}
	}
	r.typed(false)
	r.complete()
	r.typed(true)
	if left := r.column(emulatortest.AppsPath, "applications"); strings.Contains(strings.Join(left, ""), "key-rotator") {
		t.Errorf("after --remove there is %v", left)
	}
	if done := r.set(true); len(done) > 0 || r.values()["ROTATOR_PROBE_APPLICATION"] != "" {
		t.Errorf("setup --remove still does %v", done)
	}
}

var (
	word   = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^ '"])+`)
	quoted = regexp.MustCompile(`'([^']*)'|"([^"]*)"`)
)

// typed plays the commands of a plan.
func (r *room) typed(removal bool) {
	r.t.Helper()
	f, steps, err := r.plan(r.t.Context(), removal)
	if err != nil {
		r.t.Fatal(err)
	}
	variables := map[string]string{}
	for _, command := range setup.Commands(f, steps, "prod") {
		variable, inner, assigns := strings.Cut(command, "=$(")
		if assigns && !strings.Contains(variable, " ") {
			command = strings.TrimSuffix(inner, ")")
		}
		for name, value := range variables {
			command = strings.ReplaceAll(command, "$"+name, value)
		}
		if !strings.HasPrefix(command, "scw ") {
			sh := exec.CommandContext(r.t.Context(), "sh", "-c", command)
			sh.Dir = r.o.Root
			if said, err := sh.CombinedOutput(); err != nil {
				r.t.Fatalf("%s: %v: %s", command, err, said)
			}
			continue
		}
		var words []string
		for _, w := range word.FindAllString(command, -1) {
			words = append(words, quoted.ReplaceAllString(w, "$1$2"))
		}
		answer := r.scw(words[1:])
		if assigns {
			variables[variable] = answer["id"].(string)
		}
	}
}

// scw plays one command.
func (r *room) scw(words []string) map[string]any {
	r.t.Helper()
	if diff := cmp.Diff([]string{"--profile", "prod", "iam"}, words[:3]); diff != "" {
		r.t.Fatal(diff)
	}
	verb, words := words[3]+" "+words[4], words[5:]
	id := ""
	if !strings.Contains(words[0], "=") {
		id, words = words[0], words[1:]
	}
	body := map[string]any{}
	for i, w := range words {
		if w == "-o" {
			if words[i+1] != "template={{ .ID }}" {
				r.t.Fatalf("it writes %q", words[i+1:])
			}
			break
		}
		name, value, _ := strings.Cut(w, "=")
		put(body, strings.Split(strings.ReplaceAll(name, "-", "_"), "."), value)
	}
	switch verb {
	case "application create":
		return r.MustCall(http.MethodPost, emulatortest.AppsPath, body)
	case "policy create":
		return r.MustCall(http.MethodPost, emulatortest.PoliciesPath, body)
	case "policy update":
		return r.MustCall(http.MethodPatch, emulatortest.PoliciesPath+"/"+id, body)
	case "rule update":
		body["policy_id"] = id
		return r.MustCall(http.MethodPut, emulatortest.RulesPath, body)
	case "policy delete":
		return r.MustCall(http.MethodDelete, emulatortest.PoliciesPath+"/"+id, nil)
	case "application delete":
		return r.MustCall(http.MethodDelete, emulatortest.AppsPath+"/"+id, nil)
	}
	r.t.Fatalf("scw iam has no %s", verb)
	return nil
}

// put sets rules.0.project_ids.0 and the like.
func put(at map[string]any, path []string, value string) {
	if len(path) == 1 {
		at[path[0]] = value
		return
	}
	list, _ := at[path[0]].([]any)
	i, _ := strconv.Atoi(path[1])
	for len(list) <= i {
		list = append(list, nil)
	}
	if len(path) == 2 {
		list[i] = value
	} else {
		fields, is := list[i].(map[string]any)
		if !is {
			fields = map[string]any{}
		}
		put(fields, path[2:], value)
		list[i] = fields
	}
	at[path[0]] = list
}

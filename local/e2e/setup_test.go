//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// organization is one that has never seen the rotator: a project with a function, a
// container and legacy tokens, and an application that calls them.
const organization = `{
  "projects": [{"name": "default"}, {"name": "demo", "age": "300d"}],
  "applications": [{
    "name": "caller", "age": "300d", "keys": [{"age": "40d", "project": "demo"}],
    "policies": [{"name": "callers", "rules": [{"permission_sets": ["FunctionsPrivateAccess", "ContainersPrivateAccess"], "projects": ["demo"]}]}]
  }],
  "serverless": [{
    "project": "demo",
    "function_namespaces": [{"name": "shop", "tokens": [{"description": "of all"}], "functions": [{"name": "api", "tokens": [{"description": "of one"}]}]}],
    "container_namespaces": [{"name": "backend", "containers": [{"name": "orders", "tokens": [{"description": "of orders"}]}]}]
  }]
}`

// sets are the permission sets that setup gives, each with what a run must have to do
// before it is needed.
var sets = []struct {
	name string
	due  string // a key to be made, one to be retired, or "": nothing
}{
	{"IAMReadOnly", ""},
	{"FunctionsFullAccess", ""},
	{"ContainersFullAccess", ""},
	{"SecretManagerReadOnly", ""},
	{"SecretManagerSecretAccess", ""},
	{"IAMApplicationManager", "make"},
	{"SecretManagerSecretCreate", "make"},
	{"SecretManagerSecretWrite", "retire"},
	{"SecretManagerSecretDelete", "retire"},
}

func TestFromNothingAndBack(t *testing.T) {
	t.Parallel()
	seed := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(seed, []byte(organization), 0o600); err != nil {
		t.Fatal(err)
	}
	s := enter(t, "--seed", seed)
	s.quiet = true
	s.folder(t.TempDir())
	before := s.principals()

	s.setup("done: make policy \"key-rotator demo\"", "--yes")
	for name, value := range s.dotEnv() {
		if strings.HasPrefix(name, "ROTATOR_") {
			s.rotator[name] = value
		}
	}
	s.rotator["ROTATOR_VERIFY_WINDOW"] = "1s" // not to wait for a minute
	s.secrets = append(s.secrets, s.rotator["ROTATOR_CONTROL_SECRET"])
	s.wants("make deploy", s.mustMake("", "deploy"), "deployed: scw-key-rotator/rotator, private")
	at := "https://" + s.function().Host
	s.well("after the deployment")

	s.wants("a run", s.mustMake("", "invoke", "--run"), "✓ SUCCESS", ": run ", "2 keys rotated", "endpoints checked")
	after := s.state()
	if tokens := after.tokens(); tokens > 0 || len(after.published()) != 2 {
		t.Errorf("after the run there are %d legacy tokens, and published %v", tokens, after.published())
	}
	s.callerKey = s.credential("caller")
	s.well("after the run")
	s.setup("✓ nothing to do")

	s.eachTakenAway(at)

	rules := s.rules()
	s.change(append(slices.Clone(rules), rule{Sets: []string{"BillingReadOnly"}, Organization: s.vars["SCW_DEFAULT_ORGANIZATION_ID"]}))
	said, _ := s.make("", "doctor")
	s.wants("doctor, of one set too much", said, "! policy key-rotator demo, rule 4 gives BillingReadOnly on the organization, which the function does not need: take it out\n    → make setup\n")
	s.setup("done: change policy \"key-rotator demo\"", "--yes")

	if out, code := s.make("", "setup", "--remove", "--yes"); code == 0 || !strings.Contains(out, "works with application \"key-rotator demo\": make undeploy first") {
		t.Errorf("while the function is there, setup --remove says %d: %s", code, out)
	}
	s.mustMake(namespace+"\n", "undeploy")
	s.setup("done: delete application \"key-rotator demo\"", "--remove", "--yes")
	if got := s.principals(); !slices.Equal(got, before) {
		t.Errorf("the organization had %q, and has %q", before, got)
	}
	for _, end := range s.state().Functions {
		if end.Namespace == namespace {
			t.Errorf("still there: %+v", end)
		}
	}
	s.end()
}

// eachTakenAway takes each permission set away in turn: the doctor names it, and a run
// fails at the call that needs it. Setup puts it back.
func (s *shell) eachTakenAway(at string) {
	s.t.Helper()
	whole := s.rules()
	moved := false
	for _, set := range sets {
		if set.due == "retire" && !moved {
			s.force(at, http.StatusOK)
			s.callerKey = s.credential("caller") // the one before is to die
			s.move(9 * 24 * time.Hour)
			moved = true
		}
		less := make([]rule, 0, len(whole))
		for _, r := range whole {
			r.Sets = slices.DeleteFunc(slices.Clone(r.Sets), func(name string) bool { return name == set.name })
			if len(r.Sets) > 0 {
				less = append(less, r)
			}
		}
		s.change(less)
		said, _ := s.make("", "doctor")
		s.wants("doctor, without "+set.name, said, "✗ "+set.name+" is missing on ", "    → make setup\n")
		run := s.plainRun
		if set.due == "make" {
			run = s.force
		}
		if report, want := run(at, http.StatusInternalServerError), "needs the permission set "+set.name; !strings.Contains(report, want) {
			s.t.Errorf("without %s a run does not say %q:\n%s", set.name, want, head(report, 60))
		}
		s.setup("done: change policy \"key-rotator demo\"", "--yes")
		if now := s.rules(); !slices.EqualFunc(now, whole, same) {
			s.t.Fatalf("setup does not put %s back: %+v", set.name, now)
		}
	}
	s.plainRun(at, http.StatusOK)
}

func (s *shell) force(at string, want int) string {
	s.t.Helper()
	return s.curls(want, "-H", "X-Auth-Token: "+s.callerKey, "-H", s.control(), "-d", `{"force": true, "steps": ["rotate", "deliver", "retire"]}`, at)
}

func (s *shell) plainRun(at string, want int) string {
	s.t.Helper()
	return s.curls(want, "-H", "X-Auth-Token: "+s.callerKey, "-H", s.control(), "-d", `{"steps": ["rotate", "deliver", "retire"]}`, at)
}

// folder is where setup writes .env, and the doctor reads serverless.yml: not the
// project's own, where a person's .env may stand.
func (s *shell) folder(at string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "serverless.yml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "serverless.yml"), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.home = at
}

func (s *shell) setup(want string, flags ...string) {
	s.t.Helper()
	s.wants("make setup "+strings.Join(flags, " "), s.mustMake("", "setup", flags...), want)
}

// well wants the doctor to find nothing to look at.
func (s *shell) well(when string) {
	s.t.Helper()
	said, code := s.make("", "doctor")
	if code != 0 || !strings.Contains(said, ": 0 wrong, 0 to look at, ") {
		s.t.Errorf("%s the doctor ends with %d, and says:\n%s", when, code, said)
	}
}

func (s *shell) dotEnv() map[string]string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, ".env"))
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && !strings.HasPrefix(name, "#") {
			found[name] = value
		}
	}
	return found
}

// rule is one of a policy.
type rule struct {
	Sets         []string `json:"permission_set_names"`
	Condition    string   `json:"condition"`
	Projects     []string `json:"project_ids,omitempty"`
	Organization string   `json:"organization_id,omitempty"`
}

func same(a, b rule) bool {
	return slices.Equal(a.Sets, b.Sets) && a.Condition == b.Condition && slices.Equal(a.Projects, b.Projects) && a.Organization == b.Organization
}

const iam = "/iam/v1alpha1"

// rules are those of the function's policy.
func (s *shell) rules() []rule {
	s.t.Helper()
	var list struct{ Rules []rule }
	s.api("GET", iam+"/rules?policy_id="+s.policy(), nil, &list)
	return list.Rules
}

func (s *shell) change(rules []rule) {
	s.t.Helper()
	var answer json.RawMessage
	s.api("PUT", iam+"/rules", map[string]any{"policy_id": s.policy(), "rules": rules}, &answer)
}

func (s *shell) policy() string {
	s.t.Helper()
	var list struct{ Policies []struct{ ID, Name string } }
	s.api("GET", iam+"/policies?page_size=100", nil, &list)
	for _, p := range list.Policies {
		if p.Name == "key-rotator demo" {
			return p.ID
		}
	}
	s.t.Fatal("there is no policy of the function")
	return ""
}

// principals are the organization's applications and policies.
func (s *shell) principals() (found []string) {
	s.t.Helper()
	var list struct{ Policies, Applications []struct{ ID, Name string } }
	s.api("GET", iam+"/policies?page_size=100", nil, &list)
	s.api("GET", iam+"/applications?page_size=100", nil, &list)
	for _, row := range slices.Concat(list.Applications, list.Policies) {
		found = append(found, fmt.Sprintf("%s %s", row.Name, row.ID))
	}
	return found
}

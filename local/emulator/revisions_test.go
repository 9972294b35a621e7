package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// carriers is a project in which a function and a container carry TOKEN, and
// their namespaces SHARED.
func carriers() emulator.SeedPlace {
	old := func(name string) map[string]string { return map[string]string{name: "old"} }
	return emulator.SeedPlace{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{
			Name: "web", SecretEnv: old("SHARED"),
			Functions: []emulator.SeedFunction{
				{Name: "f", Env: old("PLAIN"), SecretEnv: old("TOKEN")},
				{Name: "never", Status: "created"},
				{Name: "broken", Status: "error"},
			},
		}},
		ContainerNamespaces: []emulator.SeedContainerNamespace{{
			Name: "box", SecretEnv: old("SHARED"),
			Containers: []emulator.SeedContainer{{Name: "c", Env: old("PLAIN"), SecretEnv: old("TOKEN")}},
		}},
	}}
}

// runs says what the variables of the seed are in the revision that serves, in
// the order of their names: PLAIN SHARED TOKEN. "" is that nothing serves.
func (l *land) runs(name string) string {
	l.t.Helper()
	var values []string
	for _, line := range l.Running(l.endpoint(name).ID) {
		if variable, value, _ := strings.Cut(line, "="); !strings.HasPrefix(variable, "SCW_") {
			values = append(values, value)
		}
	}
	return strings.Join(values, " ")
}

// mustRaw is raw of what has to succeed.
func (l *land) mustRaw(method, path, body string) map[string]any {
	l.t.Helper()
	status, got := l.raw(method, path, body)
	if status != 200 {
		l.t.Fatalf("%s %s: %d %v", method, path, status, got)
	}
	return got
}

// namespaceOf is the path of the namespace that holds the workload at path.
func (l *land) namespaceOf(path string) string {
	l.t.Helper()
	id := l.mustRaw("GET", path, "")["namespace_id"].(string)
	return path[:strings.LastIndex(path[:strings.LastIndex(path, "/")], "/")] + "/namespaces/" + id
}

// apiOf is one of the APIs through which a seeded workload is written.
type apiOf struct {
	name, workload, path string
	secret               func(name, value string) string // the member of a body that sets a variable
	deploy               string
}

func (l *land) apis() []apiOf {
	list := func(name, value string) string {
		return `"secret_environment_variables":[{"key":"` + name + `","value":"` + value + `"}]`
	}
	byKey := func(name, value string) string {
		return `"secret_environment_variables":{"` + name + `":"` + value + `"}`
	}
	f, c := l.endpoint("f").ID, l.endpoint("c").ID
	return []apiOf{
		{"functions", "f", functionsBase + "/functions/" + f, list, "/deploy"},
		{"containers v1beta1", "c", containersOldest + "/containers/" + c, list, "/deploy"},
		{"containers v1", "c", containersBase + "/containers/" + c, byKey, "/redeploy"},
	}
}

// shownHash is the hash of TOKEN, as whichever API shows it.
func shownHash(shown map[string]any) string {
	if byKey, is := shown["secret_environment_variables"].(map[string]any); is {
		return byKey["TOKEN"].(string)
	}
	return hashes(shown)["TOKEN"]
}

// shownAs is the status of a redeployment under way.
func shownAs(a apiOf) string {
	if a.name == "containers v1" {
		return "updating"
	}
	return "pending"
}

func TestARevisionSeesWhatItsDeploymentBeganWith(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"functions", "containers v1beta1", "containers v1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLand(t, emulator.Options{HashMemory: 1}, carriers())
			a := l.apis()[i]
			expect := func(when, want string) {
				t.Helper()
				if got := l.runs(a.workload); got != want {
					t.Errorf("%s: it runs with %q, want %q", when, got, want)
				}
			}
			expect("as seeded", "old old old")
			l.mustRaw("PATCH", a.path, `{"environment_variables":{"PLAIN":"new"},`+a.secret("TOKEN", "new")+`}`)
			expect("while it is deployed", "old old old")
			l.pass(11*time.Second - 1)
			expect("just before it is ready", "old old old")
			l.pass(1)
			expect("ready", "new old new")

			l.mustRaw("PATCH", l.namespaceOf(a.path), `{`+a.secret("SHARED", "new")+`}`)
			l.pass(time.Hour)
			expect("the namespace has changed", "new old new")
			l.mustRaw("POST", a.path+a.deploy, `{}`)
			l.pass(11 * time.Second)
			expect("deployed after the namespace has changed", "new new new")

			l.mustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "third")+`}`)
			l.pass(10 * time.Second)
			l.mustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "fourth")+`}`)
			l.pass(10 * time.Second)
			expect("a deployment that was given up", "new new new")
			l.pass(time.Second)
			expect("the one that took its place", "new new fourth")
		})
	}
}

func TestVariablesThatAreNotDeployedAreNotSeen(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{HashMemory: 1}, carriers())
	for _, a := range l.apis()[:2] {
		l.mustRaw("PATCH", a.path, `{"redeploy":false,`+a.secret("TOKEN", "new")+`}`)
		l.pass(time.Hour)
		if got := l.runs(a.workload); got != "old old old" {
			t.Errorf("%s: %q", a.name, got)
		}
	}
	for _, name := range []string{"never", "broken"} {
		if got := l.Running(l.endpoint(name).ID); got != nil {
			t.Errorf("%s runs with %q", name, got)
		}
	}
}

func TestAFailedDeploymentLeavesTheRevisionBeforeForADay(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"functions", "containers v1beta1", "containers v1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLand(t, emulator.Options{HashMemory: 1}, carriers())
			a := l.apis()[i]
			fails, problem := 11*time.Second, "internal error"
			if i > 0 {
				fails, problem = 300*time.Second, "Container is unable to start OR is not listening on port 8080"
			}
			end := l.endpoint(a.workload)
			expect := func(when, status, running string, answer int) {
				t.Helper()
				shown := l.mustRaw("GET", a.path, "")
				got, _, _ := l.visit("https://"+end.Host+"/", l.secret)
				if shown["status"] != status || l.runs(a.workload) != running || got != answer {
					t.Errorf("%s: %v, runs with %q, answers %d; want %s, %q, %d", when, shown["status"], l.runs(a.workload), got, status, running, answer)
				}
			}
			if !l.FailDeployments(end.ID, true) || l.FailDeployments("none", true) {
				t.Error("which ids are known?")
			}
			first := shownHash(l.mustRaw("GET", a.path, ""))
			l.mustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "new")+`}`)
			l.pass(fails)
			expect("failed", "error", "old old old", 200)
			shown := l.mustRaw("GET", a.path, "")
			if shown["error_message"] != problem || shownHash(shown) == first {
				t.Errorf("it shows %v, and the variable it was sent: %t", shown["error_message"], shownHash(shown) != first)
			}
			l.pass(12 * time.Hour)
			l.mustRaw("POST", a.path+a.deploy, "{}")
			l.pass(fails)
			expect("failed again", "error", "old old old", 200)
			l.pass(12*time.Hour - fails - 1)
			expect("just within the day", "error", "old old old", 200)
			l.pass(1)
			expect("after a day", "error", "", 503)
			l.FailDeployments(end.ID, false)
			l.mustRaw("POST", a.path+a.deploy, "{}")
			expect("on its way", shownAs(a), "", 503)
			l.pass(11 * time.Second)
			expect("mended", "ready", "old old new", 200)
		})
	}
}

func TestASeedCanLetDeploymentsFail(t *testing.T) {
	t.Parallel()
	place := carriers()
	place.FunctionNamespaces[0].Functions[0].Fails = true
	place.ContainerNamespaces[0].Containers[0].Fails = true
	l := newLand(t, emulator.Options{HashMemory: 1}, place)
	for _, a := range l.apis() {
		l.mustRaw("POST", a.path+a.deploy, "{}")
		l.pass(300 * time.Second)
		if got := l.mustRaw("GET", a.path, "")["status"]; got != "error" {
			t.Errorf("%s: %v", a.name, got)
		}
	}
}

func TestNamespacesRedeployWhatIsInThemIfThatIsTheAnswer(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{HashMemory: 1, Answers: emulator.Answers{NamespaceRedeploys: true}}, carriers())
	for i, a := range l.apis() {
		value := string(rune('x' + i))
		l.mustRaw("PATCH", l.namespaceOf(a.path), `{"description":"d"}`)
		if got := l.mustRaw("GET", a.path, "")["status"]; got != "ready" {
			t.Errorf("%s: %v after a new description", a.name, got)
		}
		l.mustRaw("PATCH", l.namespaceOf(a.path), `{`+a.secret("SHARED", value)+`}`)
		if got := l.mustRaw("GET", a.path, "")["status"]; got == "ready" {
			t.Errorf("%s: nothing is redeployed", a.name)
		}
		l.pass(11 * time.Second)
		if got, want := l.runs(a.workload), "old "+value+" old"; got != want {
			t.Errorf("%s: it runs with %q, want %q", a.name, got, want)
		}
	}
	if got := l.endpoint("never").Status; got != "created" {
		t.Errorf("what was never deployed is %s", got)
	}
}

func TestAReadMayNotKnowOfADeploymentYet(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{HashMemory: 1, StatusLag: 2 * time.Second}, carriers())
	for _, a := range l.apis() {
		l.pass(time.Minute)
		if got := l.mustRaw("PATCH", a.path, `{`+a.secret("TOKEN", a.name)+`}`)["status"]; got != shownAs(a) {
			t.Errorf("%s: the answer to the PATCH says %v", a.name, got)
		}
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{2*time.Second - 1, "ready"}, {1, shownAs(a)}, {9 * time.Second, "ready"}} {
			l.pass(row.after)
			if got := l.mustRaw("GET", a.path, "")["status"]; got != row.want {
				t.Errorf("%s: %v, want %s", a.name, got, row.want)
			}
		}
	}
}

func TestRunningHasWhatThePlatformSets(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, carriers())
	end := l.endpoint("f")
	namespace := l.mustRaw("GET", functionsBase+"/functions/"+end.ID, "")["namespace_id"].(string)
	want := []string{"PLAIN=old", "SCW_APPLICATION_ID=" + end.ID, "SCW_NAMESPACE_ID=" + namespace, "SCW_PUBLIC=false", "SHARED=old", "TOKEN=old"}
	if diff := cmp.Diff(want, l.Running(end.ID)); diff != "" {
		t.Error(diff)
	}
	if got := l.Running("none"); got != nil {
		t.Errorf("an unknown id runs with %q", got)
	}
	l.mustRaw("DELETE", functionsBase+"/functions/"+end.ID, "")
	if got := l.Running(end.ID); got != nil {
		t.Errorf("what is being deleted runs with %q", got)
	}
}

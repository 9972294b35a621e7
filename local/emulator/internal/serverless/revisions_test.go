package serverless_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
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
func runs(l *emulatortest.Land, name string) string {
	l.T.Helper()
	var values []string
	for _, line := range l.Running(l.MustEndpoint(name).ID) {
		if variable, value, _ := strings.Cut(line, "="); !strings.HasPrefix(variable, "SCW_") {
			values = append(values, value)
		}
	}
	return strings.Join(values, " ")
}

// apiOf is one of the APIs through which a seeded workload is written.
type apiOf struct {
	name, workload, path string
	secret               func(name, value string) string // the member of a body that sets a variable
	deploy               string
}

func apis(l *emulatortest.Land) []apiOf {
	list := func(name, value string) string {
		return `"secret_environment_variables":[{"key":"` + name + `","value":"` + value + `"}]`
	}
	byKey := func(name, value string) string {
		return `"secret_environment_variables":{"` + name + `":"` + value + `"}`
	}
	f, c := l.MustEndpoint("f").ID, l.MustEndpoint("c").ID
	return []apiOf{
		{"functions", "f", emulatortest.FunctionsBase + "/functions/" + f, list, "/deploy"},
		{"containers v1beta1", "c", emulatortest.ContainersOldest + "/containers/" + c, list, "/deploy"},
		{"containers v1", "c", emulatortest.ContainersBase + "/containers/" + c, byKey, "/redeploy"},
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
			l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1}, carriers())
			a := apis(l)[i]
			expect := func(when, want string) {
				t.Helper()
				if got := runs(l, a.workload); got != want {
					t.Errorf("%s: it runs with %q, want %q", when, got, want)
				}
			}
			expect("as seeded", "old old old")
			l.MustRaw("PATCH", a.path, `{"environment_variables":{"PLAIN":"new"},`+a.secret("TOKEN", "new")+`}`)
			expect("while it is deployed", "old old old")
			l.Pass(11*time.Second - 1)
			expect("just before it is ready", "old old old")
			l.Pass(1)
			expect("ready", "new old new")

			l.MustRaw("PATCH", l.NamespaceOf(a.path), `{`+a.secret("SHARED", "new")+`}`)
			l.Pass(time.Hour)
			expect("the namespace has changed", "new old new")
			l.MustRaw("POST", a.path+a.deploy, `{}`)
			l.Pass(11 * time.Second)
			expect("deployed after the namespace has changed", "new new new")

			l.MustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "third")+`}`)
			l.Pass(10 * time.Second)
			l.MustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "fourth")+`}`)
			l.Pass(10 * time.Second)
			expect("a deployment that was given up", "new new new")
			l.Pass(time.Second)
			expect("the one that took its place", "new new fourth")
		})
	}
}

func TestVariablesThatAreNotDeployedAreNotSeen(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1}, carriers())
	for _, a := range apis(l)[:2] {
		l.MustRaw("PATCH", a.path, `{"redeploy":false,`+a.secret("TOKEN", "new")+`}`)
		l.Pass(time.Hour)
		if got := runs(l, a.workload); got != "old old old" {
			t.Errorf("%s: %q", a.name, got)
		}
	}
	for _, name := range []string{"never", "broken"} {
		if got := l.Running(l.MustEndpoint(name).ID); got != nil {
			t.Errorf("%s runs with %q", name, got)
		}
	}
}

func TestAFailedDeploymentLeavesTheRevisionBeforeForADay(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"functions", "containers v1beta1", "containers v1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1}, carriers())
			a := apis(l)[i]
			fails, problem := 11*time.Second, "internal error"
			if i > 0 {
				fails, problem = 300*time.Second, "Container is unable to start OR is not listening on port 8080"
			}
			end := l.MustEndpoint(a.workload)
			expect := func(when, status, running string, answer int) {
				t.Helper()
				shown := l.MustRaw("GET", a.path, "")
				got, _, _ := l.Visit("https://"+end.Host+"/", l.Secret)
				if shown["status"] != status || runs(l, a.workload) != running || got != answer {
					t.Errorf("%s: %v, runs with %q, answers %d; want %s, %q, %d", when, shown["status"], runs(l, a.workload), got, status, running, answer)
				}
			}
			if !l.FailDeployments(end.ID, true) || l.FailDeployments("none", true) {
				t.Error("which ids are known?")
			}
			first := shownHash(l.MustRaw("GET", a.path, ""))
			l.MustRaw("PATCH", a.path, `{`+a.secret("TOKEN", "new")+`}`)
			l.Pass(fails)
			expect("failed", "error", "old old old", 200)
			shown := l.MustRaw("GET", a.path, "")
			if shown["error_message"] != problem || shownHash(shown) == first {
				t.Errorf("it shows %v, and the variable it was sent: %t", shown["error_message"], shownHash(shown) != first)
			}
			l.Pass(12 * time.Hour)
			l.MustRaw("POST", a.path+a.deploy, "{}")
			l.Pass(fails)
			expect("failed again", "error", "old old old", 200)
			l.Pass(12*time.Hour - fails - 1)
			expect("just within the day", "error", "old old old", 200)
			l.Pass(1)
			expect("after a day", "error", "", 503)
			l.FailDeployments(end.ID, false)
			l.MustRaw("POST", a.path+a.deploy, "{}")
			expect("on its way", shownAs(a), "", 503)
			l.Pass(11 * time.Second)
			expect("mended", "ready", "old old new", 200)
		})
	}
}

func TestASeedCanLetDeploymentsFail(t *testing.T) {
	t.Parallel()
	place := carriers()
	place.FunctionNamespaces[0].Functions[0].Fails = true
	place.ContainerNamespaces[0].Containers[0].Fails = true
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1}, place)
	for _, a := range apis(l) {
		l.MustRaw("POST", a.path+a.deploy, "{}")
		l.Pass(300 * time.Second)
		if got := l.MustRaw("GET", a.path, "")["status"]; got != "error" {
			t.Errorf("%s: %v", a.name, got)
		}
	}
}

func TestNamespacesRedeployWhatIsInThemIfThatIsTheAnswer(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1, Answers: emulator.Answers{NamespaceRedeploys: true}}, carriers())
	for i, a := range apis(l) {
		value := string(rune('x' + i))
		l.MustRaw("PATCH", l.NamespaceOf(a.path), `{"description":"d"}`)
		if got := l.MustRaw("GET", a.path, "")["status"]; got != "ready" {
			t.Errorf("%s: %v after a new description", a.name, got)
		}
		l.MustRaw("PATCH", l.NamespaceOf(a.path), `{`+a.secret("SHARED", value)+`}`)
		if got := l.MustRaw("GET", a.path, "")["status"]; got == "ready" {
			t.Errorf("%s: nothing is redeployed", a.name)
		}
		l.Pass(11 * time.Second)
		if got, want := runs(l, a.workload), "old "+value+" old"; got != want {
			t.Errorf("%s: it runs with %q, want %q", a.name, got, want)
		}
	}
	if got := l.MustEndpoint("never").Status; got != "created" {
		t.Errorf("what was never deployed is %s", got)
	}
}

func TestAReadMayNotKnowOfADeploymentYet(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1, StatusLag: 2 * time.Second}, carriers())
	for _, a := range apis(l) {
		l.Pass(time.Minute)
		if got := l.MustRaw("PATCH", a.path, `{`+a.secret("TOKEN", a.name)+`}`)["status"]; got != shownAs(a) {
			t.Errorf("%s: the answer to the PATCH says %v", a.name, got)
		}
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{2*time.Second - 1, "ready"}, {1, shownAs(a)}, {9 * time.Second, "ready"}} {
			l.Pass(row.after)
			if got := l.MustRaw("GET", a.path, "")["status"]; got != row.want {
				t.Errorf("%s: %v, want %s", a.name, got, row.want)
			}
		}
	}
}

func TestRunningHasWhatThePlatformSets(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, carriers())
	end := l.MustEndpoint("f")
	namespace := l.MustRaw("GET", emulatortest.FunctionsBase+"/functions/"+end.ID, "")["namespace_id"].(string)
	want := []string{"PLAIN=old", "SCW_APPLICATION_ID=" + end.ID, "SCW_NAMESPACE_ID=" + namespace, "SCW_PUBLIC=false", "SHARED=old", "TOKEN=old"}
	if diff := cmp.Diff(want, l.Running(end.ID)); diff != "" {
		t.Error(diff)
	}
	if got := l.Running("none"); got != nil {
		t.Errorf("an unknown id runs with %q", got)
	}
	l.MustRaw("DELETE", emulatortest.FunctionsBase+"/functions/"+end.ID, "")
	if got := l.Running(end.ID); got != nil {
		t.Errorf("what is being deleted runs with %q", got)
	}
}

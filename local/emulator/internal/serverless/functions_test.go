package serverless_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestFunctionNamespaceIsPendingThenReadyThenGone(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	api := function.NewAPI(l.Client)
	n := emulatortest.Must(api.CreateNamespace(&function.CreateNamespaceRequest{Name: "test-function-token-ns"}))(t)
	if n.Status != function.NamespaceStatusPending || n.RegistryEndpoint != "" || n.RegistryNamespaceID != "" {
		t.Errorf("after POST: %s, registry %q %q", n.Status, n.RegistryEndpoint, n.RegistryNamespaceID)
	}
	l.Pass(5 * time.Second)
	n = emulatortest.Must(api.GetNamespace(&function.GetNamespaceRequest{NamespaceID: n.ID}))(t)
	if want := "rg.fr-par.scw.cloud/funcscwtestfunctiontokenns"; n.Status != function.NamespaceStatusReady ||
		!strings.HasPrefix(n.RegistryEndpoint, want) || len(n.RegistryEndpoint) != len(want)+8-len("s")+1 {
		t.Errorf("later: %s, registry %q", n.Status, n.RegistryEndpoint)
	}
	w := emulatortest.Must(api.CreateFunction(&function.CreateFunctionRequest{Name: "foobar", NamespaceID: n.ID, Runtime: function.FunctionRuntimeGo126}))(t)
	n = emulatortest.Must(api.DeleteNamespace(&function.DeleteNamespaceRequest{NamespaceID: n.ID}))(t)
	if n.Status != function.NamespaceStatusDeleting {
		t.Errorf("after DELETE: %s", n.Status)
	}
	l.Pass(5 * time.Second)
	if _, err := api.GetNamespace(&function.GetNamespaceRequest{NamespaceID: n.ID}); emulatortest.StatusOf(err) != 404 || !strings.Contains(err.Error(), "Namespace was not found") {
		t.Errorf("gone namespace: %v", err)
	}
	if _, err := api.GetFunction(&function.GetFunctionRequest{FunctionID: w.ID}); emulatortest.StatusOf(err) != 404 || !strings.Contains(err.Error(), "Function was not found") {
		t.Errorf("its function: %v", err)
	}
}

func TestFunctionNamespaceIsReconciledWhenItsEnvironmentChanges(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	path := emulatortest.FunctionsBase + "/namespaces/" + l.Namespace()
	for _, row := range []struct{ patch, want string }{
		{`{"description":"d","tags":["t"],"secret_environment_variables":null}`, "ready"},
		{`{"secret_environment_variables":[]}`, "ready"},
		{`{"environment_variables":{}}`, "pending"},
		{`{"secret_environment_variables":[{"key":"A","value":"a"}]}`, "pending"},
	} {
		if _, got := l.Raw("PATCH", path, row.patch); got["status"] != row.want {
			t.Errorf("%s: %v, want %s", row.patch, got["status"], row.want)
		}
		l.Pass(5 * time.Second)
		if _, got := l.Raw("GET", path, ""); got["status"] != "ready" {
			t.Errorf("%s: later %v", row.patch, got["status"])
		}
	}
}

func TestHostsAreNamedAfterNamespaceAndFunction(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	_, n := l.Raw("POST", emulatortest.FunctionsBase+"/namespaces", `{"name":"tf-tests-function-cron-name-update"}`)
	_, f := l.Raw("POST", emulatortest.FunctionsBase+"/functions", `{"name":"a-function","runtime":"go126","namespace_id":"`+n["id"].(string)+`"}`)
	if host := f["domain_name"].(string); !regexp.MustCompile(`^tftestsfunctioncronn[a-z0-9]{8}-a-function\.functions\.fnc\.fr-par\.scw\.cloud$`).MatchString(host) {
		t.Errorf("host %s", host)
	}
}

func TestFunctionTakesDefaultsForWhatTheSDKAlwaysSends(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	n := emulatortest.Must(function.NewAPI(l.Client).ListNamespaces(&function.ListNamespacesRequest{}))(t).Namespaces[0]
	status, got := l.Raw("POST", emulatortest.FunctionsBase+"/functions", `{"name":"f","namespace_id":"`+n.ID+`","runtime":"go126",
		"privacy":"unknown_privacy","http_option":"unknown_http_option","sandbox":"unknown_sandbox","tags":null,"secret_environment_variables":null}`)
	if status != 200 {
		t.Fatal(status, got)
	}
	for _, made := range []string{"id", "created_at", "updated_at", "domain_name"} {
		delete(got, made)
	}
	want := map[string]any{
		"name": "f", "namespace_id": n.ID, "status": "created", "environment_variables": map[string]any{}, "min_scale": 0.0, "max_scale": 20.0,
		"runtime": "go126", "memory_limit": 256.0, "cpu_limit": 140.0, "timeout": "300s", "handler": "Handle", "error_message": nil,
		"build_message": nil, "privacy": "public", "description": "", "secret_environment_variables": []any{}, "http_option": "enabled",
		"runtime_message": "", "sandbox": "v2", "ready_at": nil, "tags": []any{}, "private_network_id": nil, "region": "fr-par",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWritesAnswerNineDigitsThatReadsRound(t *testing.T) {
	t.Parallel()
	clock := emulator.NewManualClock(time.Date(2026, 7, 3, 16, 49, 40, 756198811, time.UTC))
	l := emulatortest.NewLand(t, emulator.Options{Clock: clock})
	_, made := l.Raw("POST", emulatortest.FunctionsBase+"/namespaces", `{"name":"n"}`)
	id := made["id"].(string)
	_, read := l.Raw("GET", emulatortest.FunctionsBase+"/namespaces/"+id, "")
	l.Pass(time.Second)
	_, changed := l.Raw("PATCH", emulatortest.FunctionsBase+"/namespaces/"+id, `{"description":"d"}`)
	for _, row := range []struct{ name, got, want string }{
		{"POST created", made["created_at"].(string), "2026-07-03T16:49:40.756198811Z"},
		{"POST updated", made["updated_at"].(string), "2026-07-03T16:49:40.756198811Z"},
		{"GET created", read["created_at"].(string), "2026-07-03T16:49:40.756199Z"},
		{"PATCH created", changed["created_at"].(string), "2026-07-03T16:49:40.756199Z"},
		{"PATCH updated", changed["updated_at"].(string), "2026-07-03T16:49:41.756198811Z"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %s, want %s", row.name, row.got, row.want)
		}
	}
}

func TestFunctionIsDeployedByDeployAndByEveryPatch(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name        string
		answers     emulator.Answers
		code        string // "" as it is, builds, broken
		patch       string // "" for POST deploy
		after, late string
		problem     any
	}{
		{"deploy", emulator.Answers{}, "", "", "pending", "ready", nil},
		{"deploy of code that does not build", emulator.Answers{}, "broken", "", "pending", "error", "internal error"},
		{"patch without code", emulator.Answers{}, "", `{"http_option":"redirected","runtime":"unknown_runtime"}`, "pending", "error", "internal error"},
		{"patch with code", emulator.Answers{}, "builds", `{"sandbox":"v1"}`, "pending", "ready", nil},
		{"patch that says no", emulator.Answers{}, "builds", `{"description":"d","redeploy":false}`, "created", "created", nil},
		{"patch that says no and is not heard", emulator.Answers{RedeployAlways: true}, "builds", `{"description":"d","redeploy":false}`, "pending", "ready", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := emulatortest.NewLand(t, emulator.Options{Answers: row.answers})
			_, n := l.Raw("POST", emulatortest.FunctionsBase+"/namespaces", `{"name":"n"}`)
			_, f := l.Raw("POST", emulatortest.FunctionsBase+"/functions", `{"name":"f","runtime":"go126","namespace_id":"`+n["id"].(string)+`"}`)
			id := f["id"].(string)
			if row.code != "" {
				l.InstallCode(id, row.code == "builds")
			}
			l.Pass(24 * time.Hour)
			if _, f = l.Raw("GET", emulatortest.FunctionsBase+"/functions/"+id, ""); f["status"] != "created" {
				t.Errorf("never deployed: %s", f["status"])
			}
			method, path := "PATCH", emulatortest.FunctionsBase+"/functions/"+id
			if row.patch == "" {
				method, path = "POST", path+"/deploy"
			}
			if _, f = l.Raw(method, path, row.patch); f["status"] != row.after {
				t.Errorf("at once: %s, want %s", f["status"], row.after)
			}
			l.Pass(11 * time.Second)
			_, f = l.Raw("GET", emulatortest.FunctionsBase+"/functions/"+id, "")
			if f["status"] != row.late || f["error_message"] != row.problem {
				t.Errorf("later: %s %v, want %s %v", f["status"], f["error_message"], row.late, row.problem)
			}
			if ready := f["ready_at"] != nil; ready != (row.late == "ready") {
				t.Errorf("ready_at is %v with status %s", f["ready_at"], f["status"])
			}
		})
	}
}

func TestRedeployKeepsReadyAtAndNamesTheBuildStep(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	path := emulatortest.FunctionsBase + "/functions/" + l.MustEndpoint("api").ID
	_, before := l.Raw("GET", path, "")
	_, f := l.Raw("POST", path+"/deploy", "{}")
	if f["build_message"] != nil || f["ready_at"] != before["ready_at"] {
		t.Errorf("at once: build message %v, ready at %v", f["build_message"], f["ready_at"])
	}
	l.Pass(5 * time.Second)
	if _, f = l.Raw("GET", path, ""); f["build_message"] != "step 2 of 3: function build in progress" {
		t.Errorf("half way: build message %v", f["build_message"])
	}
	l.Pass(6 * time.Second)
	if _, f = l.Raw("GET", path, ""); f["build_message"] != nil || f["ready_at"] != before["ready_at"] {
		t.Errorf("ready: build message %v, ready at %v", f["build_message"], f["ready_at"])
	}
}

func TestListFiltersOfFunctions(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	n := l.Namespace()
	for _, row := range []struct {
		query string
		want  []string
	}{
		{"", []string{"api", "open"}},
		{"?namespace_id=", []string{"api", "open"}},
		{"?namespace_id=" + n, []string{"api", "open"}},
		{"?namespace_id=11111111-1111-4111-8111-111111111111", []string{}},
		{"?name=open&namespace_id=", []string{"open"}},
		{"?project_id=" + l.Project("default") + "&order_by=name_desc", []string{"open", "api"}},
		{"?order_by=created_at_desc&page_size=1&page=2", []string{"api"}},
	} {
		_, got := l.Raw("GET", emulatortest.FunctionsBase+"/functions"+row.query, "")
		names := []string{}
		for _, f := range got["functions"].([]any) {
			names = append(names, f.(map[string]any)["name"].(string))
		}
		if diff := cmp.Diff(row.want, names); diff != "" {
			t.Errorf("%q: %s", row.query, diff)
		}
	}
}

func TestFunctionDomainGetsItsURLWhenReady(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	api := function.NewAPI(l.Client)
	id := l.MustEndpoint("api").ID
	d := emulatortest.Must(api.CreateDomain(&function.CreateDomainRequest{Hostname: "f.example.com", FunctionID: id}))(t)
	if d.Status != function.DomainStatusPending || d.URL != "" {
		t.Errorf("at once: %s %q", d.Status, d.URL)
	}
	l.Pass(10 * time.Second)
	got := emulatortest.Must(api.ListDomains(&function.ListDomainsRequest{FunctionID: id}))(t).Domains
	if len(got) != 1 || got[0].Status != function.DomainStatusReady || got[0].URL != "https://f.example.com" {
		t.Errorf("later: %+v", got)
	}
	if _, err := api.CreateDomain(&function.CreateDomainRequest{Hostname: "no host", FunctionID: id}); emulatortest.StatusOf(err) != 400 {
		t.Errorf("bad host: %v", err)
	}
	emulatortest.Must(api.DeleteDomain(&function.DeleteDomainRequest{DomainID: d.ID}))(t)
	l.Pass(5 * time.Second)
	if _, err := api.GetDomain(&function.GetDomainRequest{DomainID: d.ID}); emulatortest.StatusOf(err) != 404 {
		t.Errorf("gone: %v", err)
	}
}

func TestNamesAreCheckedAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	n := l.Namespace()
	for _, row := range []struct {
		name, path, body string
		status           int
		message          string
	}{
		{"too long", "/functions", `{"name":"` + strings.Repeat("a", 35) + `","namespace_id":"` + n + `"}`, 400, "Key: 'Function.Name' Error:Field validation for 'Name' failed on the 'max' tag"},
		{"missing", "/functions", `{"namespace_id":"` + n + `"}`, 400, "Key: 'Function.Name' Error:Field validation for 'Name' failed on the 'required' tag"},
		{"namespace taken", "/namespaces", `{"name":"web-ns"}`, 409, "Namespace already exist"},
		{"no such namespace", "/functions", `{"name":"f","namespace_id":"none","runtime":"go126"}`, 404, "Namespace was not found"},
	} {
		if status, got := l.Raw("POST", emulatortest.FunctionsBase+row.path, row.body); status != row.status || got["message"] != row.message {
			t.Errorf("%s: %d %v", row.name, status, got)
		}
	}
}

func TestUnknownRegionIsRefused(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	for path, want := range map[string]int{
		"/functions/v1beta1/regions/it-mil/functions":   400,
		"/functions/v1beta1/regions/pl-waw/functions":   200,
		"/containers/v1/regions/it-mil/containers":      200,
		"/containers/v1beta1/regions/it-mil/containers": 400,
	} {
		if status, _ := l.Raw("GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

func TestACronIsMadeOnlyWithAScheduleOfThePlatform(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	id := l.MustEndpoint("api").ID
	for _, row := range []struct {
		schedule string
		want     string // in the refusal; "" if it is taken
	}{
		{"* * * * *", ""},
		{"17 3 * * *", ""},
		{"0,15,30,45 8-18 1,15 1-6 0", ""},
		{"0 0 31 12 7", ""},
		{"1-5,10 0 1 1 1", ""},
		{"", "failed on the 'required' tag"},
		{"*/5 * * * *", `minute "*/5": want *, or numbers from 0 to 59`},
		{"60 * * * *", `minute "60"`},
		{"0 24 * * *", `hour "24"`},
		{"0 0 0 * *", `day "0": want *, or numbers from 1 to 31`},
		{"0 0 * 13 *", `month "13"`},
		{"0 0 * * 8", `weekday "8"`},
		{"0 0 * * MON", `weekday "MON"`},
		{"5-1 * * * *", `minute "5-1"`},
		{"1- * * * *", `minute "1-"`},
		{"-1 * * * *", `minute "-1"`},
		{"1,,2 * * * *", `minute "1,,2"`},
		{"@daily", "want five fields"},
		{"0 0 * * * *", "want five fields"},
	} {
		status, got := l.Raw("POST", emulatortest.FunctionsBase+"/crons", `{"function_id":"`+id+`","args":{},"schedule":"`+row.schedule+`"}`)
		if row.want == "" {
			if status != http.StatusOK || got["schedule"] != row.schedule {
				t.Errorf("%q: %d %v", row.schedule, status, got)
			}
			continue
		}
		if message, _ := got["message"].(string); status != http.StatusBadRequest || !strings.Contains(message, row.want) {
			t.Errorf("%q: %d %q, want 400 and %q", row.schedule, status, message, row.want)
		}
	}
}

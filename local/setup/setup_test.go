package setup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

func TestSetupMakesAllAndThenNothing(t *testing.T) {
	t.Parallel()
	r := enter(t)
	want := []string{"make application function", "make policy function", "make application checking", "make policy checking", "write .env"}
	if diff := cmp.Diff(want, r.set(false)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r.complete()
	if n := len(r.Keys("key-rotator demo")); n != 0 {
		t.Errorf("it made %d keys: the first deployment does", n)
	}
}

// The doctor finds the policy enough, and not too much.
func TestTheDoctorAgrees(t *testing.T) {
	t.Parallel()
	r := enter(t)
	r.set(false)
	key := r.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": r.Application("key-rotator demo"), "default_project_id": r.o.ProjectID})
	r.deploy(key["access_key"].(string), "nl-ams", "")
	server := httptest.NewServer(r.API())
	t.Cleanup(server.Close)
	text, err := os.ReadFile("../../serverless.yml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text, map[string]string{
		"ROTATOR_ACCESS_KEY": "", "ROTATOR_SECRET_KEY": "", "ROTATOR_CONTROL_SECRET": "",
		"ROTATOR_ORGANIZATION_ID": r.o.Organization, "ROTATOR_PROJECT_ID": r.o.ProjectID,
	})
	if err != nil {
		t.Fatal(err)
	}
	found := doctor.Examine(t.Context(), doctor.Options{
		Caller: []string{
			"ROTATOR_ACCESS_KEY=" + r.AccessKey, "ROTATOR_SECRET_KEY=" + r.Secret, "ROTATOR_API_URL=" + server.URL,
			"ROTATOR_ORGANIZATION_ID=" + r.o.Organization, "ROTATOR_PROJECT_ID=" + r.o.ProjectID,
		},
		Manifest: m, Endpoints: r.RoundTripper(), Clock: r.o.Clock,
	})
	rights, enough, inScope := 0, false, false
	for _, l := range found.Lines {
		if l.Section == "What the function may do" {
			rights++
			enough = enough || strings.HasPrefix(l.Text, "nothing more is granted")
			if l.Mark != doctor.Right {
				t.Errorf("%s: %s", l.Mark, l.Text)
			}
		}
		inScope = inScope || strings.HasPrefix(l.Text, "application key-rotator demo checks is in scope")
	}
	if rights != 11 || !enough || !inScope {
		t.Errorf("the doctor has %d lines on rights, enough: %t, the checking application in scope: %t", rights, enough, inScope)
	}
}

// Whatever goes wrong at whichever request, the next setup ends right.
func TestEachRequestFailsOnceAndTheNextSetupEndsRight(t *testing.T) {
	t.Parallel()
	whole := enter(t)
	whole.set(false)
	n := len(whole.History())
	failures := 0
	for _, fault := range []emulator.Fault{{Status: 500}, {Status: 403}, {DropFirst: true}, {DropAfter: true}, {Half: true}, {NotJSON: true}} {
		for skip := range n {
			r := enter(t)
			fault.Skip = skip
			r.Arm(fault)
			if _, err := r.work(t.Context(), false); err != nil {
				failures++
				if _, err := os.Stat(filepath.Join(r.o.Root, ".env")); err == nil {
					t.Errorf("request %d: .env was written before all was made", skip)
				}
				r.set(false)
			}
			if r.complete(); t.Failed() {
				t.Fatalf("%+v at request %d", fault, skip)
			}
		}
	}
	if failures < 4*6 { // each thing that is made, in each way
		t.Errorf("only %d setups failed", failures)
	}
}

// As Ctrl-C does, at each request.
func TestAnInterruptedSetupGoesOn(t *testing.T) {
	t.Parallel()
	for stop := range 6 {
		r := enter(t)
		ctx, cancel := context.WithCancel(t.Context())
		sent := 0
		below := r.o.Transport
		r.o.Transport = transport(func(req *http.Request) (*http.Response, error) {
			res, err := below.RoundTrip(req)
			if req.Method != http.MethodGet {
				if sent++; sent > stop {
					cancel()
				}
			}
			return res, err
		})
		if stop == 5 {
			cancel() // before anything
		}
		done, err := r.work(ctx, false)
		if stop != 4 && (err == nil || !strings.Contains(err.Error(), "run the same again") || len(done) > stop+1 || !strings.Contains(err.Error(), "interrupted")) {
			t.Errorf("interrupted at %d, it did %v, %v", stop, done, err)
		}
		cancel()
		r.set(false)
		r.complete()
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOnlyWhatDiffersIsChanged(t *testing.T) {
	t.Parallel()
	rules := func(sets ...string) func(r *room, policy string) {
		return func(r *room, policy string) {
			r.MustCall("PUT", emulatortest.RulesPath, emulatortest.Object{"policy_id": policy, "rules": []emulatortest.Object{
				{"permission_set_names": sets, "condition": "", "organization_id": r.o.Organization},
			}})
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(r *room, policy string)
		want  []string
	}{
		{"too little", rules("IAMReadOnly"), []string{"change policy function"}},
		{"too much", rules("AllProductsFullAccess", "IAMManager"), []string{"change policy function"}},
		{"of nobody", func(r *room, policy string) {
			r.MustCall("PATCH", emulatortest.PoliciesPath+"/"+policy, emulatortest.Object{"no_principal": true})
		}, []string{"change policy function"}},
		{"no policy", func(r *room, policy string) { r.MustCall("DELETE", emulatortest.PoliciesPath+"/"+policy, nil) }, []string{"make policy function"}},
		{"no application", func(r *room, _ string) {
			r.MustCall("DELETE", emulatortest.AppsPath+"/"+r.Application("key-rotator demo"), nil)
		}, []string{"make application function", "change policy function"}},
		{"other names", func(r *room, policy string) {
			r.MustCall("PATCH", emulatortest.PoliciesPath+"/"+policy, emulatortest.Object{"name": "mine"})
			r.MustCall("PATCH", emulatortest.AppsPath+"/"+r.Application("key-rotator demo"), emulatortest.Object{"name": "mine"})
		}, nil},
		{"a file that others read", func(r *room, _ string) { r.put(r.text(), 0o644) }, []string{"write .env"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := enter(t)
			r.set(false)
			policies := r.MustCall("GET", emulatortest.PoliciesPath+"?page_size=100", nil)
			names := emulatortest.Column(policies, "policies", "name")
			test.spoil(r, emulatortest.Column(policies, "policies", "id")[slices.Index(names, "key-rotator demo")])
			if diff := cmp.Diff(test.want, r.set(false)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			r.complete()
		})
	}
}

func TestRemoveLeavesTheOrganizationAsItWas(t *testing.T) {
	t.Parallel()
	r := enter(t)
	state := func() string {
		return strings.Join(slices.Concat(r.column(emulatortest.AppsPath, "applications"), r.column(emulatortest.PoliciesPath, "policies")), "\n") +
			fmt.Sprint(len(emulatortest.Column(r.MustCall("GET", emulatortest.KeysPath, nil), "api_keys", "access_key")))
	}
	before := state()
	r.set(false)
	key := r.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": r.Application("key-rotator demo")})["access_key"].(string)
	undeploy := r.deploy(key, "nl-ams", "")
	_, _, err := r.plan(t.Context(), true)
	if err == nil || !strings.Contains(err.Error(), "function scw-key-rotator/rotator (nl-ams) works with application \"key-rotator demo\": make undeploy first") {
		t.Fatalf("with a function that runs on it, it says: %v", err)
	}
	undeploy()
	undeploy = r.deploy("SCWOTHERS00000000001", "pl-waw", r.Application("key-rotator demo checks"))
	if _, _, err := r.plan(t.Context(), true); err == nil || !strings.Contains(err.Error(), "(pl-waw) works with application \"key-rotator demo checks\": make undeploy first") {
		t.Errorf("with a function that checks with it, it says: %v", err)
	}
	undeploy()
	control := r.values()["ROTATOR_CONTROL_SECRET"]
	for skip := range 5 { // the first attempts fail, each one request later
		r.Arm(emulator.Fault{Method: "DELETE", Status: 500, Skip: min(skip, 1)})
		if _, err := r.work(t.Context(), true); err == nil && skip < 2 {
			t.Errorf("attempt %d did not fail", skip)
		}
		r.Disarm()
	}
	r.set(true)
	if after := state(); after != before {
		t.Errorf("the organization was\n%s\nand is\n%s", before, after)
	}
	if v := r.values(); v["ROTATOR_PROBE_APPLICATION"] != "" || v["ROTATOR_CONTROL_SECRET"] != control {
		t.Error(".env names the checking application, or lacks another line")
	}
	if done := r.set(true); len(done) > 0 {
		t.Errorf("again, it does %v", done)
	}
	r.set(false)
	r.complete()
}

func TestOtherLinesStay(t *testing.T) {
	t.Parallel()
	r := enter(t)
	r.put("# mine\nSCW_SECRET_KEY=11111111-2222-4333-8444-555555555555\nexport ROTATOR_CONTROL_SECRET=\"\"\nROTATOR_GRACE='3d'\n#ROTATOR_PROBE_APPLICATION=\nSCW_DEFAULT_ORGANIZATION_ID=\r\n", 0o640)
	r.set(false)
	r.complete()
	got := r.text()
	for name, value := range r.values() {
		if name == "ROTATOR_CONTROL_SECRET" || name == "ROTATOR_PROBE_APPLICATION" || strings.HasPrefix(name, "SCW_DEFAULT") {
			got = strings.ReplaceAll(got, value, "("+name+")")
		}
	}
	want := "# mine\nSCW_SECRET_KEY=11111111-2222-4333-8444-555555555555\nexport ROTATOR_CONTROL_SECRET=(ROTATOR_CONTROL_SECRET)\nROTATOR_GRACE='3d'\n#ROTATOR_PROBE_APPLICATION=\n" +
		"SCW_DEFAULT_ORGANIZATION_ID=(SCW_DEFAULT_ORGANIZATION_ID)\r\nSCW_DEFAULT_PROJECT_ID=(SCW_DEFAULT_PROJECT_ID)\nROTATOR_PROBE_APPLICATION=(ROTATOR_PROBE_APPLICATION)\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A person has time to edit the file while setup asks.
func TestAFileThatWasChangedMeanwhileIsLeft(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "ROTATOR_GRACE=2d\n"} {
		r := enter(t)
		if before != "" {
			r.put(before, 0o600)
		}
		f, steps, err := r.plan(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		r.put("ROTATOR_GRACE=3d\n", 0o600)
		err = setup.Apply(t.Context(), r.o, f, steps, func(setup.Step) {})
		if err == nil || !strings.Contains(err.Error(), ".env: was changed meanwhile") || r.text() != "ROTATOR_GRACE=3d\n" {
			t.Errorf("it says %v", err)
		}
		if diff := cmp.Diff([]string{"write .env"}, r.set(false)); diff != "" || r.values()["ROTATOR_GRACE"] != "3d" {
			t.Errorf("-want +got:\n%s", diff)
		}
		r.complete()
	}
}

func TestALinkStaysOne(t *testing.T) {
	t.Parallel()
	r := enter(t)
	real := filepath.Join(t.TempDir(), "settings")
	path := filepath.Join(r.o.Root, ".env")
	if err := errors.Join(os.WriteFile(real, []byte("A=b\n"), 0o600), os.Symlink(real, path)); err != nil {
		t.Fatal(err)
	}
	r.set(false)
	r.complete()
	if at, err := os.Readlink(path); err != nil || at != real {
		t.Errorf("it leads to %q, %v", at, err)
	}
}

// What cannot be done is refused before anything is changed.
func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		spot func(r *room)
		want string
	}{
		{"a read-only file", func(r *room) { r.put("A=b\n", 0o400) }, ".env: is read-only: chmod u+w .env"},
		{"a file that osls would read otherwise", func(r *room) { r.put("A=$b\n", 0o600) }, ".env:1: A: the value"},
		{"another project's file", func(r *room) { r.put("SCW_DEFAULT_PROJECT_ID="+r.Project("other")+"\n", 0o600) }, "and this is about"},
		{"a checking application that is gone", func(r *room) {
			r.put("ROTATOR_PROBE_APPLICATION=11111111-2222-4333-8444-555555555555\n", 0o600)
		}, "the organization has no such application: take the line out"},
		{"two applications", func(r *room) {
			for range 2 {
				r.MustCall("POST", emulatortest.AppsPath, emulatortest.Object{"name": "a", "description": setup.Description(setup.Function, r.o.ProjectID)})
			}
		}, "which one is it?"},
		{"no project", func(r *room) { r.o.ProjectID = "11111111-2222-4333-8444-555555555555" }, "there is none: look at --project"},
		{"a dead key", func(r *room) { r.o.SecretKey = "11111111-2222-4333-8444-555555555555" }, "the API does not accept the key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := enter(t)
			test.spot(r)
			if _, _, err := r.plan(t.Context(), false); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it says %v, want %q", err, test.want)
			}
			if err := os.RemoveAll(filepath.Join(r.o.Root, ".env")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A checking application that somebody has made stays the one.
func TestACheckingApplicationOfOnesOwnStays(t *testing.T) {
	t.Parallel()
	r := enter(t)
	own := r.MustCall("POST", emulatortest.AppsPath, emulatortest.Object{"name": "mine"})["id"].(string)
	r.put("ROTATOR_PROBE_APPLICATION="+own+"\n", 0o600)
	if diff := cmp.Diff([]string{"make application function", "make policy function", "write .env"}, r.set(false)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := r.values()["ROTATOR_PROBE_APPLICATION"]; got != own {
		t.Errorf("it is %s", got)
	}
}

package doctor_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

const days = emulator.SeedAge(24 * time.Hour)

const (
	checkout      = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f104"
	ownAccess     = "SCWROTATOR0000000001"
	checkoutKey   = "SCWCHECKOUT000000001"
	projectID     = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102"
	otherProject  = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f103"
	organization  = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101"
	unreachable   = "http://127.0.0.1:1"
	functionsPath = "/functions/v1beta1/regions/fr-par"
)

// wellSet is a project as it should be: the function deployed as serverless.yml
// says, on a key of an application with the policy that setup makes, and one
// application whose key it has rotated.
func wellSet() emulator.Seed {
	fence := scaleway.Fence{Folder: "/rotator"}
	rules := []emulator.SeedRule{{Organization: true}, {Projects: []string{"demo"}}, {Projects: []string{"demo"}, Condition: scaleway.FolderCondition("/rotator")}}
	for _, set := range scaleway.Policy() {
		at := &rules[1]
		switch {
		case set.Organization:
			at = &rules[0]
		case fence.Condition(set) != "":
			at = &rules[2]
		}
		at.PermissionSets = append(at.PermissionSets, set.Name)
	}
	return emulator.Seed{
		OrganizationID: organization,
		Projects:       []emulator.SeedProject{{Name: "demo", ID: projectID}, {Name: "other", ID: otherProject}},
		Applications: []emulator.SeedApplication{
			{
				Name:     "rotator",
				Keys:     []emulator.SeedKey{{AccessKey: ownAccess, Description: "key rotator [rotator " + projectID + "]", Age: 20 * days, ExpiresIn: 70 * days, Project: "demo"}},
				Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: rules}},
			},
			{
				Name: "checkout", ID: checkout,
				Keys:     []emulator.SeedKey{{AccessKey: checkoutKey, Description: "checkout [rotator " + projectID + "]", Age: 10 * days, ExpiresIn: 80 * days, Project: "demo"}},
				Policies: []emulator.SeedPolicy{{Name: "callers", Rules: emulator.CallerRules("demo")}},
			},
		},
		Secrets: []emulator.SeedSecret{
			{
				Name: checkout, Project: "demo", Path: "/rotator", Type: "key_value", Tags: []string{"rotator", "application=" + checkout},
				Versions: []emulator.SeedVersion{{
					Data: `{"access_key":"` + checkoutKey + `","secret_key":"${secret_key:checkout}"}`, Description: "rotator: key " + checkoutKey, Age: 10 * days,
				}},
			},
		},
		Serverless: []emulator.SeedPlace{{Project: "demo", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "shop", Functions: []emulator.SeedFunction{
				{Name: "checkout-api"},
				{Name: "webhooks", Privacy: "public", SecretEnv: map[string]string{"CHECKOUT_KEY": "${secret_key:checkout}"}},
			}}},
		}}},
	}
}

// clinic is an emulated project behind a socket, and the doctor.
type clinic struct {
	*emulatortest.Env

	t         *testing.T
	manifest  manifest.Service
	function  string // its ID; "": it was not deployed
	caller    []string
	control   string // that .env has
	endpoints http.RoundTripper
	api       http.RoundTripper // nil: as it is
	own       emulator.KeyPair  // that .env has for the function
}

const control = "made-up-control-secret-of-this-test"

// open runs an emulator of seed, with the function in it unless absent.
func open(t *testing.T, seed emulator.Seed, absent ...bool) *clinic {
	t.Helper()
	return openWith(t, emulator.Options{}, seed, absent...)
}

func openWith(t *testing.T, o emulator.Options, seed emulator.Seed, absent ...bool) *clinic {
	t.Helper()
	o.Seed = 1
	c := &clinic{Env: emulatortest.Start(t, o, seed), t: t, control: control}
	c.endpoints = c.RoundTripper()
	server := httptest.NewServer(c.API())
	t.Cleanup(server.Close)
	c.caller = []string{
		"ROTATOR_ACCESS_KEY=" + c.AccessKey, "ROTATOR_SECRET_KEY=" + c.Secret, "ROTATOR_API_URL=" + server.URL,
		"ROTATOR_ORGANIZATION_ID=" + c.Organization(), "ROTATOR_PROJECT_ID=" + c.Project("demo"),
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	c.manifest, err = manifest.Parse(text, map[string]string{
		"ROTATOR_ACCESS_KEY": ownAccess, "ROTATOR_SECRET_KEY": "", "ROTATOR_CONTROL_SECRET": "",
		"ROTATOR_ORGANIZATION_ID": c.Organization(), "ROTATOR_PROJECT_ID": c.Project("demo"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(absent) == 0 {
		c.deploy()
	}
	return c
}

// deploy makes the function as the plugin does.
func (c *clinic) deploy() {
	c.t.Helper()
	m := c.manifest
	ns := c.MustCall("POST", functionsPath+"/namespaces", emulatortest.Object{"name": m.Name, "project_id": c.Project("demo")})
	c.Clock().Advance(time.Minute)
	fn := c.MustCall("POST", functionsPath+"/functions", emulatortest.Object{
		"namespace_id": ns["id"], "name": m.Function.Name, "runtime": m.Runtime, "handler": m.Function.Handler,
		"privacy": m.Function.Privacy, "http_option": m.Function.HTTP, "min_scale": m.Function.Min, "max_scale": m.Function.Max,
		"memory_limit": m.Function.Memory, "timeout": m.Function.Timeout, "environment_variables": m.Function.Env,
		"secret_environment_variables": []emulatortest.Object{
			{"key": "ROTATOR_SECRET_KEY", "value": c.Keys("rotator")[0].SecretKey},
			{"key": "ROTATOR_CONTROL_SECRET", "value": control},
		},
	})
	c.function = fn["id"].(string)
	c.upload()
	c.SetBehaviour(c.function, http.HandlerFunc(c.code))
	c.cron("17 3 * * *", emulatortest.Object{})
}

// code is the function's own, with the variables that it was last deployed with.
func (c *clinic) code(w http.ResponseWriter, r *http.Request) {
	handler.New(c.Running(c.function), io.Discard, handler.Options{API: c.RoundTripper(), Endpoints: c.RoundTripper(), Clock: c.clock()}).ServeHTTP(w, r)
}

func (c *clinic) clock() clock.Clock {
	return clock.Clock{Now: c.Clock().Now, Sleep: c.Clock().Sleep, After: c.Clock().After, Emulated: true}
}

// upload brings code, and deploys it.
func (c *clinic) upload() {
	c.t.Helper()
	path := functionsPath + "/functions/" + c.function
	at := c.MustCall("GET", path+"/upload-url?content_length=4", nil)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPut, at["url"].(string), strings.NewReader("code"))
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	c.MustCall("POST", path+"/deploy", emulatortest.Object{})
	c.Clock().Advance(10 * time.Minute)
}

func (c *clinic) cron(schedule string, args emulatortest.Object) {
	c.t.Helper()
	c.MustCall("POST", functionsPath+"/crons", emulatortest.Object{"function_id": c.function, "schedule": schedule, "args": args})
	c.Clock().Advance(time.Minute)
}

// patch changes the function by hand.
func (c *clinic) patch(fields emulatortest.Object) {
	c.t.Helper()
	c.MustCall("PATCH", functionsPath+"/functions/"+c.function, fields)
	c.Clock().Advance(10 * time.Minute)
}

// examine has the doctor look. Whatever is wrong, nothing is changed, and no secret
// is in what it says.
func (c *clinic) examine() doctor.Result {
	c.t.Helper()
	before := len(c.History())
	r := doctor.Examine(c.t.Context(), doctor.Options{
		Caller: c.caller, Manifest: c.manifest, Endpoints: c.endpoints, API: c.api, Clock: c.clock(),
		ControlSecret: c.control, OwnAccessKey: c.own.AccessKey, OwnSecretKey: c.own.SecretKey,
	})
	for _, request := range c.History()[before:] {
		if request.Method != http.MethodGet {
			c.t.Errorf("the doctor sent %s %s%s", request.Method, request.Host, request.Path)
		}
	}
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		c.t.Fatal(err)
	}
	if err := r.JSON(&out); err != nil {
		c.t.Fatal(err)
	}
	known := emulatortest.Secrets{control: "the control secret"}
	known.Learn(c.Emulator)
	if found := known.Leaks(out.String()); len(found) > 0 {
		c.t.Errorf("it shows %v", found)
	}
	for _, line := range r.Lines {
		if (line.Mend == "") != (line.Mark == doctor.Right) {
			c.t.Errorf("%s: %s: mended by %q", line.Mark, line.Text, line.Mend)
		}
	}
	return r
}

// says wants one line of that mark, in words that begin so, and returns it.
func says(t *testing.T, r doctor.Result, mark doctor.Mark, part string) doctor.Line {
	t.Helper()
	i := slices.IndexFunc(r.Lines, func(l doctor.Line) bool { return l.Mark == mark && strings.Contains(l.Text, part) })
	if i < 0 {
		t.Errorf("no line is %s and says %q in:\n%s", mark, part, said(r))
		return doctor.Line{}
	}
	return r.Lines[i]
}

func said(r doctor.Result) string {
	var out strings.Builder
	_ = r.Text(&out)
	return out.String()
}

// only wants no line but these to be other than right.
func only(t *testing.T, r doctor.Result, parts ...string) {
	t.Helper()
	for _, l := range r.Lines {
		if l.Mark != doctor.Right && !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(l.Text, part) }) {
			t.Errorf("it says, too: %s", fmt.Sprint(l))
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// Ctrl-C at each request of a first deployment, setup included, before what it
// asks for was done and after: run again, it ends right, with one of everything.
func TestLongAFirstDeploymentThatIsInterruptedAnywhereEndsRight(t *testing.T) {
	t.Parallel()
	whole := newClone(t)
	if status, said := whole.deploy(0, false); status != exitDone {
		t.Fatalf("uninterrupted, it ends with %d:\n%s", status, said)
	}
	whole.right()
	if len(whole.seen) < 20 {
		t.Fatalf("only %d requests: %v", len(whole.seen), whole.seen)
	}
	for at, request := range whole.seen {
		for _, after := range []bool{false, true} {
			if after && strings.HasPrefix(request, http.MethodGet) {
				continue
			}
			t.Run(fmt.Sprintf("%d %s after=%t", at+1, strings.ReplaceAll(request, "/", "_"), after), func(t *testing.T) {
				t.Parallel()
				c := newClone(t)
				status, said := c.deploy(at+1, after)
				if status != exitFailed || !strings.Contains(said, "again") {
					t.Errorf("interrupted, it ends with %d, and says:\n%s", status, said)
				}
				if status, said := c.deploy(0, false); status != exitDone {
					t.Errorf("run again, it ends with %d:\n%s", status, said)
				}
				c.right()
			})
		}
	}
}

// clone is a folder to deploy from, and the organization to deploy into.
type clone struct {
	*emulatortest.Env

	t     *testing.T
	root  string
	vars  []string
	strip emulatortest.Secrets

	mu      sync.Mutex
	seen    []string // the requests of the last deployment
	at      int      // the one that is interrupted, from 1 on; 0: none
	after   bool     // it was done
	process *os.Process
}

func newClone(t *testing.T) *clone {
	t.Helper()
	c := &clone{t: t, root: t.TempDir(), strip: emulatortest.Secrets{}}
	c.Env = emulatortest.Start(t, emulator.Options{HashMemory: 8}, emulator.Seed{Projects: []emulator.SeedProject{{Name: "demo"}, {Name: "other"}}})
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	yml, err := os.ReadFile("../serverless.yml")
	const modules = `{"packages": {"node_modules/osls": {"version": "1"}, "node_modules/serverless-scaleway-functions": {"version": "1"}, "node_modules/argon2": {"version": "1"}}}`
	for name, text := range map[string]string{
		"serverless.yml": string(yml), "package-lock.json": modules, "node_modules/.package-lock.json": modules,
		"go.mod":      "module example.com/fixture\n\ngo 1.26.0\n",
		"function.go": "package fixture\n\nimport \"net/http\"\n\nfunc Handle(http.ResponseWriter, *http.Request) {}\n",
		// What is built is not the subject here.
		"bin/go": "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\n: >\"$2\"\n",
	} {
		at := filepath.Join(c.root, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte(text), 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.vars = []string{
		"PATH=" + filepath.Join(c.root, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + c.root, "TMPDIR=" + t.TempDir(), "GORACE=" + hurry,
		"SCW_API_URL=" + server.URL, "SCW_ACCESS_KEY=" + c.AccessKey, "SCW_SECRET_KEY=" + c.Secret,
		"SCW_DEFAULT_ORGANIZATION_ID=" + c.Organization(), "SCW_DEFAULT_PROJECT_ID=" + c.Project("demo"),
	}
	return c
}

// deploy is the process itself, with a real signal at that request.
func (c *clone) deploy(at int, after bool) (status int, said string) {
	c.t.Helper()
	c.mu.Lock()
	c.seen, c.at, c.after = nil, at, after
	cmd := exec.CommandContext(c.t.Context(), "local", "deploy", "--yes")
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.root, c.vars, &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.process = cmd.Process
	c.mu.Unlock()
	err := cmd.Wait()
	c.strip.Learn(c.Emulator)
	if control := c.values()["ROTATOR_CONTROL_SECRET"]; control != "" {
		c.strip[control] = "the control secret"
	}
	if found := c.strip.Leaks(out.String()); len(found) > 0 {
		c.t.Errorf("it shows %v", found)
	}
	if exited, is := errors.AsType[*exec.ExitError](err); is {
		return exited.ExitCode(), out.String()
	}
	return 0, out.String()
}

// ServeHTTP is the API, a minute later each time, so that nobody has to look again
// whether something is done. A request that is interrupted gets no answer: the process
// is gone before that.
func (c *clone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	c.seen = append(c.seen, r.Method+" "+r.URL.Path)
	struck, process := len(c.seen) == c.at, c.process
	c.mu.Unlock()
	c.Clock().Advance(time.Minute)
	if !struck {
		c.API().ServeHTTP(w, r)
		return
	}
	if c.after {
		c.API().ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := process.Signal(os.Interrupt); err != nil {
		c.t.Error(err)
	}
	<-r.Context().Done()
}

func (c *clone) values() map[string]string {
	c.t.Helper()
	values, err := manifest.Environment(c.root, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return values
}

// right wants one of everything, and nothing beside it.
func (c *clone) right() {
	c.t.Helper()
	project := c.Project("demo")
	want := []string{setup.Description(setup.Function, project), setup.Description(setup.Checking, project)}
	for _, at := range [][2]string{{emulatortest.AppsPath, "applications"}, {emulatortest.PoliciesPath, "policies"}} {
		got := slices.DeleteFunc(emulatortest.Column(c.MustCall("GET", at[0]+"?page_size=100", nil), at[1], "description"), func(d string) bool { return !strings.HasPrefix(d, "key-rotator") })
		if slices.Sort(got); !slices.Equal(got, want) {
			c.t.Errorf("there are %s %q", at[1], got)
		}
	}
	const region = "/functions/v1beta1/regions/fr-par"
	list, err := json.Marshal(c.MustCall("GET", region+"/functions", nil)["functions"])
	var deployed []struct {
		Env map[string]string `json:"environment_variables"`
	}
	if err = errors.Join(err, json.Unmarshal(list, &deployed)); err != nil {
		c.t.Fatal(err)
	}
	keys := c.Keys("key-rotator demo")
	if len(deployed) != 1 || len(keys) != 1 || deployed[0].Env["ROTATOR_ACCESS_KEY"] != keys[0].AccessKey {
		c.t.Errorf("there are %d keys, and functions %s", len(keys), list)
	}
	if crons := emulatortest.Column(c.MustCall("GET", region+"/crons", nil), "crons", "schedule"); len(crons) != 1 {
		c.t.Errorf("there are crons %v", crons)
	}
	left, err := filepath.Glob(filepath.Join(c.root, ".env*"))
	if err != nil || len(left) != 1 || len(c.values()["ROTATOR_CONTROL_SECRET"]) != 64 {
		c.t.Errorf("there is %v", left)
	}
}

//go:build deploy

// The tests in this file run the real osls and the real plugin, as make test-deploy has installed them.

package deploy

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/platform"
)

func TestADeployMakesOneFunctionWithOneCron(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	for _, what := range []string{"first deploy", "redeploy"} {
		code, output := p.doDeploy(t, api)
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", what, code, output)
		}
		noSecret(t, output)
		if !strings.Contains(output, `"url":"https://scwkeyrotator-rotator.functions.fnc.fr-par.scw.cloud"`) {
			t.Errorf("%s: no word of success:\n%s", what, output)
		}
		if len(api.functions) != 1 || len(api.crons) != 1 || api.crons[0]["schedule"] != "17 3 * * *" {
			t.Errorf("%s: have functions %v, crons %v", what, api.functions, api.crons)
		}
		if n := api.count("PATCH namespaces/ns"); n != 0 {
			t.Errorf("%s: changed the namespace", what)
		}
	}
	function := api.functions[0]
	for key, want := range map[string]any{
		"privacy": "private", "http_option": "redirected", "runtime": "go126", "handler": "Handle",
		"timeout": "900s", "min_scale": 0.0, "max_scale": 1.0, "memory_limit": 512.0,
	} {
		if function[key] != want {
			t.Errorf("%s: got %v, want %v", key, function[key], want)
		}
	}
	patterns := []string{"!**", "go.mod", "go.sum", "*.go", "handler/**/*.go", "internal/**/*.go", "!**/*_test.go"}
	preview, err := platform.Pack(p.Root, patterns)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, preview), contents(t, api.upload)); diff != "" {
		t.Errorf("osls uploads what platform.Pack does not preview, -preview +upload:\n%s", diff)
	}
}

func TestAFailedTriggerIsSaidWithoutTheKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault answer
		want  string
	}{
		{"refusal", answer{409, "application/json", `{"message":"resource is in a transient state"}`}, "POST crons: resource is in a transient state"},
		{"a gateway's page", answer{502, "text/html", "<html>bad gateway</html>"}, "POST crons: Request failed with status code 502"},
		{"empty", answer{500, "application/json", ""}, "POST crons: Request failed with status code 500"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api, p := newStub(t), project(t)
			api.faults["POST crons"] = test.fault
			code, output := p.doDeploy(t, api)
			noSecret(t, output)
			if code != 1 || !strings.Contains(output, test.want) {
				t.Errorf("exit code %d, want 1 and %q in:\n%s", code, test.want, output)
			}
			if want := `crons of rotator: is none, want "17 3 * * *"`; !strings.Contains(output, want) {
				t.Errorf("want %q in:\n%s", want, output)
			}
			if strings.Contains(output, "<secret>") {
				t.Errorf("osls printed the key, and only the filter hid it:\n%s", output)
			}
		})
	}
}

// Without our own plugin, to show that the second net holds: there, the key is printed.
func TestTheFilterHidesTheKeyThatThePluginPrints(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	put(t, p.Root, "deploy/osls-mend.js", "module.exports = class {};\n")
	api.faults["POST crons"] = answer{409, "application/json", `{"message":"resource is in a transient state"}`}
	code, output := p.doDeploy(t, api)
	noSecret(t, output)
	if code != 1 || !strings.Contains(output, "<secret>") {
		t.Errorf("exit code %d, want 1, and the place where the key stood in:\n%s", code, output)
	}
}

func TestADeployWaitsForAPendingNamespace(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	api.namespaces = []object{{"id": "ns", "name": "scw-key-rotator", "project_id": projectID, "environment_variables": object{"OTHERS": "1"}}}
	api.pending = func(look int) bool { return look <= 5 }
	if code, output := p.doDeploy(t, api); code != 0 || strings.Contains(output, "trying again") {
		t.Errorf("exit code %d, want 0 at once\n%s", code, output)
	}
	if n := api.count("PATCH namespaces/ns"); n != 0 {
		t.Error("changed the namespace, whose variables are others'")
	}
}

// The plugin would talk to anybody; whoever stands in between would get the key.
func TestOslsGivesTheKeyToNoUnknownServer(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	impostor := httptest.NewUnstartedServer(api)
	impostor.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the broken handshake
	impostor.StartTLS()
	t.Cleanup(impostor.Close)
	env, err := readEnvironment(p.Root, append(os.Environ(), settings(impostor.URL)...))
	if err != nil {
		t.Fatal(err)
	}
	var output buffer
	p.Stdout, p.Stderr = &output, &output
	err = p.osls(t.Context(), service{Region: region}, env, "deploy")
	if err == nil || len(api.requests) > 0 || !strings.Contains(output.String(), "certificate") {
		t.Errorf("got error %v, requests %v; want a word about the certificate in:\n%s", err, api.requests, output.String())
	}
}

func TestADeployTriesAgainWhenOslsMeetsAPendingNamespace(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	api.namespaces = []object{{"id": "ns", "name": "scw-key-rotator", "project_id": projectID}}
	// The first two looks are our own: ready? what is there? Then osls looks, and we again.
	api.pending = func(look int) bool { return look == 3 || look == 4 }
	if code, output := p.doDeploy(t, api); code != 0 || strings.Count(output, "trying again") != 1 {
		t.Errorf("exit code %d, want 0 at the second try\n%s", code, output)
	}
}

func TestARedeployMakesNoCronBesideOneThatStays(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	if code, output := p.doDeploy(t, api); code != 0 {
		t.Fatalf("exit code %d\n%s", code, output)
	}
	old := api.crons[0]["id"].(string)
	api.faults["DELETE crons/"+old] = answer{500, "application/json", `{"message":"Internal error"}`}
	code, output := p.doDeploy(t, api)
	noSecret(t, output)
	if want := "DELETE crons/" + old + ": Internal error"; code != 1 || !strings.Contains(output, want) {
		t.Errorf("exit code %d, want 1 and %q in:\n%s", code, want, output)
	}
	if n := api.count("POST crons"); n != 1 {
		t.Errorf("made %d crons, want 1: the old one is still there", n)
	}
}

func TestUndeployDeletesOnlyWhatWasNamed(t *testing.T) {
	t.Parallel()
	api, p := newStub(t), project(t)
	api.namespaces = []object{{"id": "ns", "name": "scw-key-rotator", "project_id": projectID}}
	for _, test := range []struct {
		says      error
		code, del int
	}{{errors.New("no"), 1, 0}, {nil, 0, 1}} {
		asked := ""
		p.Confirm = func(_ context.Context, namespace string) error { asked = namespace; return test.says }
		code, output := p.do(t, api, func(p Deployer) error { _, err := p.Undeploy(t.Context(), false); return err })
		noSecret(t, output)
		if code != test.code || asked != "scw-key-rotator" || api.count("DELETE namespaces/ns") != test.del {
			t.Errorf("asked about %q, who says %v: exit code %d, %d deletions\n%s", asked, test.says, code, api.count("DELETE namespaces/ns"), output)
		}
	}
}

func TestOslsPacksThisProjectAsPreviewed(t *testing.T) {
	t.Parallel()
	top := filepath.Join("..", "..")
	p := project(t)
	if err := os.RemoveAll(p.Root); err != nil {
		t.Fatal(err)
	}
	copyTree(t, top, p.Root)
	link(t, p.Root)
	text, err := os.ReadFile(filepath.Join(p.Root, "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	patterns, err := platform.Patterns(text)
	if err != nil {
		t.Fatal(err)
	}
	env, err := readEnvironment(p.Root, append(os.Environ(), settings("")...))
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	p.Stdout, p.Stderr = &output, &output
	if err := p.osls(t.Context(), service{Region: region}, env, "package"); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	packed, err := os.ReadFile(filepath.Join(p.Root, ".serverless", "scw-key-rotator.zip"))
	if err != nil {
		t.Fatal(err)
	}
	preview, err := platform.Pack(p.Root, patterns)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, preview), contents(t, packed)); diff != "" {
		t.Errorf("-preview +osls:\n%s", diff)
	}
}

func (p Deployer) doDeploy(t *testing.T, api *stub) (int, string) {
	t.Helper()
	return p.do(t, api, func(p Deployer) error {
		r, err := p.Deploy(t.Context(), Options{})
		return errors.Join(err, json.NewEncoder(p.Stdout).Encode(r))
	})
}

// do returns an exit status, and all that a person would see.
func (p Deployer) do(t *testing.T, api *stub, work func(Deployer) error) (int, string) {
	t.Helper()
	var output buffer
	p.Stdout, p.Stderr, p.Poll = &output, &output, time.Millisecond
	p.Environ = append(os.Environ(), settings(api.url)...)
	if err := work(p); err != nil {
		return 1, output.String() + err.Error()
	}
	return 0, output.String()
}

// project is a folder with this project's deployment and a function without dependencies.
func project(t *testing.T) Deployer {
	t.Helper()
	root := t.TempDir()
	top := filepath.Join("..", "..")
	for _, name := range []string{"serverless.yml", "package.json", "package-lock.json", "deploy/osls-mend.js"} {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, root, name, string(text))
	}
	put(t, root, "go.mod", "module example.com/fixture\n\ngo 1.26.0\n")
	put(t, root, "function.go", "package fixture\n\nimport \"net/http\"\n\nfunc Handle(http.ResponseWriter, *http.Request) {}\n")
	put(t, root, "function_test.go", "package fixture\n")
	put(t, root, "local/main.go", "package main\n\nfunc main() {}\n")
	link(t, root)
	return Deployer{During: quietly, Root: root}
}

func link(t *testing.T, root string) {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join("..", "..", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Fatalf("%v: run make test-deploy, which installs it", err)
	}
	if err := os.Symlink(modules, filepath.Join(root, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if slices.Contains([]string{".git", "node_modules", ".serverless"}, entry.Name()) {
			continue
		}
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if entry.IsDir() {
			copyTree(t, source, target)
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, entry.Name(), string(text))
	}
}

// contents are an archive's files.
func contents(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range reader.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(content); err != nil {
			t.Fatal(err)
		}
		files[file.Name] = text.String()
	}
	return files
}

package deploy

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/manifest"
)

func TestADeployRefusesWhatItWouldBreak(t *testing.T) {
	t.Parallel()
	own := func(extra object) object {
		f := object{"id": "fn", "name": "rotator", "namespace_id": "ns", "environment_variables": object{ownAccessKey: ownAccess}}
		maps.Copy(f, extra)
		return f
	}
	for _, test := range []struct {
		name      string
		functions []object
		domains   []object
		lose      bool
		want      string
	}{
		{name: "first deploy"},
		{name: "redeploy", functions: []object{own(nil)}},
		{
			name: "renamed function", functions: []object{own(object{"id": "old", "name": "old"})},
			want: "function scw-key-rotator/old is there too, and would go on with its cron: renamed? Delete it first, or undo the renaming",
		},
		{
			name: "set by hand", functions: []object{own(object{
				"environment_variables":        object{ownAccessKey: ownAccess, "EXTRA": "1"},
				"secret_environment_variables": []object{{"key": "HAND", "hashed_value": "x"}},
			})}, domains: []object{{"id": "d", "hostname": "keys.example.com", "function_id": "fn"}, {"id": "e", "hostname": "others.example.com", "function_id": "other"}},
			want: "the deploy would remove from function rotator what serverless.yml does not have: custom domain keys.example.com, variable EXTRA, secret HAND; add it there, or run make deploy ARGS=--lose",
		},
		{name: "set by hand, given up", lose: true, functions: []object{own(object{"secret_environment_variables": []object{{"key": "HAND", "hashed_value": "x"}}})}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := newStub(t)
			api.namespaces = []object{
				{"id": "ns", "name": "scw-key-rotator", "project_id": projectID},
				{"id": "foreign", "name": "scw-key-rotator", "project_id": "another"},
			}
			api.functions, api.domains = test.functions, test.domains
			s, r := connect(t, api)
			found, err := r.look(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, message(refuse(s, found, test.lose))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestADeadKeyIsNotDeployed(t *testing.T) {
	t.Parallel()
	api := newStub(t)
	_, r := connect(t, api)
	if err := r.keyWorks(t.Context(), ownAccess); err != nil {
		t.Error(err)
	}
	api.keyStatus = 401
	want := "ROTATOR_SECRET_KEY: the API does not accept this key (not_found)"
	if got := message(r.keyWorks(t.Context(), ownAccess)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVerifyWantsExactlyOneCron(t *testing.T) {
	t.Parallel()
	cron := func(id, function, schedule string) object {
		return object{"id": id, "function_id": function, "schedule": schedule}
	}
	going := cron("1", "fn", "17 3 * * *")
	going["status"] = "deleting"
	for _, test := range []struct {
		name  string
		crons []object
		want  string
	}{
		{"one, and the one before it", []object{going, cron("2", "fn", "17 3 * * *")}, ""},
		{"only one that goes", []object{going}, `crons of rotator: is none, want "17 3 * * *"`},
		{"one", []object{cron("1", "fn", "17 3 * * *"), cron("2", "another", "1 1 * * *")}, ""},
		{"none", nil, `crons of rotator: is none, want "17 3 * * *"`},
		{"two", []object{cron("1", "fn", "17 3 * * *"), cron("2", "fn", "17 3 * * *")}, `crons of rotator: is "17 3 * * *" and "17 3 * * *", want "17 3 * * *"`},
		{"another", []object{cron("1", "fn", "0 0 * * *")}, `crons of rotator: is "0 0 * * *", want "17 3 * * *"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := newStub(t)
			api.namespaces = []object{{"id": "ns", "name": "scw-key-rotator", "project_id": projectID}}
			api.functions = []object{{"id": "fn", "name": "rotator", "namespace_id": "ns", "status": "ready", "privacy": "private", "http_option": "redirected"}}
			api.crons = test.crons
			s, r := connect(t, api)
			_, err := r.verify(t.Context(), s)
			if got := message(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The token must not be in the arguments, which everybody on the machine can see.
func TestInvokeGivesCurlTheTokenOnItsInput(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"arguments: $*\"\nenv | grep -E 'SECRET_KEY|CONTROL'\ncat >" + filepath.Join(bin, "stdin") + "\necho " + deployerUID + "\n"
	if err := os.WriteFile(filepath.Join(bin, "curl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	root := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "serverless.yml", string(text))
	var output buffer
	p := Deployer{During: quietly, Root: root, Environ: append(settings(""), "PATH="+os.Getenv("PATH")), Stdout: &output, Stderr: &output}
	if err := p.Invoke(t.Context(), Call{Address: "http://127.0.0.1:8080", Body: `{"dry_run":true}`}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("arguments: -q --config -\n<secret>\n", output.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	stdin, err := os.ReadFile(filepath.Join(bin, "stdin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`header = "X-Auth-Token: ` + deployerUID + `"`, `url = "http://127.0.0.1:8080?format=text"`, `header = "X-Rotator-Control: ` + controlText + `"`, `data = "{\"dry_run\":true}"`} {
		if !strings.Contains(string(stdin), want+"\n") {
			t.Errorf("curl is not told %s", want)
		}
	}
	if err := p.Invoke(t.Context(), Call{Address: "http://example.com"}); !strings.Contains(message(err), "the key would travel in clear") {
		t.Errorf("plain http: %v", err)
	}
}

const controlText = "the-control-secret-of-these-tests"

// settings are the variables that a deploy needs, and no more.
func settings(api string) []string {
	return []string{
		deployerKey + "=" + deployerUID, deployerProject + "=" + projectID, "SCW_API_URL=" + api,
		ownAccessKey + "=" + ownAccess, ownSecretKey + "=" + ownUID, controlSecret + "=" + controlText,
		"ROTATOR_ORGANIZATION_ID=0a1b2c3d-0000-4000-8000-00000000000f", "ROTATOR_PROJECT_ID=" + projectID,
	}
}

func thisService(t *testing.T) (service, environment) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := readEnvironment(t.TempDir(), settings(""))
	if err != nil {
		t.Fatal(err)
	}
	s, err := manifest.Parse(text, env)
	if err != nil {
		t.Fatal(err)
	}
	return s, env
}

func connect(t *testing.T, api *stub) (service, *remote) {
	t.Helper()
	s, env := thisService(t)
	env["SCW_API_URL"] = api.url
	r, err := newRemote(t.Context(), s, env, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func drop(environ []string, name string) []string {
	var rest []string
	for _, pair := range environ {
		if !strings.HasPrefix(pair, name+"=") {
			rest = append(rest, pair)
		}
	}
	return rest
}

func noSecret(t *testing.T, output string) {
	t.Helper()
	for _, secret := range []string{deployerUID, ownUID} {
		if strings.Contains(output, secret) {
			t.Errorf("the output holds a secret:\n%s", strings.ReplaceAll(output, secret, "!!!"+secret+"!!!"))
		}
	}
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	full := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// buffer takes what two pipes write at once.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// quietly tells nothing of what takes long.
func quietly(string) (end func()) { return func() {} }

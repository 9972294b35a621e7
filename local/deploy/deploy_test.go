package deploy

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

func TestTheFilterHidesASecretInEveryForm(t *testing.T) {
	t.Parallel()
	secret := `a"b\c d/é+ünd=&?<>` + "1234"
	for name, text := range map[string]string{
		"plain":              secret,
		"upper case":         strings.ToUpper(secret),
		"JSON of Go":         `"a\"b\\c d/é+ünd=\u0026?\u003c\u003e1234"`,
		"JSON of Node":       `"a\"b\\c d/é+ünd=&?<>1234"`,
		"query":              url.QueryEscape(secret),
		"path":               url.PathEscape(secret),
		"base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 in more":     base64.StdEncoding.EncodeToString([]byte("xy" + secret + "z")),
		"base64 in more (2)": base64.StdEncoding.EncodeToString([]byte("x" + secret)),
		"base64 for URLs":    base64.URLEncoding.EncodeToString([]byte("x:" + secret)),
		"hexadecimal":        hex.EncodeToString([]byte(secret)),
		"a Buffer of Node":   fmt.Sprintf("<Buffer % x>", secret),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{1, 7, len(text)} {
				var out bytes.Buffer
				f := newFilter(&out, []string{secret})
				whole := "before " + text + " after\nnext"
				for at := 0; at < len(whole); at += chunk {
					if _, err := f.Write([]byte(whole[at:min(at+chunk, len(whole))])); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				got := out.String()
				if !strings.Contains(got, "<secret>") || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after\nnext") {
					t.Errorf("in chunks of %d: got %q", chunk, got)
				}
				if form := longestCommon(text, strings.ReplaceAll(got, "<secret>", "\x00")); len(form) > 8 {
					t.Errorf("in chunks of %d: %q is left of the secret in %q", chunk, form, got)
				}
			}
		})
	}
}

func TestTheFilterHoldsBackNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := newFilter(&out, []string{ownUID})
	if _, err := f.Write([]byte("a line\nand a beginning")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "a line\n" {
		t.Errorf("got %q", got)
	}
	// A line without end, with the secret across the limit.
	if _, err := f.Write([]byte(strings.Repeat("x", heldLimit-len("and a beginning")-10) + ownUID[:20])); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(ownUID[20:])); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, ownUID) || !strings.HasSuffix(got, "x<secret>") {
		t.Errorf("got …%q", got[len(got)-80:])
	}
}

// The settings' defaults stand in two places; here they meet.
func TestServerlessYMLHasTheFunctionsSettingsWithTheirDefaults(t *testing.T) {
	t.Parallel()
	s, env := thisService(t)
	if err := checkSettings(s.Function, env); err != nil {
		t.Fatal(err)
	}
	if err := checkFunction(s.Function); err != nil {
		t.Fatal(err)
	}
	all := s.Function.Settings()
	for _, name := range config.Names() {
		if _, ok := all[name]; !ok {
			t.Errorf("%s: not in serverless.yml", name)
		}
		delete(all, name)
	}
	for name := range all {
		t.Errorf("%s: in serverless.yml, but no setting", name)
	}
	want := readConfig(t, settings(""))
	got := readConfig(t, environment(s.Function.Settings()).list())
	if diff := cmp.Diff(want, got, cmp.Comparer(sameSecret)); diff != "" {
		t.Errorf("defaults, -function +serverless.yml:\n%s", diff)
	}
}

func TestChecksNameTheMistake(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, replacement, env, want string }{
		{name: "none"},
		{
			name: "misspelt field", old: "    privacy: private\n", replacement: "    privaci: private\n",
			want: "serverless.yml: functions.rotator.privaci: the plugin does not know it and would pass over it; it knows",
		},
		{
			name: "public", old: "privacy: private", replacement: "privacy: public",
			want: `serverless.yml: functions.rotator.privacy: "public": want private: anybody could start a run`,
		},
		{
			name: "plain http", old: "    httpOption: redirected\n",
			want: `serverless.yml: functions.rotator.httpOption: "": want redirected: keys would travel in clear`,
		},
		{
			name: "unquoted", old: `"${env:ROTATOR_CONCURRENCY, '8'}"`, replacement: "8",
			want: "serverless.yml: functions.rotator.env.ROTATOR_CONCURRENCY: want a string: put it in quotes",
		},
		{
			name: "provider.env", old: "provider:\n", replacement: "provider:\n  env: {A: b}\n",
			want: "serverless.yml: provider.env and provider.secret replace what others have set on the namespace; use the function's",
		},
		{name: "schedule", old: "17 3 * * *", replacement: "*/5 * * * *", want: `schedule "*/5 * * * *": minute "*/5": want`},
		{name: "timeout", old: "900s", replacement: "840s", want: `serverless.yml: timeout "840s": want at least "870s"`},
		{
			name: "missing secret", env: "-ROTATOR_SECRET_KEY",
			want: "ROTATOR_SECRET_KEY: not set, neither in the environment nor in .env (deploy/env.example has a line for it)",
		},
		{
			name: "missing control secret", env: "-ROTATOR_CONTROL_SECRET",
			want: "ROTATOR_CONTROL_SECRET: not set, neither in the environment nor in .env (deploy/env.example has a line for it)",
		},
		{name: "short control secret", env: "ROTATOR_CONTROL_SECRET=a-short-one", want: "configuration: ROTATOR_CONTROL_SECRET: the value (not shown) is not right; want at least 32 letters, digits or signs, and no key: make one with openssl rand -hex 32"},
		{name: "empty secret", env: "ROTATOR_SECRET_KEY=", want: "configuration: ROTATOR_SECRET_KEY: is not set"},
		{name: "malformed secret", env: "ROTATOR_SECRET_KEY=mistyped-secret", want: "configuration: ROTATOR_SECRET_KEY: the value (not shown) is not right"},
		{name: "malformed deployer", env: "SCW_SECRET_KEY=mistyped-secret", want: "SCW_SECRET_KEY: missing or not a UUID (not shown)"},
		{
			name: "another project", env: "ROTATOR_PROJECT_ID=0a1b2c3d-0000-4000-8000-000000000002",
			want: `ROTATOR_PROJECT_ID: "0a1b2c3d-0000-4000-8000-000000000002": want 0a1b2c3d-0000-4000-8000-000000000001`,
		},
		{name: "misspelt setting", env: "ROTATOR_GRASE=1d", want: "ROTATOR_GRASE: serverless.yml has no such setting"},
		{name: "region", env: "SCW_REGION=it-mil", want: `SCW_REGION: "it-mil": want one of fr-par, nl-ams, pl-waw`},
		{name: "other API", env: "SCW_FUNCTION_URL=https://example.com", want: `SCW_FUNCTION_URL: "https://example.com": unset it`},
		{name: "no TLS", env: "NODE_TLS_REJECT_UNAUTHORIZED=0", want: "NODE_TLS_REJECT_UNAUTHORIZED: is set, and the key would be sent to anybody; unset it"},
		{name: "too long", env: "ROTATOR_APPLICATIONS=" + strings.Repeat(projectID+",", 28), want: "serverless.yml: functions.rotator.env.ROTATOR_APPLICATIONS: 1036 characters, the platform takes at most 1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !bytes.Contains(text, []byte(test.old)) {
				t.Fatalf("serverless.yml does not hold %q", test.old)
			}
			yml := strings.Replace(string(text), test.old, test.replacement, 1)
			environ := settings("")
			if name, without := strings.CutPrefix(test.env, "-"); without {
				environ = drop(environ, name)
			} else if test.env != "" {
				environ = append(environ, test.env)
			}
			env, err := readEnvironment(t.TempDir(), environ)
			if err != nil {
				t.Fatal(err)
			}
			got := message(allChecks(yml, env))
			if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if strings.Contains(got, "mistyped-secret") {
				t.Errorf("the secret is shown: %s", got)
			}
		})
	}
}

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
	p := Deployer{Root: root, Environ: append(settings(""), "PATH="+os.Getenv("PATH")), Stdout: &output, Stderr: &output}
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
	r, err := newRemote(s, env, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func allChecks(yml string, env environment) error {
	s, err := manifest.Parse([]byte(yml), env)
	if err != nil {
		return err
	}
	for _, err := range []error{checkDeployer(s, env), checkFunction(s.Function), checkSettings(s.Function, env)} {
		if err != nil {
			return err
		}
	}
	return nil
}

func readConfig(t *testing.T, environ []string) config.Config {
	t.Helper()
	cfg, err := config.Read(environ)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
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

// longestCommon is the longest text that is part of both.
func longestCommon(a, b string) string {
	best := ""
	for from := range len(a) {
		for to := from + len(best) + 1; to <= len(a) && strings.Contains(b, a[from:to]); to++ {
			best = a[from:to]
		}
	}
	return best
}

func sameSecret(a, b redact.Secret) bool { return a.Equal(b) }

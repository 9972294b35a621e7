package deploy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

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
			want: "ROTATOR_CONTROL_SECRET: not set: what a caller sends",
		},
		{name: "short control secret", env: "ROTATOR_CONTROL_SECRET=a-short-one", want: "configuration: ROTATOR_CONTROL_SECRET: the value (not shown) is not right; want at least 32 letters, digits or signs, and no key: make one with openssl rand -hex 32"},
		{name: "empty secret", env: "ROTATOR_SECRET_KEY=", want: "configuration: ROTATOR_SECRET_KEY: is not set"},
		{name: "malformed secret", env: "ROTATOR_SECRET_KEY=mistyped-secret", want: "configuration: ROTATOR_SECRET_KEY: the value (not shown) is not right"},
		{name: "malformed deployer", env: "SCW_SECRET_KEY=mistyped-secret", want: "SCW_SECRET_KEY: is no UUID (not shown)"},
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

// allChecks are those of variables and serverless.yml.
func allChecks(yml string, env environment) error {
	env, missing := env.missing()
	s, err := manifest.Parse([]byte(yml), env)
	if err != nil {
		return errors.Join(missing, err)
	}
	return errors.Join(missing, checkDeployer(s, env), checkFunction(s.Function), checkSettings(s.Function, env))
}

func TestAllThatIsMissingIsSaidAtOnce(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no Node
	root := t.TempDir()
	for _, name := range []string{"serverless.yml", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, root, name, string(text))
	}
	for _, test := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"nothing is set", nil, `nothing was deployed:
node: not found; want Node 18 or later, with npm
osls: not installed as in package-lock.json; run npm ci
SCW_SECRET_KEY: not set: the secret key that deploys: --profile NAME takes that of a scw profile, or put it into .env
SCW_DEFAULT_PROJECT_ID: not set: the project to deploy into: make setup writes it into .env
SCW_DEFAULT_ORGANIZATION_ID: not set: its organization: make setup writes it into .env
ROTATOR_CONTROL_SECRET: not set: what a caller sends to ask for more than a plain run: make setup makes one up in .env, as openssl rand -hex 32 does`},
		{"some is set, and wrong", []string{
			"SCW_SECRET_KEY=mistyped-secret", "SCW_DEFAULT_PROJECT_ID=", "SCW_DEFAULT_ORGANIZATION_ID=" + projectID, "ROTATOR_GRACE=9",
			"SCW_DEBUG=1", "NODE_TLS_REJECT_UNAUTHORIZED=0", "ROTATOR_PROJECT_ID=" + projectID, controlSecret + "=" + controlText,
		}, `nothing was deployed:
node: not found; want Node 18 or later, with npm
osls: not installed as in package-lock.json; run npm ci
SCW_DEFAULT_PROJECT_ID: not set: the project to deploy into: make setup writes it into .env
SCW_SECRET_KEY: is no UUID (not shown); want the secret key that deploys
SCW_DEBUG: is set, and the SDK would print secrets; unset it
NODE_TLS_REJECT_UNAUTHORIZED: is set, and the key would be sent to anybody; unset it
configuration: ROTATOR_GRACE: "9" is not right; want a duration such as 30d, 12h or 90s`},
		{"half a key", drop(drop(settings(""), ownSecretKey), deployerKey), `nothing was deployed:
node: not found; want Node 18 or later, with npm
osls: not installed as in package-lock.json; run npm ci
SCW_SECRET_KEY: not set: the secret key that deploys: --profile NAME takes that of a scw profile, or put it into .env
ROTATOR_SECRET_KEY: not set, neither in the environment nor in .env (deploy/env.example has a line for it)`},
	} {
		for range 10 { // the same each time
			var said buffer
			_, err := Deployer{During: quietly, Root: root, Environ: test.environ, Stdout: &said, Stderr: &said}.Deploy(t.Context(), Options{Check: true})
			if diff := cmp.Diff(test.want, message(err)+said.String()); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	}
}

func readConfig(t *testing.T, environ []string) config.Config {
	t.Helper()
	cfg, err := config.Read(environ)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func sameSecret(a, b redact.Secret) bool { return a.Equal(b) }

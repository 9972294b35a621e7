package deploy

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const (
	rotatorID = "0a1b2c3d-0000-4000-8000-0000000000aa" // the function's application

	first, second = "SCWAAAAAAAAAAAAAAAAA", "SCWBBBBBBBBBBBBBBBBB" // the application's keys
)

// all is what the deployer needs for everything.
var all = []string{"FunctionsFullAccess", "IAMReadOnly", "IAMApplicationManager"}

// scene is a project whose function may have replaced its own key.
type scene struct {
	running string   // the key that the deployed function has; "": nothing is deployed
	bare    bool     // it has no secret key
	without string   // of the deployer's permission sets
	dead    []string // keys
}

func (s scene) start(t *testing.T, o emulator.Options) *emulatortest.Env {
	t.Helper()
	seed := emulator.Empty()
	seed.OrganizationID = "0a1b2c3d-0000-4000-8000-00000000000f"
	seed.Projects = append(seed.Projects, emulator.SeedProject{Name: "shop", ID: projectID}, emulator.SeedProject{Name: "other"})
	sets := slices.DeleteFunc(slices.Clone(all), func(set string) bool { return set == s.without })
	rules := func(organization bool) emulator.SeedRule {
		r := emulator.SeedRule{Organization: organization}
		for _, set := range sets {
			if organization == strings.HasPrefix(set, "IAM") {
				r.PermissionSets = append(r.PermissionSets, set)
			}
		}
		if !organization {
			r.Projects = []string{"shop"}
		}
		return r
	}
	policy := emulator.SeedPolicy{Name: "deployer", Rules: []emulator.SeedRule{rules(false)}}
	if organization := rules(true); len(organization.PermissionSets) > 0 {
		policy.Rules = append(policy.Rules, organization)
	}
	seed.Applications = append(seed.Applications,
		emulator.SeedApplication{
			Name: "rotator", ID: rotatorID, Keys: []emulator.SeedKey{{AccessKey: first}, {AccessKey: second}},
			Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("shop")}},
		},
		emulator.SeedApplication{Name: "deployer", Keys: []emulator.SeedKey{{}}, Policies: []emulator.SeedPolicy{policy}},
	)
	if s.running != "" {
		place := emulator.SeedPlace{Project: "shop"}
		f := emulator.SeedFunction{Name: "rotator", Env: map[string]string{ownAccessKey: s.running}}
		if !s.bare {
			f.SecretEnv = map[string]string{ownSecretKey: "${secret_key:" + s.running + "}"}
		}
		place.FunctionNamespaces = []emulator.SeedFunctionNamespace{{Name: "scw-key-rotator", Functions: []emulator.SeedFunction{f}}}
		seed.Serverless = append(seed.Serverless, place)
	}
	return emulatortest.Start(t, o, seed)
}

// deployed is a scene and a person in front of it.
type deployed struct {
	env     *emulatortest.Env
	program Deployer
	output  *buffer
	environ []string
	secrets map[string]string // by access key
	first   bool              // it is the first deployment, which makes a key
}

func deployment(t *testing.T, s scene, o emulator.Options) deployed {
	t.Helper()
	d := deployed{env: s.start(t, o), output: &buffer{}, secrets: map[string]string{}}
	api := httptest.NewServer(d.env.API())
	t.Cleanup(api.Close)
	for _, pair := range d.env.Keys("rotator") {
		d.secrets[pair.AccessKey] = pair.SecretKey
	}
	for _, key := range s.dead {
		d.env.MustCall("DELETE", "/iam/v1alpha1/api-keys/"+key, nil)
	}
	d.environ = append(drop(drop(settings(api.URL), deployerKey), ownSecretKey),
		deployerKey+"="+d.env.Keys("deployer")[0].SecretKey, ownSecretKey+"="+d.secrets[first])
	text, err := os.ReadFile(filepath.Join("..", "..", "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	d.program = Deployer{During: quietly, Root: t.TempDir(), Poll: time.Millisecond}
	put(t, d.program.Root, "serverless.yml", string(text))
	return d
}

// prepare returns the environment with which osls would deploy, and what was said. It looks for every secret in that.
func (d deployed) prepare(t *testing.T, o Options) (chosen environment, said string) {
	t.Helper()
	env, err := readEnvironment(d.program.Root, d.environ)
	if err != nil {
		t.Fatal(err)
	}
	env = env.withOwnKey()
	p, before := d.program, len(d.env.History())
	out, errs := newFilter(d.output, env.secrets()), newFilter(d.output, env.secrets())
	p.Stdout, p.Stderr = out, errs
	s, err := p.service(env)
	if err != nil {
		t.Fatal(err)
	}
	s, env, _, _, err = p.prepare(t.Context(), s, env, o)
	if err == nil {
		chosen = env
		if s.Function.Env[ownAccessKey] != chosen[ownAccessKey] || s.Function.Secret[ownSecretKey] != chosen[ownSecretKey] {
			t.Error("osls's environment and serverless.yml have different keys")
		}
		// Whatever osls prints of the key, either way.
		for _, filter := range []*filter{out, errs} {
			if _, err := filter.Write([]byte(chosen[ownSecretKey] + "\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, filter := range []*filter{out, errs} {
		if err := filter.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range d.env.History()[before:] {
		if r.Method != "GET" && (o.DryRun || !o.NewKey && !d.first) {
			t.Errorf("a look changes something: %s %s", r.Method, r.Path)
		}
	}
	text := d.output.String() + message(err)
	secrets := emulatortest.Secrets{}
	secrets.Learn(d.env.Emulator)
	if found := secrets.Leaks(text); len(found) > 0 {
		t.Errorf("the output holds secrets: %v", found)
	}
	return chosen, strings.NewReplacer("<secret>\n", "", keptSecret+"\n", "").Replace(text)
}

package rotator_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

// deployment is what serverless.yml and the policy on the one hand, and
// deploy/terraform on the other, make of the same function. What whoever deploys
// gives stands in it as var.NAME.
type deployment struct {
	Namespace, Name, Description, Region string
	Runtime, Handler                     string
	Privacy, HTTPOption                  string
	Min, Max, Memory, Timeout            int
	Plain, Secret                        map[string]string // with every setting given
	Bare                                 []string          // plain ones, with none given
	Accepted                             []string          // settings that may be given
	Ignored                              []string          // variables that the function changes, and a deployment leaves
	Schedule, Input                      string
	Follows                              []string // what, made anew, makes the cron anew
	Sets                                 []string // permission sets, with their scopes
}

// given is what people give, under its name in serverless.yml. All other plain
// settings have a default there.
var given = map[string]string{
	"ROTATOR_ACCESS_KEY":      "var.first_access_key",
	"ROTATOR_ORGANIZATION_ID": "var.organization_id",
	"ROTATOR_PROJECT_ID":      "var.project_id",
	"ROTATOR_SECRET_KEY":      "var.first_secret_key",
	"ROTATOR_CONTROL_SECRET":  "var.control_secret",
}

func byOsls(t *testing.T) deployment {
	t.Helper()
	text := []byte(document(t, "serverless.yml"))
	service, err := manifest.Parse(text, given)
	if err != nil {
		t.Fatal(err)
	}
	f := service.Function
	var more struct {
		Functions map[string]struct {
			Description string `yaml:"description"`
			Timeout     string `yaml:"timeout"`
			Events      []struct {
				Schedule struct {
					Input map[string]any `yaml:"input"`
				} `yaml:"schedule"`
			} `yaml:"events"`
		} `yaml:"functions"`
	}
	if err := yaml.Unmarshal(text, &more); err != nil {
		t.Fatal(err)
	}
	rest := more.Functions[f.Name]
	if len(f.Events) != 1 || len(rest.Events) != 1 {
		t.Fatalf("%d events, want one", len(f.Events))
	}
	input, err := json.Marshal(rest.Events[0].Schedule.Input)
	if err != nil {
		t.Fatal(err)
	}
	var seconds int
	if err := yaml.Unmarshal([]byte(strings.TrimSuffix(f.Timeout, "s")), &seconds); err != nil {
		t.Fatal(err)
	}
	return deployment{
		Namespace: service.Name, Name: f.Name, Description: rest.Description, Region: service.Region,
		Runtime: service.Runtime, Handler: f.Handler,
		Privacy: f.Privacy, HTTPOption: f.HTTP,
		Min: int(f.Min), Max: int(f.Max), Memory: int(f.Memory), Timeout: seconds,
		Plain: f.Env, Secret: f.Secret,
		Bare:     []string{"ROTATOR_ORGANIZATION_ID", "ROTATOR_PROJECT_ID"},
		Accepted: slices.Sorted(maps.Keys(defaulted(f.Env))),
		// The two halves of the function's own key, where serverless.yml has them.
		Ignored:  []string{`environment_variables["ROTATOR_ACCESS_KEY"]`, `secret_environment_variables["ROTATOR_SECRET_KEY"]`},
		Schedule: f.Events[0].Schedule.Rate, Input: string(input),
		Follows: []string{"scaleway_function.rotator.id"}, // osls makes the cron anew at each deployment
		Sets:    fenced(f.Env["ROTATOR_SECRET_PATH"]),
	}
}

// fenced is README's policy on the conditions of setup, as the module's sets are.
func fenced(folder string) (sets []string) {
	fence := scaleway.Fence{Folder: folder}
	for _, set := range scaleway.Policy() {
		text := set.Name + " on var.project_id"
		if set.Organization {
			text = set.Name + " on var.organization_id"
		}
		if condition := fence.Condition(set); condition != "" {
			text += " if " + condition
		}
		sets = append(sets, text)
	}
	return slices.Sorted(slices.Values(sets))
}

func TestTerraformsFenceFollowsTheFolder(t *testing.T) {
	t.Parallel()
	m := terraformModule(t, moduleTexts(t))
	for _, folder := range []string{"/rotator", "/keys/shop", "/"} {
		settings := map[string]cty.Value{"settings": stringsToCty(map[string]string{"ROTATOR_SECRET_PATH": folder})}
		if diff := cmp.Diff(fenced(folder), m.sets(t, m.resources["scaleway_iam_policy.rotator"], settings)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", folder, diff)
		}
	}
}

// defaulted are the settings that nobody must give.
func defaulted(env map[string]string) map[string]string {
	env = maps.Clone(env)
	maps.DeleteFunc(env, func(name, _ string) bool { return given[name] != "" })
	return env
}

func moduleTexts(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("deploy/terraform/*.tf")
	if err != nil || len(files) != 4 {
		t.Fatalf("deploy/terraform has %q: %v", files, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[filepath.Base(file)] = document(t, file)
	}
	return texts
}

func TestTerraformDeploysWhatServerlessYMLDoes(t *testing.T) {
	t.Parallel()
	want := byOsls(t)
	got := terraformModule(t, moduleTexts(t)).deploys(t, defaulted(want.Plain))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deploy/terraform (-serverless.yml and the policy +module):\n%s", diff)
	}
}

// The test above would see each of these.
func TestAModuleThatDeploysSomethingElseIsSeen(t *testing.T) {
	t.Parallel()
	want := byOsls(t)
	for _, test := range []struct{ name, old, new string }{
		{"namespace", `"scw-key-rotator"`, `"rotator"`},
		{"name", "name         = \"rotator\"", "name         = \"other\""},
		{"description", "deletes legacy JWTs", "keeps legacy JWTs"},
		{"region", `= "fr-par"`, `= "nl-ams"`},
		{"runtime", "go126", "go125"},
		{"handler", `"Handle"`, `"handle"`},
		{"privacy", `"private"`, `"public"`},
		{"plain HTTP", `"redirected"`, `"enabled"`},
		{"an instance that stays", "min_scale    = 0", "min_scale    = 1"},
		{"two runs at once", "max_scale    = 1", "max_scale    = 2"},
		{"memory", "512", "256"},
		{"timeout", "900", "300"},
		{"cron", "17 3 * * *", "0 0 * * *"},
		{"a cron's input", "jsonencode({})", "jsonencode({ dry_run = true })"},
		{"a cron left behind", "replace_triggered_by = [scaleway_function.rotator.id]", "replace_triggered_by = []"},
		{"a setting too few", "      \"ROTATOR_GRACE\",\n", ""},
		{"a setting too many", `"ROTATOR_GRACE",`, `"ROTATOR_GRACE", "ROTATOR_NO_SETTING",`},
		{"a secret among the settings", `"ROTATOR_GRACE",`, `"ROTATOR_GRACE", "ROTATOR_CONTROL_SECRET",`},
		{"a setting of another name", "ROTATOR_PROJECT_ID ", "ROTATOR_PROJECT "},
		{"settings passed over", "    var.settings,\n", ""},
		{"a default of the module's own", "      ROTATOR_PROJECT_ID ", "      ROTATOR_GRACE = \"8d\"\n      ROTATOR_PROJECT_ID "},
		{"a key where none is given", "var.first_access_key == null ? {} : { ROTATOR_ACCESS_KEY = var.first_access_key }", "{ ROTATOR_ACCESS_KEY = \"SCW\" }"},
		{"no control secret", "      ROTATOR_CONTROL_SECRET = var.control_secret\n", ""},
		{"a secret's default", "default     = \"off\"", "default     = \"\""},
		{"a set too few", "      \"SecretManagerSecretDelete\",\n", ""},
		{"a set too many", `"SecretManagerReadOnly",`, `"SecretManagerReadOnly", "SecretManagerFullAccess",`},
		{"a set of the project on the organization", "project_ids = [var.project_id]", "organization_id = var.organization_id"},
		{"a second project", "[var.project_id]", `[var.project_id, "other"]`},
		{"the access key not ignored", "      environment_variables[\"ROTATOR_ACCESS_KEY\"],\n", ""},
		{"the secret key not ignored", "      secret_environment_variables[\"ROTATOR_SECRET_KEY\"],\n", ""},
		{"more ignored", "    ignore_changes = [\n", "    ignore_changes = [\n      environment_variables,\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			texts, found := moduleTexts(t), 0
			for name, text := range texts {
				found += strings.Count(text, test.old)
				texts[name] = strings.Replace(text, test.old, test.new, 1)
			}
			if found == 0 {
				t.Fatalf("the module does not hold %q", test.old)
			}
			if got := terraformModule(t, texts).deploys(t, defaulted(want.Plain)); cmp.Equal(want, got) {
				t.Error("nothing was seen")
			}
		})
	}
}

// The lines of docs/terraform.md that people copy fit the module, and read what a
// run publishes.
func TestTheLinesForTerraformFit(t *testing.T) {
	t.Parallel()
	module, blocks := terraformModule(t, moduleTexts(t)), map[string]*hclsyntax.Body{}
	for i, part := range strings.Split(document(t, "docs/terraform.md"), "```hcl\n") {
		if i == 0 {
			continue
		}
		text, _, _ := strings.Cut(part, "```")
		for _, block := range parseHCL(t, "docs/terraform.md", text).Blocks {
			blocks[block.Type] = block.Body
		}
	}
	if blocks["module"] == nil || blocks["data"] == nil || blocks["locals"] == nil {
		t.Fatal("the page has no module, data or locals to copy")
	}
	for name := range blocks["module"].Attributes {
		if module.variables[name] == nil && name != "source" {
			t.Errorf("the module has no variable %s", name)
		}
	}
	for name, body := range module.variables {
		if body.Attributes["default"] == nil && blocks["module"].Attributes[name] == nil {
			t.Errorf("the page does not give %s, which has no default", name)
		}
	}
	if got := module.text(t, blocks["data"], "revision"); got != "latest_enabled" {
		t.Errorf("revision is %q, want latest_enabled", got)
	}
	published := base64.StdEncoding.EncodeToString([]byte(`{"access_key":"SCW1","secret_key":"s"}`))
	version := cty.ObjectVal(map[string]cty.Value{"checkout": cty.ObjectVal(map[string]cty.Value{"data": cty.StringVal(published)})})
	scope := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{
		"data": cty.ObjectVal(map[string]cty.Value{"scaleway_secret_version": version}),
	}}
	pair, problems := blocks["locals"].Attributes["checkout"].Expr.Value(scope)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	scope.Variables["local"] = cty.ObjectVal(map[string]cty.Value{"checkout": pair})
	for name, want := range map[string]string{"environment_variables": "SCW1", "secret_environment_variables": "s"} {
		given, problems := blocks["resource"].Attributes[name].Expr.Value(scope)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, value := range given.AsValueMap() {
			if got := value.AsString(); got != want {
				t.Errorf("%s gets %q, want %q", name, got, want)
			}
		}
	}
}

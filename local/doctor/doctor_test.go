package doctor_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestAProjectThatIsWellSet(t *testing.T) {
	t.Parallel()
	r := open(t, wellSet()).examine()
	if r.Outcome != doctor.Right {
		t.Errorf("it is %s:\n%s", r.Outcome, said(r))
	}
	const golden = "testdata/well-set.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(said(r)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || said(r) != string(want) {
		t.Errorf("it says (want that of %s, %v; make golden writes it):\n%s", golden, err, said(r))
	}
}

// docs/operations.md shows lines of what the doctor really says, in their order.
func TestOperationsShowWhatTheDoctorSays(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	sets := &seed.Applications[0].Policies[0].Rules[2].PermissionSets
	*sets = slices.DeleteFunc(slices.Clone(*sets), func(set string) bool { return set == "SecretManagerSecretDelete" })
	seed.Applications[0].Policies[0].Rules[0].PermissionSets = append(seed.Applications[0].Policies[0].Rules[0].PermissionSets, "BillingReadOnly")
	c := open(t, seed)
	c.patch(emulatortest.Object{"timeout": "300s"})
	rest := strings.Split(said(c.examine()), "\n")
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, inside, _ := strings.Cut(string(text), "<!-- doctor -->\n")
	inside, _, found := strings.Cut(inside, "<!-- /doctor -->")
	if !found {
		t.Fatal("docs/operations.md has no part doctor")
	}
	shown := 0
	for line := range strings.Lines(inside) {
		if line = strings.TrimRight(line, "\n"); line == "" || line == "[…]" || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "$ ") {
			continue
		}
		i := slices.Index(rest, line)
		if i < 0 {
			t.Fatalf("docs/operations.md shows what the doctor does not say, or not there:\n%s\n%s", line, strings.Join(rest, "\n"))
		}
		rest = rest[i+1:]
		shown++
	}
	if shown < 10 {
		t.Errorf("%d lines are shown: the test looks in the wrong place", shown)
	}
}

func TestEachMissingPermissionSetIsNamed(t *testing.T) {
	t.Parallel()
	for _, need := range scaleway.Policy() {
		t.Run(need.Name, func(t *testing.T) {
			t.Parallel()
			seed := wellSet()
			for i := range seed.Applications[0].Policies[0].Rules {
				sets := &seed.Applications[0].Policies[0].Rules[i].PermissionSets
				*sets = slices.DeleteFunc(slices.Clone(*sets), func(set string) bool { return set == need.Name })
			}
			r := open(t, seed).examine()
			if r.Outcome != doctor.Wrong {
				t.Errorf("it is %s", r.Outcome)
			}
			line := says(t, r, doctor.Wrong, need.Name+" is missing on ")
			if !strings.HasPrefix(line.Mend, "scw iam policy create ") || !strings.Contains(line.Mend, "rules.0.permission-set-names.0="+need.Name+" ") {
				t.Errorf("it is mended by %s", line.Mend)
			}
			only(t, r, need.Name+" is missing on ", "a dry run of its own ends in failure: step ")
		})
	}
}

func TestWhatIsGranted(t *testing.T) {
	t.Parallel()
	rotator := func(s *emulator.Seed) *emulator.SeedApplication { return &s.Applications[0] }
	for _, test := range []struct {
		name   string
		change func(*emulator.Seed)
		mark   doctor.Mark
		says   string
		mend   string
	}{
		{
			"a set that the table does not have",
			func(s *emulator.Seed) {
				rules := rotator(s).Policies[0].Rules
				rules[1].PermissionSets = append(rules[1].PermissionSets, "InstancesFullAccess")
			},
			doctor.Warning, "policy rotator, rule 2 gives InstancesFullAccess on project " + projectID + ", which the function does not need: take it out",
			"rules.1.permission-set-names.1=ContainersFullAccess rules.1.project-ids.0=" + projectID + " rules.2.permission-set-names.0=SecretManagerReadOnly",
		},
		{
			"a set of the project on the organization",
			func(s *emulator.Seed) {
				rotator(s).Policies[0].Rules = append(rotator(s).Policies[0].Rules, emulator.SeedRule{Organization: true, PermissionSets: []string{"FunctionsFullAccess"}})
			},
			doctor.Warning, "policy rotator, rule 4 gives FunctionsFullAccess on the whole organization, and the function needs it on this project: narrow it", "scw iam rule update",
		},
		{
			"another project",
			func(s *emulator.Seed) { rotator(s).Policies[0].Rules[1].Projects = []string{"demo", "other"} },
			doctor.Warning, "policy rotator, rule 2 gives ContainersFullAccess on project " + projectID + " and " + otherProject, "scw iam rule update",
		},
		{
			"a wider set in the place of five",
			func(s *emulator.Seed) {
				rotator(s).Policies[0].Rules[2].PermissionSets = []string{"SecretManagerFullAccess"}
			},
			doctor.Warning, "gives SecretManagerFullAccess on project " + projectID + ", which is more than README.md's policy: put SecretManagerReadOnly, ", "scw iam rule update",
		},
		{
			"a policy of nothing but that",
			func(s *emulator.Seed) {
				rotator(s).Policies = append(rotator(s).Policies, emulator.SeedPolicy{Name: "more", Rules: []emulator.SeedRule{{Organization: true, PermissionSets: []string{"BillingReadOnly"}}}})
			},
			doctor.Warning, "policy more, rule 1 gives BillingReadOnly on the organization", "scw iam policy delete ",
		},
		{
			"through a group",
			func(s *emulator.Seed) {
				s.Groups = []emulator.SeedGroup{{Name: "g", Applications: []string{"rotator"}, Policies: []emulator.SeedPolicy{{Name: "of g", Rules: []emulator.SeedRule{{Organization: true, PermissionSets: []string{"ProjectManager"}}}}}}}
			},
			doctor.Warning, "policy of g, rule 1 gives ProjectManager on the organization", "scw iam group remove-member ",
		},
		{
			"all of it through a group",
			func(s *emulator.Seed) {
				s.Groups = []emulator.SeedGroup{{Name: "g", Applications: []string{"rotator"}, Policies: rotator(s).Policies}}
				rotator(s).Policies = nil
			},
			doctor.Right, "SecretManagerSecretDelete on the project, in /rotator alone: policy rotator, rule 3", "",
		},
		{
			"on a condition",
			func(s *emulator.Seed) { rotator(s).Policies[0].Rules[1].Condition = "1 == 1" },
			doctor.Warning, "FunctionsFullAccess on the project is granted on a condition alone (policy rotator, rule 2: 1 == 1)", "scw iam policy create ",
		},
		{
			"in another project only",
			func(s *emulator.Seed) { rotator(s).Policies[0].Rules[1].Projects = []string{"other"} },
			doctor.Wrong, "FunctionsFullAccess is missing on the project, and granted on project " + otherProject + " only (policy rotator, rule 2)", "scw iam policy create ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seed := wellSet()
			test.change(&seed)
			r := open(t, seed).examine()
			if line := says(t, r, test.mark, test.says); !strings.Contains(line.Mend, test.mend) {
				t.Errorf("it is mended by %s", line.Mend)
			}
		})
	}
}

func TestTheDeployedFunction(t *testing.T) {
	t.Parallel()
	env := func(c *clinic, name, value string) {
		vars := emulatortest.Object{}
		for k, v := range c.manifest.Function.Env {
			vars[k] = v
		}
		vars[name] = value
		c.patch(emulatortest.Object{"environment_variables": vars})
	}
	removeCrons := func(c *clinic) {
		for _, id := range emulatortest.Column(c.MustCall("GET", functionsPath+"/crons?function_id="+c.function, nil), "crons", "id") {
			c.MustCall("DELETE", functionsPath+"/crons/"+id, nil)
		}
		c.Clock().Advance(time.Minute)
	}
	for _, test := range []struct {
		name   string
		change func(*clinic)
		mark   doctor.Mark
		says   string
	}{
		{"public", func(c *clinic) { c.patch(emulatortest.Object{"privacy": "public"}) }, doctor.Wrong, "it is public, and should be private: anybody can start a run"},
		{"in clear", func(c *clinic) { c.patch(emulatortest.Object{"http_option": "enabled"}) }, doctor.Wrong, "plain HTTP is enabled, and should be redirected"},
		{"two instances", func(c *clinic) { c.patch(emulatortest.Object{"max_scale": 2}) }, doctor.Wrong, "it has at most 2 instances, and should have 1"},
		{"little time", func(c *clinic) { c.patch(emulatortest.Object{"timeout": "300s"}) }, doctor.Wrong, "its timeout of 5m0s is too short for ROTATOR_BUDGET (14m0s)"},
		{"little memory", func(c *clinic) { c.patch(emulatortest.Object{"memory_limit": 128}) }, doctor.Wrong, "its memory is 128 MB, and should be 512"},
		{"no cron", removeCrons, doctor.Wrong, "it has no cron: nothing starts a run"},
		{"two crons", func(c *clinic) { c.cron("17 15 * * *", emulatortest.Object{}) }, doctor.Wrong, "it has 2 crons, and should have one"},
		{"a cron that looks only", func(c *clinic) { removeCrons(c); c.cron("17 3 * * *", emulatortest.Object{"dry_run": true}) }, doctor.Wrong, "asks for dry runs: nothing is ever rotated"},
		{"another schedule", func(c *clinic) { removeCrons(c); c.cron("17 4 * * *", emulatortest.Object{}) }, doctor.Warning, `its cron is "17 4 * * *", and serverless.yml says "17 3 * * *"`},
		{"another setting", func(c *clinic) { env(c, "ROTATOR_GRACE", "14d") }, doctor.Warning, "ROTATOR_GRACE is 14d, and a deployment from here would make it 7d"},
		{"a setting of nobody", func(c *clinic) { env(c, "OTHER", "x") }, doctor.Warning, "variable OTHER is set on the function, and serverless.yml has none"},
		{"settings that do not fit", func(c *clinic) { env(c, "ROTATOR_GRACE", "60d") }, doctor.Wrong, "the function refuses its settings, and every run with them: ROTATOR_GRACE: 60d is longer than ROTATE_AFTER (30d)"},
		{"its secret in the open", func(c *clinic) { env(c, "ROTATOR_SECRET_KEY", c.Keys("rotator")[0].SecretKey) }, doctor.Wrong, "ROTATOR_SECRET_KEY is a plain variable"},
		{"a key that is gone", func(c *clinic) { c.MustCall("DELETE", emulatortest.KeysPath+"/"+ownAccess, nil) }, doctor.Wrong, "the function runs on " + ownAccess + ", which is no key of the organization"},
		{"the key of a person", func(c *clinic) { env(c, "ROTATOR_ACCESS_KEY", c.AccessKey) }, doctor.Wrong, "which is a person's"},
		{"another one", func(c *clinic) {
			ns := c.MustCall("POST", functionsPath+"/namespaces", emulatortest.Object{"name": "old", "project_id": projectID})
			c.MustCall("POST", functionsPath+"/functions", emulatortest.Object{"namespace_id": ns["id"], "name": "rotator", "runtime": "go126", "environment_variables": emulatortest.Object{"ROTATOR_PROJECT_ID": projectID}})
		}, doctor.Wrong, "function old/rotator (fr-par) is there, too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, wellSet())
			test.change(c)
			r := c.examine()
			says(t, r, test.mark, test.says)
			if r.Outcome != test.mark {
				t.Errorf("it is %s:\n%s", r.Outcome, said(r))
			}
		})
	}
}

func TestAFunctionThatIsMissing(t *testing.T) {
	t.Parallel()
	r := open(t, wellSet(), true).examine()
	if line := says(t, r, doctor.Wrong, "function scw-key-rotator/rotator is not in project "+projectID); line.Mend != "make deploy" {
		t.Errorf("it is mended by %s", line.Mend)
	}
	says(t, r, doctor.Right, "application checkout is in scope") // what a run would do is told all the same
}

// The emulator has no cron that is switched off, so one that the API says to be
// locked is put before it.
func TestACronThatIsNotEnabled(t *testing.T) {
	t.Parallel()
	c := open(t, wellSet())
	api := c.API()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/crons") {
			api.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.ReplaceAll(answer.Body.String(), `"ready"`, `"locked"`)))
	}))
	t.Cleanup(server.Close)
	c.caller = append(c.caller, "ROTATOR_API_URL="+server.URL)
	r := c.examine()
	says(t, r, doctor.Wrong, `its cron "17 3 * * *" is not enabled: its status is locked`)
	only(t, r, "is not enabled")
}

func TestWhereNothingCanBeAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ caller, says string }{
		"no network":  {"ROTATOR_API_URL=" + unreachable, "the API gives no answer: "},
		"a wrong key": {"ROTATOR_SECRET_KEY=11111111-2222-4333-8444-555555555555", "the API does not accept the key "},
		"no key":      {"ROTATOR_SECRET_KEY=nonsense", "nothing can be asked: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, wellSet())
			c.caller = append(c.caller, test.caller)
			r := c.examine()
			says(t, r, doctor.Wrong, test.says)
			if len(r.Lines) != 1 || r.Outcome != doctor.Wrong {
				t.Errorf("it is %s:\n%s", r.Outcome, said(r))
			}
		})
	}
}

// Who may not read something learns that, and the rest.
func TestACallerWithFewRights(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"FunctionsReadOnly": "may not read all of IAM",
		"IAMReadOnly":       "on which key the function runs is not known: ",
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			seed := wellSet()
			rule := emulator.SeedRule{PermissionSets: []string{set}, Projects: []string{"demo"}}
			if set == "IAMReadOnly" {
				rule = emulator.SeedRule{PermissionSets: []string{set}, Organization: true}
			}
			seed.Applications = append(seed.Applications, emulator.SeedApplication{
				Name: "looker", Keys: []emulator.SeedKey{{AccessKey: "SCWLOOKER00000000001"}}, Policies: []emulator.SeedPolicy{{Name: "looker", Rules: []emulator.SeedRule{rule}}},
			})
			c := open(t, seed)
			c.caller = append(c.caller, "ROTATOR_ACCESS_KEY=SCWLOOKER00000000001", "ROTATOR_SECRET_KEY="+c.Keys("looker")[0].SecretKey)
			says(t, c.examine(), doctor.Wrong, want)
		})
	}
}

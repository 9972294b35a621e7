package faults_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// granted returns the demo with the function's application under the README's
// policy within a fence, less one permission set.
func granted(less string, fence scaleway.Fence) emulator.Seed {
	var rules []emulator.SeedRule
	for _, set := range scaleway.Policy() {
		rule := emulator.SeedRule{PermissionSets: []string{set.Name}, Organization: set.Organization, Condition: fence.Condition(set)}
		if !set.Organization {
			rule.Projects = []string{"demo"}
		}
		if set.Name != less {
			rules = append(rules, rule)
		}
	}
	seed := emulator.Demo()
	i := slices.IndexFunc(seed.Applications, func(a emulator.SeedApplication) bool { return a.Name == "rotator" })
	seed.Applications[i].Policies = []emulator.SeedPolicy{{Name: "rotator", Rules: rules}}
	return seed
}

// fences are those that the policy may stand in: none, and all that setup makes,
// about the hour of the demo's runs.
func fences() map[string]scaleway.Fence {
	return map[string]scaleway.Fence{"": {}, "fenced": {Folder: "/rotator", Window: &scaleway.Window{From: 12, To: 14}}}
}

// months are the times after the start at which runs happen: a first run, one
// that retires, one that rotates.
var months = []time.Duration{0, 8 * 24 * time.Hour, 31 * 24 * time.Hour}

func TestTheReadmesPolicyIsEnough(t *testing.T) {
	t.Parallel()
	for name, fence := range fences() {
		for _, known := range []bool{false, true} { // A89
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := runtest.StartSeed(t, emulator.Options{Answers: emulator.Answers{ConditionsOnNew: known}}, granted("", fence))
				for _, wait := range months {
					r.Clock().Advance(wait)
					r.MustRun(t, run.Request{})
				}
			})
		}
	}
}

func TestTheReadmesPolicyIsTheLeast(t *testing.T) {
	t.Parallel()
	// where the run first fails without the set: which run, and which step
	for set, first := range map[string]struct {
		run  int
		step string
	}{
		"IAMReadOnly":               {0, "discover"},
		"IAMApplicationManager":     {0, run.StepRotate},
		"FunctionsFullAccess":       {0, "discover"},
		"ContainersFullAccess":      {0, "discover"},
		"SecretManagerReadOnly":     {0, "discover"},
		"SecretManagerSecretAccess": {0, run.StepRotate},
		"SecretManagerSecretCreate": {0, run.StepRotate},
		"SecretManagerSecretWrite":  {0, run.StepDeliver},
		"SecretManagerSecretDelete": {1, run.StepRetire},
	} {
		for name, fence := range fences() {
			t.Run(name+" without "+set, func(t *testing.T) {
				t.Parallel()
				r := runtest.StartSeed(t, emulator.Options{}, granted(set, fence))
				for i, wait := range []time.Duration{0, 31 * 24 * time.Hour, 8 * 24 * time.Hour, time.Hour} {
					r.Clock().Advance(wait)
					got := r.Run(t, run.Request{})
					if i < first.run {
						if got.Outcome != report.Success {
							t.Fatalf("run %d failed before the set was needed:\n%s", i, runtest.Text(t, got))
						}
						continue
					}
					s := runtest.Step(t, got, first.step)
					if got.Outcome != report.Failure || s.Outcome != report.Failure {
						t.Fatalf("run %d: outcome %s, step %s: %s", i, got.Outcome, s.Name, s.Outcome)
					}
					if want := "needs the permission set " + set; !strings.Contains(strings.Join(s.Errors, "\n"), want) {
						t.Errorf("step %s does not say %q:\n%s", s.Name, want, strings.Join(s.Errors, "\n"))
					}
					return
				}
			})
		}
	}
	for _, set := range scaleway.Policy() {
		if set.Why == "" {
			t.Errorf("%s has no reason", set.Name)
		}
	}
}

// Whoever steals the function's key gets at no secret but those of the folder, and
// makes no key outside of the hours.
func TestAFenceHolds(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ inside, outside, after int }{"": {200, 200, 200}, "fenced": {200, 403, 403}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, granted("", fences()[name]))
			own := r.Keys("rotator")[0].SecretKey
			for path, want := range map[string]int{"/rotator": want.inside, "/rotators": want.outside, "/": want.outside} {
				made := r.MustCall(http.MethodPost, emulatortest.SecretsPath, emulatortest.Object{"name": "theirs", "path": path, "project_id": r.Project("demo")})
				at := emulatortest.SecretsPath + "/" + made["id"].(string)
				r.MustCall(http.MethodPost, at+"/versions", emulatortest.Object{"data": "eA=="})
				for _, c := range [][2]string{{"GET", ""}, {"GET", "/versions/1/access"}, {"POST", "/versions"}, {"PATCH", "/versions/1"}, {"DELETE", "/versions/1"}} {
					if got := r.Call(own, c[0], at+c[1], emulatortest.Object{"data": "eA=="}); got.Status != want && (want != 200 || got.Status != 204) {
						t.Errorf("%s %s of a secret in %s: %d, want %d", c[0], c[1], path, got.Status, want)
					}
				}
			}
			key := emulatortest.Object{"application_id": r.Application("storefront")}
			emulatortest.WantStatus(t, r.Call(own, http.MethodPost, emulatortest.KeysPath, key), 200)
			r.Clock().Advance(2 * time.Hour)
			emulatortest.WantStatus(t, r.Call(own, http.MethodPost, emulatortest.KeysPath, key), want.after)
		})
	}
}

func TestARunOutsideOfItsHoursSaysSo(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, granted("", scaleway.Fence{Window: &scaleway.Window{From: 3, To: 5}}))
	const says = "the function's policy lets it make and delete keys within 03:00-05:00 UTC alone, and it is 12:0"
	before := len(r.Keys("storefront"))
	for _, dry := range []bool{true, false} {
		got := r.Run(t, run.Request{DryRun: dry})
		if said := runtest.Text(t, got); !strings.Contains(said, says) || !strings.Contains(said, "make setup ARGS=--no-fence") {
			t.Errorf("dry: %t: it does not say so:\n%s", dry, said)
		}
		if failed := got.Outcome != report.Success; failed == dry {
			t.Errorf("dry: %t: the outcome is %s", dry, got.Outcome)
		}
		errs := strings.Join(runtest.Step(t, got, run.StepRotate).Errors, "\n")
		if !dry && !strings.Contains(errs, "(its policy lets the function make and delete keys within 03:00-05:00 UTC alone)") {
			t.Errorf("the step does not say why: %s", errs)
		}
	}
	if after := len(r.Keys("storefront")); after != before {
		t.Errorf("%d keys before, %d after", before, after)
	}
	if said := runtest.Text(t, r.Run(t, run.Request{Steps: []string{run.StepCheck}})); strings.Contains(said, says) {
		t.Error("a run that has nothing to do with keys says so, too")
	}
	r.Clock().Advance(15 * time.Hour) // to 03:00
	if said := runtest.Text(t, r.MustRun(t, run.Request{})); strings.Contains(said, "UTC alone") {
		t.Errorf("within its hours it says:\n%s", said)
	}
}

// Once the folder was changed, and the fence moved there, what was published before is
// out of sight: its keys are kept, though their grace is runtest.Over, and the report says so.
func TestAFenceThatMovedHidesNothingThatDies(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, granted("", scaleway.Fence{Folder: "/rotator"}), "ROTATOR_OWN_KEY=keep")
	r.MustRun(t, run.Request{})
	published := r.Keys("storefront")
	policies := r.MustCall("GET", emulatortest.PoliciesPath+"?application_ids="+r.Application("rotator"), nil)
	id := emulatortest.Column(policies, "policies", "id")[0]
	rules := r.MustCall("GET", emulatortest.RulesPath+"?policy_id="+id, nil)["rules"].([]any)
	for _, rule := range rules {
		if fields := rule.(map[string]any); fields["condition"] != "" {
			fields["condition"] = scaleway.FolderCondition("/new")
		}
	}
	r.MustCall("PUT", emulatortest.RulesPath, emulatortest.Object{"policy_id": id, "rules": rules})
	r.Cfg.SecretPath = "/new"
	said := ""
	for range 3 {
		r.Clock().Advance(9 * 24 * time.Hour)
		said = runtest.Text(t, r.Run(t, run.Request{}))
	}
	if want := "application storefront: its secret is gone, in which " + published[len(published)-1].AccessKey + " was published"; !strings.Contains(said, want) {
		t.Errorf("it does not say %q:\n%s", want, said)
	}
	for _, k := range published {
		if !slices.ContainsFunc(r.Keys("storefront"), func(now emulator.KeyPair) bool { return now.AccessKey == k.AccessKey }) {
			t.Errorf("%s is gone", k.AccessKey)
		}
	}
}

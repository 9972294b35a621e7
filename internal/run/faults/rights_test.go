package faults_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// granted returns the demo with the function's application under the README's
// policy, less one permission set.
func granted(less string) emulator.Seed {
	organization := emulator.SeedRule{Organization: true}
	project := emulator.SeedRule{Projects: []string{"demo"}}
	for _, set := range scaleway.Policy() {
		switch {
		case set.Name == less:
		case set.Organization:
			organization.PermissionSets = append(organization.PermissionSets, set.Name)
		default:
			project.PermissionSets = append(project.PermissionSets, set.Name)
		}
	}
	seed := emulator.Demo()
	i := slices.IndexFunc(seed.Applications, func(a emulator.SeedApplication) bool { return a.Name == "rotator" })
	seed.Applications[i].Policies = []emulator.SeedPolicy{{Name: "rotator", Rules: []emulator.SeedRule{organization, project}}}
	return seed
}

// months are the times after the start at which runs happen: a first run, one
// that retires, one that rotates.
var months = []time.Duration{0, 8 * 24 * time.Hour, 31 * 24 * time.Hour}

func TestTheReadmesPolicyIsEnough(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, granted(""))
	for _, wait := range months {
		r.Clock().Advance(wait)
		r.MustRun(t, run.Request{})
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
		t.Run("without "+set, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, granted(set))
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
	for _, set := range scaleway.Policy() {
		if set.Why == "" {
			t.Errorf("%s has no reason", set.Name)
		}
	}
}

// Where nobody knows what Scaleway answers, the job must be done under every
// answer; the numbers are those of ASSUMPTIONS.md.
func TestLongTheJobIsDoneWhateverScalewayAnswers(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]emulator.Options{
		"A01 a list ignores its filters":                            {Answers: emulator.Answers{IgnoreFilters: true}},
		"A02 tokens of a namespace include those of its functions":  {Answers: emulator.Answers{NamespaceTokensAll: true}},
		"A03 a second DELETE answers as the first":                  {Answers: emulator.Answers{SecondDeleteOK: true}},
		"A04 a secret that is being deleted holds its name":         {Answers: emulator.Answers{NameTakenByDeleted: true}},
		"A05 redeploy: false is ignored":                            {Answers: emulator.Answers{RedeployAlways: true}},
		"A07 the gateway refuses with 401":                          {Answers: emulator.Answers{RefusalStatus: 401}},
		"A07 the gateway refuses with 401 and a page":               {Answers: emulator.Answers{RefusalStatus: 401, RefusalBody: "<html>no</html>"}},
		"A07 the gateway refuses with 403 and a message of its own": {Answers: emulator.Answers{RefusalStatus: 403, RefusalBody: `{"message":"forbidden"}`}},
		"A77 new variables of a namespace redeploy what is in it":   {Answers: emulator.Answers{NamespaceRedeploys: true}},
		"A80 a read is late to know of a redeployment":              {StatusLag: 10 * time.Second},
		"all of them at once that can be": {StatusLag: 10 * time.Second, Answers: emulator.Answers{
			IgnoreFilters: true, NamespaceTokensAll: true, SecondDeleteOK: true, NameTakenByDeleted: true, RedeployAlways: true, RefusalStatus: 401,
			NamespaceRedeploys: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runtest.Start(t, o)
			deleted := 0
			for _, wait := range months {
				r.Clock().Advance(wait)
				deleted += len(runtest.Tokens(r.MustRun(t, run.Request{}), "deleted"))
			}
			if deleted != 9 {
				t.Errorf("%d legacy tokens deleted", deleted)
			}
			left := 0
			for _, token := range r.Tokens() {
				if token.Project == r.Project("other") {
					left++
				}
			}
			if left != 3 {
				t.Errorf("the other project has %d legacy tokens left of 3", left)
			}
			r = runtest.StartSeed(t, o, runtest.Carrying(31), "ROTATOR_OWN_KEY=keep")
			auditor := r.Watch(t)
			for _, wait := range months {
				r.Clock().Advance(wait)
				r.Served(t)
				r.MustRun(t, run.Request{})
				r.Served(t)
			}
			if r.Lives(runtest.KeyA) {
				t.Errorf("the key that consumers carried outlives its grace")
			}
			runtest.Upright(t, auditor)
		})
	}
}

// A07: where the gateway refuses with 404, a refusal cannot be told from the
// functions' runtime, which says 404 to the path that is probed: nothing is
// proven, no key is sent, and the run says so.
func TestA404AtTheGatewayProvesNothing(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Answers: emulator.Answers{RefusalStatus: 404}})
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	for _, row := range got.Endpoints {
		if row.Result != "inconclusive" && row.Result != "disabled" {
			t.Errorf("%s: %s", row.URL, row.Result)
		}
		for _, k := range row.Keys {
			if k.Result != "not tried" {
				t.Errorf("%s: the key of %s was sent", row.URL, k.Application)
			}
		}
	}
}

// TestAPolicyLosesItsPrincipal has the API forget whose one policy is, by which
// an application reaches another project: its key is left alone, and the run
// fails, until a person says what is what.
func TestAPolicyLosesItsPrincipal(t *testing.T) {
	t.Parallel()
	sc := hostileScenarios()[1]
	seed := sc.seed
	sc.seed = func() emulator.Seed {
		s := seed()
		s.Applications[1].Policies = append(s.Applications[1].Policies, emulator.SeedPolicy{Name: "reports", Rules: emulator.CallerRules("other")})
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		r, _ := sc.rehearse(t)
		before := r.Keys("orders")
		rep := runLied(t, r, &liar{next: r.RoundTripper(), lie: lie{kind: "policies", item: func(thing map[string]any) {
			if thing["name"] == "reports" {
				delete(thing, "application_id")
			}
		}}})
		if rep.Outcome != report.Failure || !strings.Contains(runtest.Complaints(rep), "policy reports: does not say whose it is") {
			t.Errorf("no finding:\n%s", runtest.Text(t, rep))
		}
		if after := r.Keys("orders"); !slices.Equal(before, after) {
			t.Errorf("keys before %v, after %v", before, after)
		}
	})
}

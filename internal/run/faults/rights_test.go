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
	"github.com/scw-key-rotator/rotator/local/emulator"
)

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
		"A89 a condition knows what is to be made":                  {Answers: emulator.Answers{ConditionsOnNew: true}},
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

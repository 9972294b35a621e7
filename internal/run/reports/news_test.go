package reports_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// toldOf does a run that tells, after a dry run that must announce exactly its changes,
// and returns what was heard of it, and how many requests changed something.
func toldOf(t *testing.T, r *runtest.Rig, e *ears) (heard string, writes int, rep *report.Report) {
	t.Helper()
	o := r.Surroundings()
	o.Tell = e
	ask := func(req run.Request) *report.Report {
		t.Helper()
		r.ForgetHistory()
		got, err := run.Do(t.Context(), r.Cfg, req, o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	dry := ask(run.Request{DryRun: true})
	r.OnlyPlanned(t, dry)
	before := len(e.heard)
	rep = ask(run.Request{})
	if diff := cmp.Diff(runtest.Did(dry), runtest.Did(rep)); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
	if n := len(r.Writes()); n != len(rep.Changes) {
		t.Errorf("%d writes went out for %d changes", n, len(rep.Changes))
	}
	return strings.Join(e.heard[before:], "\n"), len(r.Writes()), rep
}

// quiet is a project with nothing to do, in which a person can add what is found.
func quiet(t *testing.T, settings ...string) *runtest.Rig {
	t.Helper()
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 1)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 1)))
	return runtest.StartSeed(t, emulator.Options{}, seed, append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_NOTIFY=https://chat.example.com/hook"}, settings...)...)
}

// partner makes an application that can call and is not in scope: a warning.
func partner(t *testing.T, r *runtest.Rig, name string) {
	t.Helper()
	app := r.MustCall(http.MethodPost, "/iam/v1alpha1/applications", map[string]any{"name": name, "organization_id": r.Organization()})
	r.MustCall(http.MethodPost, "/iam/v1alpha1/policies", map[string]any{"name": name, "application_id": app["id"], "organization_id": r.Organization(), "rules": []any{map[string]any{
		"permission_set_names": []string{"FunctionsPrivateAccess"}, "project_ids": []string{r.Project("demo"), r.Project("other")},
	}}})
}

// breakDown makes each check of an endpoint fail, and mend ends it.
func breakDown(r *runtest.Rig) {
	r.Arm(emulator.Fault{Method: http.MethodGet, Path: "/favicon.ico", Status: http.StatusInternalServerError, Times: -1})
}

// lost makes all readings of a path fail.
func lost(r *runtest.Rig, path string) {
	r.Arm(emulator.Fault{Method: http.MethodGet, Path: path, Status: http.StatusForbidden, Times: -1, Body: `{"type":"permissions_denied","message":"insufficient permissions","details":[]}`})
}

func TestLongTheFirstSuccessAndNewFindingsAreTold(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"failure", "change"} {
		r, e := quiet(t, "ROTATOR_NOTIFY_ON="+on), &ears{}
		for i, step := range []struct {
			what   string
			do     func()
			heard  []string // in what is told; none: nobody is told
			silent string   // is not in it
			note   bool     // what this run came to is written down
		}{
			{what: "a first run, which finds nothing", note: true},
			{what: "the same"},
			{what: "a finding", do: func() { partner(t, r, "partner") }, heard: []string{"SUCCESS", "new since the run before: application partner"}, note: true},
			{what: "the same finding"},
			{what: "a failure", do: func() { breakDown(r) }, heard: []string{"FAILURE", "new since the run before: "}, note: true},
			{what: "the same failure", heard: []string{"FAILURE"}},
			{what: "a success", do: r.Disarm, heard: []string{"SUCCESS", "the run before failed, and this one did not"}, note: true},
			{what: "the same success"},
			{what: "a failure in which little is found", do: func() { lost(r, "/iam/v1alpha1/policies") }, heard: []string{"FAILURE"}, note: true},
			{what: "the same failure again", heard: []string{"FAILURE"}},
			{what: "a success after it", do: r.Disarm, heard: []string{"SUCCESS", "the run before failed"}, silent: "new since", note: true},
			{what: "a failure in which nothing can be read", do: func() { lost(r, "/*/*"); lost(r, "/*/*/*/*/*") }, heard: []string{"FAILURE"}},
			{what: "the API is back", do: r.Disarm},
			{what: "another finding", do: func() { partner(t, r, "second") }, heard: []string{"new since the run before: application second"}, note: true},
			{what: "the same two"},
		} {
			r.Clock().Advance(time.Hour)
			if step.do != nil {
				step.do()
			}
			heard, writes, rep := toldOf(t, r, e)
			if (heard != "") != (step.heard != nil) {
				t.Errorf("%s, %d, %s: told %q\n%s", on, i, step.what, heard, runtest.Text(t, rep))
			}
			for _, want := range step.heard {
				if !strings.Contains(heard, want) {
					t.Errorf("%s, %d, %s: it does not say %q: %s", on, i, step.what, want, heard)
				}
			}
			if step.silent != "" && strings.Contains(heard, step.silent) {
				t.Errorf("%s, %d, %s: it says %q: %s", on, i, step.what, step.silent, heard)
			}
			if (writes > 0) != step.note {
				t.Errorf("%s, %d, %s: %d writes: %q", on, i, step.what, writes, runtest.Did(rep))
			}
		}
	}
}

// What no target has taken is news to the next run as well.
func TestNewsThatNobodyHeardAreToldAgain(t *testing.T) {
	t.Parallel()
	r, e := quiet(t), &ears{}
	toldOf(t, r, e)
	partner(t, r, "partner")
	e.deaf = true
	o := r.Surroundings()
	o.Tell = e
	if rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o); err != nil || len(rep.Changes) > 0 || len(rep.Told) != 1 || rep.Told[0].Told {
		t.Fatalf("%v: %+v, %v", err, rep.Told, runtest.Did(rep))
	}
	e.deaf = false
	if heard, _, _ := toldOf(t, r, e); !strings.Contains(heard, "new since the run before: application partner") {
		t.Errorf("told %q", heard)
	}
	if heard, writes, _ := toldOf(t, r, e); heard != "" || writes > 0 {
		t.Errorf("told again: %q, %d writes", heard, writes)
	}
}

// Whoever is told of nothing, or of everything, and whoever asks for a part of a run,
// leaves nothing behind.
func TestOnlyARunThatTellsOfNewsLeavesAny(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		settings []string
		req      run.Request
	}{
		"nobody":    {settings: []string{"ROTATOR_NOTIFY=off"}},
		"always":    {settings: []string{"ROTATOR_NOTIFY_ON=always"}},
		"a part":    {req: run.Request{Steps: []string{run.StepCheck}}},
		"one alone": {req: run.Request{Applications: []string{"orders"}}},
	} {
		r := quiet(t, row.settings...)
		r.MustRun(t, run.Request{}) // it remembers what was compared
		partner(t, r, "partner")
		r.ForgetHistory()
		o := r.Surroundings()
		o.Tell = &ears{}
		rep, err := run.Do(t.Context(), r.Cfg, row.req, o)
		if err != nil || rep.Outcome != report.Success {
			t.Fatalf("%s: %v\n%s", name, err, runtest.Text(t, rep))
		}
		if w := r.Writes(); len(w) > 0 {
			t.Errorf("%s: it sent %q", name, w)
		}
	}
}

// A run that cannot note what it came to has failed, as with any change, and says so.
func TestNewsThatCannotBeNotedAreAFailureThatIsTold(t *testing.T) {
	t.Parallel()
	r, e := quiet(t), &ears{}
	r.MustRun(t, run.Request{}) // it remembers what was compared
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions", Status: http.StatusForbidden, Times: -1, Body: `{"type":"permissions_denied","message":"insufficient permissions","details":[]}`})
	o := r.Surroundings()
	o.Tell = e
	var log strings.Builder
	r.Log = &log
	o.Log = r.Surroundings().Log
	rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
	if err != nil || rep.Outcome != report.Failure || len(e.heard) != 1 || !strings.Contains(e.heard[0], "FAILURE") || !strings.Contains(log.String(), "what this run found is not noted") {
		t.Errorf("%v\n%s\n%s", err, runtest.Text(t, rep), log.String())
	}
	if len(rep.Changes) != 1 || rep.Changes[0].Kind != "remember" || rep.Changes[0].Result != report.Refused {
		t.Errorf("it is tried once, and in the report: %+v", rep.Changes)
	}
}

// A key that nobody replaces is told of four times, and not each runtest.Day.
func TestLongTheExpiryBudgetIsToldFourTimes(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, dying(36), "ROTATOR_OWN_KEY=keep", "ROTATOR_NOTIFY=https://chat.example.com/hook")
	e, days := &ears{}, []int{}
	for n := range 36 {
		heard, _, rep := toldOf(t, r, e)
		if rep.Outcome != report.Success {
			t.Fatalf("day %d:\n%s", n, runtest.Text(t, rep))
		}
		if strings.Contains(heard, "new since the run before: application partner") {
			days = append(days, 36-n)
		}
		r.Clock().Advance(runtest.Day)
	}
	if diff := cmp.Diff([]int{30, 14, 7, 1}, days); diff != "" {
		t.Errorf("told so many days before (-want +got):\n%s", diff)
	}
}

// What a run came to is noted where a dry run says so, whatever else it does: r.told
// compares them.
func TestLongADryRunAnnouncesThatNewsAreNoted(t *testing.T) {
	t.Parallel()
	for name, seed := range map[string]emulator.Seed{"demo": emulator.Demo(), "with consumers": runtest.Carrying(31), "own key due": runtest.OwnDue()} {
		r, e := runtest.StartSeed(t, emulator.Options{Seed: 2}, seed, "ROTATOR_NOTIFY=https://chat.example.com/hook"), &ears{}
		for i, wait := range []time.Duration{0, time.Hour, 7 * runtest.Day, runtest.Day, 24 * runtest.Day, 8 * runtest.Day, runtest.Day} {
			r.Clock().Advance(wait)
			if _, _, rep := toldOf(t, r, e); t.Failed() {
				t.Fatalf("%s, run %d:\n%s", name, i, runtest.Text(t, rep))
			}
			r.Restart(t)
		}
	}
}

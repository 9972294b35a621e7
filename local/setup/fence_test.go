package setup_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// functionPolicy is the ID of the policy that setup made for the function.
func (r *room) functionPolicy() string {
	r.t.Helper()
	policies := r.MustCall("GET", emulatortest.PoliciesPath+"?page_size=100", nil)
	i := slices.Index(emulatortest.Column(policies, "policies", "description"), setup.Description(setup.Function, r.o.ProjectID))
	if i < 0 {
		r.t.Fatal("there is no policy for the function")
	}
	return emulatortest.Column(policies, "policies", "id")[i]
}

// conditions are those of the function's policy, by permission set.
func (r *room) conditions() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	rules := r.MustCall("GET", emulatortest.RulesPath+"?policy_id="+r.functionPolicy(), nil)["rules"].([]any)
	for _, rule := range rules {
		fields := rule.(map[string]any)
		for _, set := range fields["permission_set_names"].([]any) {
			out[set.(string)] = fields["condition"].(string)
		}
	}
	return out
}

func wanted(fence scaleway.Fence) map[string]string {
	out := map[string]string{}
	for _, set := range scaleway.Policy() {
		out[set.Name] = fence.Condition(set)
	}
	return out
}

// What was asked for stays, and what is not is taken away.
func TestTheFenceIsAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	r := enter(t)
	at3, at4 := &scaleway.Window{From: 3, To: 5}, &scaleway.Window{From: 4, To: 6}
	for i, step := range []struct {
		narrow  setup.Narrow
		want    scaleway.Fence
		changes bool
	}{
		{setup.Narrow{Folder: "/rotator"}, scaleway.Fence{Folder: "/rotator"}, true},
		{setup.Narrow{Folder: "/rotator"}, scaleway.Fence{Folder: "/rotator"}, false},
		{setup.Narrow{Folder: "/rotator", Window: at3}, scaleway.Fence{Folder: "/rotator", Window: at3}, true},
		{setup.Narrow{Folder: "/rotator"}, scaleway.Fence{Folder: "/rotator", Window: at3}, false}, // it stays
		{setup.Narrow{Folder: "/keys/shop"}, scaleway.Fence{Folder: "/keys/shop", Window: at3}, true},
		{setup.Narrow{Folder: "/rotator", Window: at4}, scaleway.Fence{Folder: "/rotator", Window: at4}, true},
		{setup.Narrow{None: true, Folder: "/rotator"}, scaleway.Fence{}, true},
		{setup.Narrow{None: true, Folder: "/rotator"}, scaleway.Fence{}, false},
		{setup.Narrow{Folder: "/"}, scaleway.Fence{}, false}, // every secret is in it
		{setup.Narrow{Folder: "/rotator"}, scaleway.Fence{Folder: "/rotator"}, true},
	} {
		r.o.Narrow = step.narrow
		done := r.set(false)
		if diff := cmp.Diff(wanted(step.want), r.conditions()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
		if (len(done) > 0) != step.changes {
			t.Errorf("step %d: it does %v", i, done)
		}
	}
}

func TestHoursAtWhichNoRunComesAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		window scaleway.Window
		starts []time.Duration
		run    time.Duration
		want   string
	}{
		{scaleway.Window{From: 3, To: 5}, []time.Duration{3*time.Hour + 17*time.Minute}, 14 * time.Minute, ""},
		{scaleway.Window{From: 4, To: 5}, []time.Duration{3*time.Hour + 17*time.Minute}, 14 * time.Minute, "a run at 03:17 UTC, which may take 14m0s"},
		{scaleway.Window{From: 3, To: 4}, []time.Duration{3*time.Hour + 50*time.Minute}, 14 * time.Minute, "a run at 03:50 UTC"},
		{scaleway.Window{From: 23, To: 1}, []time.Duration{23*time.Hour + 50*time.Minute}, 14 * time.Minute, ""},
		{scaleway.Window{From: 3, To: 5}, []time.Duration{3 * time.Hour, 15 * time.Hour}, 14 * time.Minute, "a run at 15:00 UTC"},
	} {
		r := enter(t)
		r.o.Narrow = setup.Narrow{Folder: "/rotator", Window: &test.window, Starts: test.starts, Run: test.run}
		_, _, err := r.plan(t.Context(), false)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), "--only-at "+test.window.String()+": ") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with runs at %v: %v", test.window, test.starts, err)
		}
	}
	r := enter(t)
	r.o.Narrow = setup.Narrow{Folder: `/a") || true || ("`}
	if _, _, err := r.plan(t.Context(), false); err == nil || !strings.Contains(err.Error(), "ROTATOR_SECRET_PATH: ") {
		t.Errorf("a folder with a quote in it: %v", err)
	}
}

// working is a room with something to do for a function that has what setup gives,
// and the function's settings.
func working(t *testing.T, o emulator.Options) (*room, config.Config) {
	t.Helper()
	r := enterWith(t, o, emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "demo"}, {Name: "other"}},
		Applications: []emulator.SeedApplication{{
			Name: "caller", Keys: []emulator.SeedKey{{Age: emulator.SeedAge(31 * 24 * time.Hour)}}, Policies: []emulator.SeedPolicy{{Name: "callers", Rules: emulator.CallerRules("demo")}},
		}},
		Serverless: []emulator.SeedPlace{{Project: "demo", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "shop", Functions: []emulator.SeedFunction{{Name: "api"}}}},
		}}},
	})
	hour := r.Clock().Now().Hour()
	r.o.Narrow = setup.Narrow{Folder: "/rotator", Window: &scaleway.Window{From: hour, To: hour + 2}}
	r.set(false)
	key := r.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": r.Application("key-rotator demo"), "default_project_id": r.o.ProjectID})
	cfg, err := config.Read([]string{
		"ROTATOR_ACCESS_KEY=" + key["access_key"].(string), "ROTATOR_SECRET_KEY=" + key["secret_key"].(string), "ROTATOR_OWN_KEY=keep",
		"ROTATOR_ORGANIZATION_ID=" + r.o.Organization, "ROTATOR_PROJECT_ID=" + r.o.ProjectID,
		"ROTATOR_PROBE_APPLICATION=" + r.values()["ROTATOR_PROBE_APPLICATION"], "ROTATOR_REQUESTS_PER_SECOND=1000",
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, cfg
}

// months has runs that rotate and retire; they end with the first that is no success.
func (r *room) months(cfg config.Config) *report.Report {
	r.t.Helper()
	var last *report.Report
	for _, wait := range []time.Duration{0, 8 * 24 * time.Hour, 31 * 24 * time.Hour, 8 * 24 * time.Hour} {
		r.Clock().Advance(wait)
		got, err := run.Do(r.t.Context(), cfg, run.Request{}, run.Options{
			API: r.RoundTripper(), Endpoints: r.RoundTripper(), Clock: r.o.Clock, RunID: "test-run", Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			r.t.Fatal(err)
		}
		if last = got; got.Outcome != report.Success {
			return got
		}
	}
	return last
}

func TestWhatSetupGivesIsEnoughAndTheLeast(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} { // A89
		o := emulator.Options{Answers: emulator.Answers{ConditionsOnNew: known}}
		r, cfg := working(t, o)
		if got := r.months(cfg); got.Outcome != report.Success || len(r.Keys("caller")) != 1 || r.Keys("caller")[0].AccessKey == "" {
			t.Errorf("known: %t: it is not enough: %+v", known, got.Steps)
		}
		for _, set := range scaleway.Policy() {
			t.Run("without "+set.Name, func(t *testing.T) {
				t.Parallel()
				r, cfg := working(t, o)
				r.takeAway(set.Name)
				got := r.months(cfg)
				var errs []string
				for _, step := range got.Steps {
					errs = append(errs, step.Errors...)
				}
				if got.Outcome != report.Failure || !strings.Contains(strings.Join(errs, "\n"), "needs the permission set "+set.Name) {
					t.Errorf("the run ends in %s, and says:\n%s", got.Outcome, strings.Join(errs, "\n"))
				}
			})
		}
	}
}

// takeAway takes one permission set out of the function's policy.
func (r *room) takeAway(set string) {
	r.t.Helper()
	id := r.functionPolicy()
	rules := r.MustCall(http.MethodGet, emulatortest.RulesPath+"?policy_id="+id, nil)["rules"].([]any)
	for _, rule := range rules {
		fields := rule.(map[string]any)
		fields["permission_set_names"] = slices.DeleteFunc(fields["permission_set_names"].([]any), func(name any) bool { return name == set })
	}
	r.MustCall(http.MethodPut, emulatortest.RulesPath, emulatortest.Object{"policy_id": id, "rules": rules})
}

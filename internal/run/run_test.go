package run_test

import (
	"bytes"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

var update = flag.Bool("update", false, "rewrite the golden reports")

// rig is a demo project and the function's configuration in it.
type rig struct {
	*emulatortest.Env

	cfg config.Config
	log io.Writer
}

// start loads the demo project; extra are settings that go over the defaults.
func start(t *testing.T, o emulator.Options, extra ...string) *rig {
	t.Helper()
	return startSeed(t, o, emulator.Demo(), extra...)
}

func startSeed(tb testing.TB, o emulator.Options, seed emulator.Seed, extra ...string) *rig {
	tb.Helper()
	env := emulatortest.Start(tb, o, seed)
	own := env.Keys("rotator")[0]
	cfg, err := config.Read(append([]string{
		"ROTATOR_ACCESS_KEY=" + own.AccessKey, "ROTATOR_SECRET_KEY=" + own.SecretKey,
		"ROTATOR_ORGANIZATION_ID=" + env.Organization(), "ROTATOR_PROJECT_ID=" + env.Project("demo"),
		"ROTATOR_REQUESTS_PER_SECOND=1000",
	}, extra...))
	if err != nil {
		tb.Fatal(err)
	}
	return &rig{Env: env, cfg: cfg, log: io.Discard}
}

// run does one run.
func (r *rig) run(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	got, err := run.Do(t.Context(), r.cfg, req, r.surroundings())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range got.Applications {
		for _, e := range a.Next {
			if !slices.Contains([]string{"rotate", "expire", "delete"}, e.Kind) {
				t.Errorf("%s: the event %q is of kind %q", a.Name, e.What, e.Kind)
			}
		}
	}
	return got
}

func (r *rig) surroundings() run.Options {
	return run.Options{
		API: r.RoundTripper(), Endpoints: r.RoundTripper(),
		Clock: clock.Clock{Now: r.Clock().Now, Sleep: r.Clock().Sleep, After: r.Clock().After, Emulated: true},
		Log:   slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), RunID: "test-run",
	}
}

// mustRun does one run and fails the test unless it was a success.
func (r *rig) mustRun(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	got := r.run(t, req)
	if got.Outcome != report.Success {
		t.Fatalf("the run failed:\n%s", text(t, got))
	}
	return got
}

func text(t *testing.T, r *report.Report) string {
	t.Helper()
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares with a file of testdata, or writes it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with: make golden", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// did returns the changes of a report, sorted: what and to what.
func did(r *report.Report) []string {
	out := make([]string, 0, len(r.Changes))
	for _, c := range r.Changes {
		out = append(out, c.Kind+" "+c.Object)
	}
	slices.Sort(out)
	return out
}

// writes are the requests of the history that may change something.
func (r *rig) writes() []string {
	var out []string
	for _, q := range r.History() {
		if q.Host == "api.scaleway.com" && q.Method != http.MethodGet {
			out = append(out, q.Method+" "+q.Path)
		}
	}
	return out
}

func TestReportOfTheDemoReadsWell(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Seed: 1})
	golden(t, "demo-dry.txt", []byte(text(t, r.mustRun(t, run.Request{DryRun: true}))))
	demo := r.mustRun(t, run.Request{})
	golden(t, "demo.txt", []byte(text(t, demo)))
	var page bytes.Buffer
	if err := demo.HTML(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, "demo.html", page.Bytes())
	var picture bytes.Buffer
	if err := demo.SVG(&picture); err != nil {
		t.Fatal(err)
	}
	golden(t, "demo.svg", picture.Bytes())
	r.Clock().Advance(8 * 24 * time.Hour)
	golden(t, "demo-after-grace.txt", []byte(text(t, r.mustRun(t, run.Request{}))))
}

// onlyPlanned fails the test if the history shows that a dry run changed
// anything, or its report says so.
func (r *rig) onlyPlanned(t *testing.T, dry *report.Report) {
	t.Helper()
	for _, q := range r.History() {
		if q.Method != http.MethodGet {
			t.Errorf("the dry run sent %s %s", q.Method, q.Path)
		}
	}
	for _, c := range dry.Changes {
		if c.Result != report.Planned {
			t.Errorf("the dry run says %s %s: %s", c.Kind, c.Object, c.Result)
		}
	}
}

func TestRealRunMakesExactlyTheChangesThatADryRunAnnounced(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Seed: 2})
	for i, wait := range []time.Duration{0, time.Hour, 7 * 24 * time.Hour, 24 * 24 * time.Hour, 8 * 24 * time.Hour} {
		r.Clock().Advance(wait)
		r.ForgetHistory()
		dry := r.mustRun(t, run.Request{DryRun: true})
		r.onlyPlanned(t, dry)
		r.ForgetHistory()
		wet := r.mustRun(t, run.Request{})
		if diff := cmp.Diff(did(dry), did(wet)); diff != "" {
			t.Errorf("run %d: announced and done differ (-announced +done):\n%s", i, diff)
		}
		if n := len(r.writes()); n != len(wet.Changes) {
			t.Errorf("run %d: %d writes went out for %d changes", i, n, len(wet.Changes))
		}
		// A run that deleted keys leaves it to the next one to prove them dead.
		for _, c := range r.mustRun(t, run.Request{}).Changes {
			if !strings.HasSuffix(c.Kind, "_version") || !slices.ContainsFunc(wet.Changes, func(c report.Change) bool { return c.Kind == "delete_key" }) {
				t.Errorf("run %d: run once more, it changed %s %s", i, c.Kind, c.Object)
			}
		}
		if again := r.mustRun(t, run.Request{}); len(again.Changes) != 0 {
			t.Errorf("run %d: run twice more, it changed %v", i, did(again))
		}
	}
}

// The number of calls is the least that the API allows: a change of this
// number wants a reason.
func TestCallsOfARun(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	count := func(rep *report.Report) map[string]int {
		t.Helper()
		calls := map[string]int{}
		total := int64(0)
		for _, q := range r.History() {
			if q.Host == "api.scaleway.com" {
				calls[q.Route]++
				total++
			}
		}
		if total != rep.API.Calls {
			t.Errorf("the report counts %d calls, the emulator %d", rep.API.Calls, total)
		}
		return calls
	}
	r.ForgetHistory()
	discovery := map[string]int{
		"GET /iam/v1alpha1/api-keys":                             1,
		"GET /iam/v1alpha1/api-keys/{access_key}":                1, // that the superseded key is what its version says
		"GET /iam/v1alpha1/applications":                         1,
		"GET /iam/v1alpha1/policies":                             1,
		"GET /iam/v1alpha1/groups":                               1,
		"GET /iam/v1alpha1/rules":                                7, // a policy that reaches anybody
		"GET /iam/v1alpha1/users":                                1, // who can call, and is not in scope
		"GET /iam/v1alpha1/organizations/{id}/security-settings": 1,
		"GET /functions/v1beta1/regions/{region}/namespaces":     3, // a region
		"GET /functions/v1beta1/regions/{region}/functions":      2, // a region with namespaces
		"GET /functions/v1beta1/regions/{region}/domains":        6, // a private function
		"GET /functions/v1beta1/regions/{region}/tokens":         10,
		"GET /containers/v1/regions/{region}/namespaces":         4,
		"GET /containers/v1/regions/{region}/containers":         2,
		"GET /containers/v1/regions/{region}/domains":            2,
		"GET /containers/v1beta1/regions/{region}/tokens":        6,
		"GET /secret-manager/v1beta1/regions/{region}/secrets":   1 + 2*3*2, // two applications have none: each region is asked, for deleted ones too
		// of checkout, which was rotated before
		"GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions":                   1,
		"GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions/{revision}/access": 1,
	}
	if diff := cmp.Diff(discovery, count(r.mustRun(t, run.Request{DryRun: true}))); diff != "" {
		t.Errorf("calls of a dry run (-want +got):\n%s", diff)
	}
	r.mustRun(t, run.Request{})
	r.ForgetHistory()
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets"] = 1
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions"] = 3                   // the function's own, too
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions/{revision}/access"] = 5 // the superseded key of checkout, to know who carries it, and the ledger
	if diff := cmp.Diff(discovery, count(r.mustRun(t, run.Request{}))); diff != "" {
		t.Errorf("calls of a run that finds everything in order (-want +got):\n%s", diff)
	}
}

func TestTheOtherProjectIsUntouched(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	look := func() string {
		t.Helper()
		var out bytes.Buffer
		for _, k := range r.Keys("invoicing") {
			out.WriteString(k.AccessKey + "\n")
		}
		for _, token := range r.Tokens() {
			if token.Project == r.Project("other") {
				out.WriteString(token.ID + "\n")
			}
		}
		for _, path := range []string{
			"/functions/v1beta1/regions/fr-par/functions?project_id=", "/containers/v1/regions/fr-par/containers?project_id=",
			"/secret-manager/v1beta1/regions/fr-par/secrets?project_id=",
		} {
			out.WriteString(r.Call(r.Secret, http.MethodGet, path+r.Project("other"), nil).Text)
		}
		return out.String()
	}
	before := look()
	if strings.Count(before, "\n") < 6 {
		t.Fatalf("the demo's second project holds too little to be a test:\n%s", before)
	}
	r.mustRun(t, run.Request{})
	r.Clock().Advance(40 * 24 * time.Hour)
	r.mustRun(t, run.Request{Force: true})
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("the second project changed:\n%s", diff)
	}
	if n := len(r.Keys("partner-gateway")); n != 1 {
		t.Errorf("the application that reaches both projects has %d keys", n)
	}
}

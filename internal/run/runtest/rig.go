// Package runtest is the kit of the tests of internal/run: projects in the emulator,
// runs on them, and what is said of them. Only tests import it, and no archive has it.
package runtest

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// Rig is a demo project and the function's configuration in it.
type Rig struct {
	*emulatortest.Env

	Cfg config.Config
	Log io.Writer
}

// Start loads the demo project; extra are settings that go over the defaults.
func Start(t *testing.T, o emulator.Options, extra ...string) *Rig {
	t.Helper()
	return StartSeed(t, o, emulator.Demo(), extra...)
}

// StartSeed is Start with another organization.
func StartSeed(tb testing.TB, o emulator.Options, seed emulator.Seed, extra ...string) *Rig {
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
	return &Rig{Env: env, Cfg: cfg, Log: io.Discard}
}

// Run does one run.
func (r *Rig) Run(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	got, err := run.Do(t.Context(), r.Cfg, req, r.Surroundings())
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

// Surroundings are the emulator and its clock, as a run sees them.
func (r *Rig) Surroundings() run.Options {
	return run.Options{
		API: r.RoundTripper(), Endpoints: r.RoundTripper(),
		Clock: clock.Clock{Now: r.Clock().Now, Sleep: r.Clock().Sleep, After: r.Clock().After, Emulated: true},
		Log:   slog.New(slog.NewJSONHandler(r.Log, &slog.HandlerOptions{Level: slog.LevelDebug})), RunID: "test-run",
	}
}

// MustRun does one run and fails the test unless it was a success.
func (r *Rig) MustRun(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	got := r.Run(t, req)
	if got.Outcome != report.Success {
		t.Fatalf("the run failed:\n%s", Text(t, got))
	}
	return got
}

// Writes are the requests of the history that may change something.
func (r *Rig) Writes() []string {
	var out []string
	for _, q := range r.History() {
		if q.Host == "api.scaleway.com" && q.Method != http.MethodGet {
			out = append(out, q.Method+" "+q.Path)
		}
	}
	return out
}

// OnlyPlanned fails the test if the history shows that a dry run changed
// anything, or its report says so.
func (r *Rig) OnlyPlanned(t *testing.T, dry *report.Report) {
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

// Has tells whether the function's application has a key.
func (r *Rig) Has(accessKey string) bool {
	return slices.ContainsFunc(r.Keys("rotator"), func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
}

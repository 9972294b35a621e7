package reports_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// logged does one run and returns its log as the function writes it, less the
// time, which is the machine's own.
func logged(t *testing.T, r *runtest.Rig, req run.Request) (*report.Report, string) {
	t.Helper()
	var out bytes.Buffer
	o := r.Surroundings()
	o.Log = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return printable.Attr(groups, a)
	}})).With("run_id", o.RunID)
	rep, err := run.Do(t.Context(), r.Cfg, req, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep, out.String()
}

// lines are those of a log with this message, decoded.
func lines(t *testing.T, log, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(log) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row["msg"] == message {
			out = append(out, row)
		}
	}
	return out
}

// troubled is a project in which ten things are to be said.
func troubled() emulator.Seed {
	published := runtest.Minted(runtest.KeyA, 89)
	published.ExpiresIn = runtest.Age(-1)
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{published}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 89)))
	seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: runtest.Age(45)}
	seed.Applications[0].Keys[0].ExpiresIn = runtest.Age(12)
	seed.Applications = append(seed.Applications,
		runtest.Principal("pipeline", runtest.Here("", "FunctionsFullAccess")),
		runtest.Principal("partner", emulator.SeedRule{PermissionSets: []string{"FunctionsPrivateAccess"}, Projects: []string{"demo", "other"}}),
		emulator.SeedApplication{
			Name: "contended", ID: "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f2aa",
			Keys:     []emulator.SeedKey{{AccessKey: runtest.KeyB, Age: runtest.Age(40), Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: "contended", Rules: emulator.CallerRules("demo")}},
		},
	)
	seed.Secrets = append(seed.Secrets, emulator.SeedSecret{
		Name: "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f2aa", Project: "demo", Path: "/rotator",
		Versions: []emulator.SeedVersion{{Data: "by hand", Description: "by hand", Age: runtest.Age(2)}},
	})
	shop := &seed.Serverless[0].FunctionNamespaces[0]
	shop.Functions[0].Tokens = []emulator.SeedToken{{Description: "mobile app"}}
	shop.Functions = append(shop.Functions,
		emulator.SeedFunction{Name: "broken", Status: "error", ErrorMessage: "internal error"},
		emulator.SeedFunction{Name: "plain", HTTPOption: "enabled"},
	)
	return seed
}

func TestTheLogOfARunWithTenFindings(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, troubled(), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	r.Arm(emulator.Fault{Method: http.MethodGet, Path: "/containers/v1beta1/regions/fr-par/tokens", Times: -1, Status: http.StatusForbidden, Body: `{"type":"permissions_denied","message":"insufficient permissions","details":[]}`})
	rep, log := logged(t, r, run.Request{})
	if len(rep.Findings) != 10 {
		t.Errorf("%d findings, want 10:\n%s", len(rep.Findings), runtest.Text(t, rep))
	}
	runtest.Golden(t, "ten-findings.log", []byte(log))
	told(t, rep, log)
}

// told holds the log against the report: each finding and each failed step is one
// line at its level, and one line ends the run.
func told(t *testing.T, rep *report.Report, log string) {
	t.Helper()
	levels := map[report.Level]string{report.Error: "ERROR", report.Warning: "WARN", report.Note: "INFO"}
	want, got := []string{}, []string{}
	for _, f := range rep.Findings {
		want = append(want, levels[f.Level]+" "+f.Subject+": "+f.Text+" → "+f.Hint)
	}
	for _, l := range lines(t, log, "finding") {
		got = append(got, l["level"].(string)+" "+l["subject"].(string)+": "+l["text"].(string)+" → "+l["hint"].(string))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings in the log (-want +got):\n%s", diff)
	}
	want, got = []string{}, []string{}
	for _, s := range rep.Steps {
		if s.Outcome == report.Failure || s.Outcome == report.Incomplete {
			want = append(want, "ERROR "+s.Name+" "+string(s.Outcome)+": "+strings.Join(s.Errors, "; "))
		}
	}
	for _, l := range lines(t, log, "step failed") {
		got = append(got, l["level"].(string)+" "+l["step"].(string)+" "+l["outcome"].(string)+": "+l["error"].(string))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failed steps in the log (-want +got):\n%s", diff)
	}
	left := []string{}
	for _, l := range lines(t, log, "step failed") {
		if l["left"] != "" {
			left = append(left, l["left"].(string))
		}
	}
	if got := strings.Join(left, "; "); got != strings.Join(rep.Left, "; ") {
		t.Errorf("left, in the log: %s; want %s", got, strings.Join(rep.Left, "; "))
	}
	ended := lines(t, log, "run ended")
	if len(ended) != 1 {
		t.Fatalf("%d lines end the run", len(ended))
	}
	count := map[report.Level]int{}
	for _, f := range rep.Findings {
		count[f.Level]++
	}
	end := ended[0]
	level := "INFO"
	if rep.Outcome != report.Success {
		level = "ERROR"
	}
	for field, value := range map[string]any{
		"level": level, "outcome": string(rep.Outcome), "errors": float64(count[report.Error]), "warnings": float64(count[report.Warning]),
		"notes": float64(count[report.Note]), "changes": float64(len(rep.Changes)), "seconds": rep.API.DurationSeconds, "api_calls": float64(rep.API.Calls),
	} {
		if end[field] != value {
			t.Errorf("the run's last line says %s %v, want %v", field, end[field], value)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(log), "}") || !strings.Contains(log[strings.LastIndex(strings.TrimSpace(log), "\n")+1:], `"run ended"`) {
		t.Error("the line that ends the run is not the last")
	}
}

// More runs of the kind: a dry one, a clean one, one whose own key is renewed, and
// one that has no time.
func TestTheLogTellsWhatTheReportDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		seed    emulator.Seed
		req     run.Request
		slow    time.Duration // the API, at one answer of discovery
		failure bool
	}{
		{name: "the demo", seed: emulator.Demo()},
		{name: "the demo, dry", seed: emulator.Demo(), req: run.Request{DryRun: true}},
		{name: "the demo, with its own key", seed: emulator.Demo(), req: run.Request{Force: true}},
		{name: "ten findings, dry", seed: troubled(), req: run.Request{DryRun: true}, failure: true},
		{name: "one step", seed: troubled(), req: run.Request{Steps: []string{run.StepCheck}}, failure: true},
		{name: "no time", seed: emulator.Demo(), slow: 12 * time.Minute, failure: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, tt.seed)
			r.Arm(emulator.Fault{Path: "/iam/v1alpha1/groups", Delay: tt.slow, Times: -1})
			rep, log := logged(t, r, tt.req)
			told(t, rep, log)
			if (rep.Outcome == report.Failure) != tt.failure {
				t.Errorf("%s:\n%s", rep.Outcome, runtest.Text(t, rep))
			}
		})
	}
}

func TestTheLogCountsTheDaysToTheNextExpiry(t *testing.T) {
	t.Parallel()
	ten := emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 1)}}
	for _, tt := range []struct {
		name   string
		change func(s *emulator.Seed)
		days   any
		what   string
	}{
		{"the current key", func(*emulator.Seed) {}, 89.0, "the current key " + runtest.KeyA + " of orders"},
		{"the function's own key", func(s *emulator.Seed) { s.Applications[0].Keys[0].ExpiresIn = runtest.Age(12) }, 12.0, "the function's own key "},
		{"a superseded key", func(s *emulator.Seed) {
			k := runtest.Minted(runtest.KeyB, 88)
			s.Applications[1].Keys = append([]emulator.SeedKey{k}, s.Applications[1].Keys...)
			s.Secrets[0] = runtest.CredentialOf(runtest.Holds(runtest.KeyB, 88), runtest.Holds(runtest.KeyA, 1))
		}, 2.0, "the superseded key " + runtest.KeyB + " of orders"},
		{"a legacy token", func(s *emulator.Seed) {
			s.Serverless[0].FunctionNamespaces[0].Functions[0].Tokens = []emulator.SeedToken{{ExpiresIn: "3d"}}
		}, 3.0, "the legacy token "},
	} {
		seed := runtest.Small(ten, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 1)))
		tt.change(&seed)
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep")
		_, log := logged(t, r, run.Request{})
		end := lines(t, log, "run ended")[0]
		if what, _ := end["next_expiry"].(string); end["next_expiry_days"] != tt.days || !strings.HasPrefix(what, tt.what) {
			t.Errorf("%s: in %v days, %v", tt.name, end["next_expiry_days"], end["next_expiry"])
		}
	}
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Small(emulator.SeedApplication{}), "ROTATOR_OWN_KEY=keep")
	_, log := logged(t, r, run.Request{DryRun: true})
	if end := lines(t, log, "run ended")[0]; end["next_expiry_days"] != nil {
		t.Errorf("nothing expires: in %v days, %v", end["next_expiry_days"], end["next_expiry"])
	}
	rep := &report.Report{FinishedAt: time.Now()}
	if at, _ := rep.NextExpiry(); !at.IsZero() {
		t.Errorf("an empty report expires on %s", at)
	}
}

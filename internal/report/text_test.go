package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
)

var now = time.Date(2026, time.December, 20, 4, 0, 0, 0, time.UTC)

func written(t *testing.T, r *report.Report) string {
	t.Helper()
	r.StartedAt, r.RunID, r.ProjectID = now, "r", "p"
	r.Conclude()
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// before fails the test unless the texts stand in this order.
func before(t *testing.T, text string, parts ...string) {
	t.Helper()
	at := 0
	for _, part := range parts {
		i := strings.Index(text[at:], part)
		if i < 0 {
			t.Fatalf("no %q, or not after what comes before it:\n%s", part, text)
		}
		at += i + len(part)
	}
}

func TestTheFirstLineCountsWhatAPersonMustActOn(t *testing.T) {
	t.Parallel()
	finding := func(level report.Level) report.Finding {
		return report.Finding{Level: level, Subject: "s", Text: "t", Hint: "h"}
	}
	failed := report.Step{Name: "check", Outcome: report.Failure, Errors: []string{"e", "f"}}
	for _, tt := range []struct {
		name string
		r    report.Report
		want string
	}{
		{"nothing", report.Report{}, "✓ SUCCESS, nothing to act on: run r on project p"},
		{"notes", report.Report{Findings: []report.Finding{finding(report.Note)}}, "✓ SUCCESS, nothing to act on: run r on project p"},
		{"a warning", report.Report{Findings: []report.Finding{finding(report.Warning), finding(report.Note)}}, "✓ SUCCESS, 1 thing to act on: run r on project p"},
		{"three", report.Report{DryRun: true, Findings: []report.Finding{finding(report.Warning), finding(report.Warning), finding(report.Warning)}}, "✓ SUCCESS, 3 things to act on: dry run r on project p"},
		{"a failed step", report.Report{Steps: []report.Step{failed}}, "✗ FAILURE, 1 thing to act on: run r on project p"},
		{"an error beside", report.Report{Steps: []report.Step{failed}, Findings: []report.Finding{finding(report.Error)}}, "✗ FAILURE, 2 things to act on: run r on project p"},
		{"no time", report.Report{Steps: []report.Step{{Name: "purge", Outcome: report.Incomplete}}}, "✗ FAILURE, 1 thing to act on: run r on project p"},
	} {
		if got, _, _ := strings.Cut(written(t, &tt.r), "\n"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWhatToActOnStandsBeforeTheRest(t *testing.T) {
	t.Parallel()
	r := &report.Report{
		Steps: []report.Step{{Name: "check", Outcome: report.Failure, Errors: []string{"an endpoint is open"}}},
		Findings: []report.Finding{
			{Level: report.Note, Subject: "tokens", Text: "may exist"},
			{Level: report.Warning, Subject: "function a", Text: "is in error", Hint: "mend it"},
			{Level: report.Error, Subject: "API keys", Text: "no room", Hint: "delete some"},
			{Level: report.Warning, Subject: "function b", Text: "is in error", Hint: "mend it"},
		},
		Changes:      []report.Change{{Kind: "delete_token", Object: "token t", Result: report.Refused, Reason: "expired"}},
		Left:         []string{"step purge"},
		Applications: []report.Application{{Name: "checkout", InScope: true, Action: "kept", Why: "young"}},
	}
	got := written(t, r)
	before(t, got, "✗ FAILURE, 4 things to act on", "\nTO ACT ON\n", "error: API keys: no room", "→ delete some", "✗ step check: failure", "an endpoint is open",
		"warning: function a,\n      function b: is in error", "→ mend it", "\nCHANGES THAT WENT WRONG\n", "token t", "\nLEFT FOR THE NEXT RUN\n", "step purge",
		"\nFOUND\n", "\nAPPLICATIONS\n", "\nNOTES\n", "note: tokens: may exist", "API calls")
	if quiet := written(t, &report.Report{}); strings.Contains(quiet, "TO ACT ON\n") || strings.Contains(quiet, "NOTES") {
		t.Errorf("nothing is to be said:\n%s", quiet)
	}
}

func TestADayHasItsYearWhereItIsNotThisOne(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]string{
		now.AddDate(0, 0, 7):   "27 December",
		now.AddDate(0, 0, 14):  "3 January 2027",
		now.AddDate(-1, 0, 0):  "20 December 2025",
		now.AddDate(0, -11, 0): "20 January",
	} {
		if got := report.Day(at, now); got != want {
			t.Errorf("%s is %q, want %q", at, got, want)
		}
	}
	got := written(t, &report.Report{Coming: []report.Coming{{Day: "2026-12-27", Keys: 1}, {Day: "2027-01-03", LegacyTokens: 2}}})
	before(t, got, "  On 27 December: 1 old key goes\n", "  On 3 January 2027: 2 legacy tokens go\n")
}

func TestTimesSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	before(t, written(t, &report.Report{Clock: "the emulator's"}), "on project p\n", "  All times here are the emulator's\n", "\nFOUND\n")
	if got := written(t, &report.Report{}); strings.Contains(got, "All times") {
		t.Errorf("Scaleway's own times need no word:\n%s", got)
	}
}

func TestTheKeysOfAnApplicationAreDrawnOnALine(t *testing.T) {
	t.Parallel()
	day := func(n int) *time.Time { at := now.AddDate(0, 0, n); return &at }
	key := func(name, state string, made int, expires *time.Time) report.Key {
		return report.Key{AccessKey: name, State: state, CreatedAt: *day(made), ExpiresAt: expires}
	}
	rotate := report.Event{At: *day(21), What: "the key A is rotated", Kind: "rotate"}
	remove := report.Event{At: *day(6), What: "the key B is deleted", Kind: "delete"}
	for name, row := range map[string]struct {
		keys []report.Key
		next []report.Event
		want string
	}{
		"a young one": {
			[]report.Key{key("A", "current", -9, day(81))},
			[]report.Event{rotate},
			"                 ├──●──────◆╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤",
		},
		"one that never dies": {
			[]report.Key{key("A", "current", -9, nil)},
			nil,
			"                 ├──●───────────────────────────────────────",
		},
		"one that outlives the picture": {
			[]report.Key{key("A", "current", -500, day(500))},
			[]report.Event{rotate},
			"────────────────────●──────◆╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌",
		},
		"and the one before it": {
			[]report.Key{key("B", "superseded", -39, nil), key("A", "current", -9, day(81))},
			[]report.Event{remove, rotate},
			"       ├╌╌╌╌╌╌╌╌╌├──●─×────◆╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤",
		},
		"an expired one alone": {
			[]report.Key{key("B", "superseded", -39, day(-12))},
			nil,
			"       ├╌╌╌╌╌╌╌╌×   ●",
		},
	} {
		got := written(t, &report.Report{Applications: []report.Application{{Name: "a", InScope: true, Action: "kept", Keys: row.keys, Next: row.next}}})
		if !strings.Contains(got, "\n    "+row.want+"\n") {
			t.Errorf("%s: no\n    %s\nin\n%s", name, row.want, got)
		}
		if strings.Count(got, "3 days a column, 21 October to 19 April 2027\n") != 1 {
			t.Errorf("%s: the legend does not stand there once:\n%s", name, got)
		}
	}
	if got := written(t, &report.Report{Applications: []report.Application{{Name: "a", InScope: true}}}); strings.Contains(got, "3 days a column") {
		t.Errorf("nothing is drawn, and explained:\n%s", got)
	}
}

func TestTheLastLinesSayWhoWasTold(t *testing.T) {
	t.Parallel()
	before(t, written(t, &report.Report{Told: []report.Told{
		{Target: "slack at a", Told: true}, {Target: "smtp at b", Told: true, Detail: "not told to 1"}, {Target: "ntfy at c", Detail: "why"},
	}}), "\ntold slack at a\n", "\ntold smtp at b: not told to 1\n", "\nnot told: ntfy at c: why\n")
}

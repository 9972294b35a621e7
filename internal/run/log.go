package run

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
)

// Nobody reads the answer to a cron's call: what a person must know of a run that
// was not asked for by one stands in the log, once, at a level that an alert can
// ask for. docs/operations.md has the queries.

// find notes something that a person should know.
func (s *session) find(level report.Level, subject, text, hint string) {
	f := report.Finding{Level: level, Subject: report.Line(subject), Text: report.Line(text), Hint: printable.Line(hint)}
	s.report.Findings = append(s.report.Findings, f)
	s.logFinding(f)
}

// logFinding writes a finding when it is found: the last step redeploys the
// function, which may end this very instance.
func (s *session) logFinding(f report.Finding) {
	write := s.log.Info
	switch f.Level {
	case report.Error:
		write = s.log.Error
	case report.Warning:
		write = s.log.Warn
	}
	write("finding", "subject", f.Subject, "text", f.Text, "hint", f.Hint)
}

// logStep writes one line a step, whatever number of things went wrong in it, or
// were left.
func (s *session) logStep(ctx context.Context, step report.Step, left []string) {
	switch step.Outcome {
	case report.Skipped:
	case report.Success:
		s.log.InfoContext(ctx, "step done", "step", step.Name)
	default:
		s.log.ErrorContext(ctx, "step failed", "step", step.Name, "outcome", step.Outcome, "error", strings.Join(step.Errors, "; "), "left", strings.Join(left, "; "))
	}
}

// ended writes the one line that says what a run came to. That it is missing for
// two intervals is the sign that no run comes to its end.
func (s *session) ended(ctx context.Context) {
	r := s.report
	level := slog.LevelInfo
	if r.Outcome != report.Success {
		level = slog.LevelError
	}
	n := r.Counts()
	attrs := []any{
		"outcome", r.Outcome, "dry_run", r.DryRun, "errors", n.Errors, "warnings", n.Warnings, "notes", n.Notes, "left", n.Left,
		"keys_rotated", n.KeysRotated, "keys_deleted", n.KeysDeleted, "environments_updated", n.EnvironmentsUpdated,
		"tokens_deleted", n.TokensDeleted, "endpoints", n.Endpoints, "changes", len(r.Changes),
	}
	if at, what := r.NextExpiry(); !at.IsZero() {
		attrs = append(attrs, "next_expiry_days", days(at.Sub(r.FinishedAt)), "next_expiry", what)
	}
	attrs = append(attrs, "seconds", r.API.DurationSeconds, "api_calls", r.API.Calls, "retries", r.API.Retries, "calls_per_second", r.API.PerSecond, "probes", r.API.Probes)
	s.log.Log(ctx, level, "run ended", attrs...)
}

// days is a time in days, to a tenth, and never later than it is.
func days(d time.Duration) float64 { return math.Floor(d.Hours()/24*10) / 10 }

// clockOf says whose times the report has, where they are not Scaleway's: nobody
// should take those of an emulator for the day on which a key dies.
func clockOf(cfg config.Config, o Options) string {
	switch {
	case o.Clock.Emulated:
		return "the emulator's: its clock jumps over all waiting"
	case cfg.APIURL != config.DefaultAPIURL:
		return "those of " + cfg.APIURL + ", which is not Scaleway's API"
	}
	return ""
}

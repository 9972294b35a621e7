package report

import (
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
)

// Conclude sets the run's outcome from what the report holds, and makes all its
// text fit to be shown.
func (r *Report) Conclude() {
	printable.Fields(r)
	r.Outcome = Success
	for _, s := range r.Steps {
		if s.Outcome == Failure || s.Outcome == Incomplete {
			r.Outcome = Failure
		}
	}
	for _, f := range r.Findings {
		if f.Level == Error {
			r.Outcome = Failure
		}
	}
	for _, c := range r.Changes {
		if c.Result == Refused || c.Result == Unknown {
			r.Outcome = Failure
		}
	}
}

// Days is an age in whole days.
func Days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// Expiry is an expires_at as the report holds it.
func Expiry(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Date is a day as the report writes it.
func Date(t time.Time) string { return t.UTC().Format("2 January 2006") }

// Day is a day with its year only where that is not the year of now.
func Day(t, now time.Time) string {
	if t.UTC().Year() != now.UTC().Year() {
		return Date(t)
	}
	return t.UTC().Format("2 January")
}

// Line makes text from outside fit for a line of the report: nothing that cannot
// be printed, no more than a line's length.
func Line(text string) string {
	text = printable.Line(text)
	const most = 500
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
)

// Last is what a whole run came to: whether it failed, and prints of its findings, by
// which the next run knows what is new. There is nothing of a finding in its print.
type Last struct {
	Failed   bool
	Findings []string // sorted
	Cut      bool     // there were more: those whose prints come after the last one here
}

// findingsMax bounds what a ledger remembers of findings: some 4 KiB.
const findingsMax = 400

// counted is what changes from day to day in a finding that stays the same.
var counted = regexp.MustCompile(`less than a day|[0-9]+ days?\b|[0-9]+`)

// FindingPrint tells a finding from others. What it counts, and the days that are
// left, do not make it another.
func FindingPrint(level, subject, text string) string {
	sum := sha256.Sum256([]byte(level + "\x00" + subject + "\x00" + counted.ReplaceAllString(text, "#")))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// LastOf is that of a run with findings of these prints.
func LastOf(failed bool, prints []string) Last {
	prints = slices.Clone(prints)
	slices.Sort(prints)
	prints = slices.Compact(prints)
	kept := min(len(prints), findingsMax)
	return Last{Failed: failed, Findings: prints[:kept], Cut: kept < len(prints)}
}

// Knows tells whether the run had a finding of that print, or may have had.
func (l Last) Knows(print string) bool {
	_, is := slices.BinarySearch(l.Findings, print)
	return is || l.Cut && print > l.Findings[len(l.Findings)-1]
}

// Equal tells whether two runs came to the same.
func (l Last) Equal(other Last) bool {
	return l.Failed == other.Failed && l.Cut == other.Cut && slices.Equal(l.Findings, other.Findings)
}

// What the description of the ledger's version says, where the last run's end is noted:
// whoever may list versions, and not read them, learns it.
const (
	described = "rotator: ledger"
	failed    = described + "; the last run failed"
	succeeded = described + "; the last run was a success"
)

// Description is that of the version that holds the ledger.
func (l Ledger) Description() string {
	switch {
	case l.Last == nil:
		return described
	case l.Last.Failed:
		return failed
	}
	return succeeded
}

// Ended tells from a version's description how the last run ended; known is false where
// nobody noted it.
func Ended(description string) (success, known bool) {
	return description == succeeded, description == succeeded || description == failed
}

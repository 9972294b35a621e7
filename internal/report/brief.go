package report

import (
	"io"
	"strings"
)

// Brief is what everybody may know of a run who can start one: how it ended, and
// no name of anything.
type Brief struct {
	RunID     string  `json:"run_id"`
	Outcome   Outcome `json:"outcome"`
	DryRun    bool    `json:"dry_run"`
	ProjectID string  `json:"project_id"`
	Counts    Counts  `json:"counts"`
	Hint      string  `json:"hint"` // how to see more
}

// Counts are how many things a run did, or in a dry run would do, and found.
type Counts struct {
	KeysRotated         int `json:"keys_rotated"`
	KeysRolledBack      int `json:"keys_rolled_back"`
	KeysDeleted         int `json:"keys_deleted"`
	EnvironmentsUpdated int `json:"environments_updated"`
	TokensDeleted       int `json:"tokens_deleted"`
	Endpoints           int `json:"endpoints"`
	Errors              int `json:"errors"`   // findings, by level
	Warnings            int `json:"warnings"` // findings
	Notes               int `json:"notes"`    // findings
	Left                int `json:"left"`     // things that there was no time for
}

// Counts sums the report up. What was undone in the same run does not count.
func (r *Report) Counts() Counts {
	if r.counts != nil {
		return *r.counts
	}
	c := Counts{Endpoints: len(r.Endpoints), Left: len(r.Left)}
	done := Done
	if r.DryRun {
		done = Planned
	}
	kinds := map[string]int{}
	for _, change := range r.Changes {
		if change.Result == done && !strings.HasPrefix(change.Reason, Undone) {
			kinds[change.Kind]++
		}
	}
	c.KeysDeleted, c.EnvironmentsUpdated, c.TokensDeleted = kinds["delete_key"], kinds["update_environment"], kinds["delete_token"]
	for _, a := range r.Applications {
		switch a.Action {
		case "rotated", "would rotate":
			c.KeysRotated++
		case "rolled back", "would roll back":
			c.KeysRolledBack++
		}
	}
	for _, f := range r.Findings {
		switch f.Level {
		case Error:
			c.Errors++
		case Warning:
			c.Warnings++
		default:
			c.Notes++
		}
	}
	return c
}

// Brief is the report for who may not see all of it.
func (r *Report) Brief(hint string) Brief {
	return Brief{RunID: r.RunID, Outcome: r.Outcome, DryRun: r.DryRun, ProjectID: r.ProjectID, Counts: r.Counts(), Hint: hint}
}

// BriefText is Brief for a person.
func (r *Report) BriefText(w io.Writer, hint string) error {
	p := &printer{}
	p.head(r)
	p.line("  → %s", hint)
	_, err := io.WriteString(w, p.out.String())
	return err
}

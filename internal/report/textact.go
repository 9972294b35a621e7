package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// acting is how much there is that a person must act on: findings, and steps that
// failed or had no time.
func (r *Report) acting() (n int) {
	for _, f := range r.Findings {
		if f.Level != Note {
			n++
		}
	}
	for _, s := range r.Steps {
		if s.wentWrong() {
			n++
		}
	}
	return n
}

func toDo(n int) string {
	if n == 0 {
		return "nothing to act on"
	}
	return count(n, "thing") + " to act on"
}

func (s Step) wentWrong() bool { return s.Outcome == Failure || s.Outcome == Incomplete }

// toActOn comes before all else, the worst first.
func (p *printer) toActOn(r *Report) {
	if r.acting() == 0 {
		return
	}
	p.section("To act on")
	p.findings(r, Error)
	for _, s := range r.Steps {
		if !s.wentWrong() {
			continue
		}
		p.line("  ✗ step %s: %s", s.Name, s.Outcome)
		shown(p, s.Errors, func(errors []string) {
			for _, e := range errors {
				p.line("      %s", e)
			}
		})
	}
	p.findings(r, Warning)
}

// notes ask nobody to act.
func (p *printer) notes(r *Report) {
	for _, f := range r.Findings {
		if f.Level == Note {
			p.section("Notes")
			p.findings(r, Note)
			return
		}
	}
}

func (p *printer) findings(r *Report, level Level) {
	said, subjects := r.distinct(level)
	shown(p, said, func(said []Finding) {
		p.said(said, subjects, level)
	})
}

// distinct are the findings of a level, once each, whatever their subjects.
func (r *Report) distinct(level Level) (said []Finding, subjects map[Finding][]string) {
	subjects = map[Finding][]string{}
	for _, f := range r.Findings {
		if f.Level != level {
			continue
		}
		same := Finding{Level: level, Text: f.Text, Hint: f.Hint}
		if subjects[same] == nil {
			said = append(said, same)
		}
		subjects[same] = append(subjects[same], f.Subject)
	}
	return said, subjects
}

// listed are subjects of the same finding, a line each.
func listed(subjects []string) string {
	text := strings.Join(subjects[:min(len(subjects), rowsMax)], ",\n      ")
	if more := len(subjects) - rowsMax; more > 0 {
		text += fmt.Sprintf(",\n      and %d more", more)
	}
	return text
}

func (p *printer) said(said []Finding, subjects map[Finding][]string, level Level) {
	for _, f := range said {
		p.line("  %s: %s: %s", level, listed(subjects[f]), f.Text)
		if f.Hint != "" {
			p.line("    → %s", f.Hint)
		}
	}
}

// changes shows those that were not made, or may have been; the others stand
// with what they were done to.
func (p *printer) changes(r *Report) {
	rows := changeRows(r.Changes, Change.wentWrong)
	if len(rows) > 0 {
		p.section("Changes that went wrong")
		p.table("  ", rows)
	}
}

// left is what there was no time for.
func (p *printer) left(r *Report) {
	if len(r.Left) == 0 {
		return
	}
	p.section("Left for the next run")
	shown(p, r.Left, func(left []string) {
		for _, l := range left {
			p.line("  %s", l)
		}
	})
}

// ToActOn are the first lines of what a person must act on, the worst first, and
// how many more there are.
func (r *Report) ToActOn(most int) (lines []string, more int) {
	finding := func(f Finding) string {
		text := f.Subject + ": " + f.Text
		if f.Hint != "" {
			text += " → " + f.Hint
		}
		return string(f.Level) + ": " + Line(text)
	}
	for _, level := range []Level{Error, Warning} {
		for _, f := range r.Findings {
			if f.Level == level {
				lines = append(lines, finding(f))
			}
		}
		for _, s := range r.Steps {
			if level == Error && s.wentWrong() {
				lines = append(lines, Line("step "+s.Name+", "+string(s.Outcome)+": "+strings.Join(s.Errors, "; ")))
			}
		}
	}
	kept := min(len(lines), most)
	return lines[:kept], len(lines) - kept
}

func (c Change) wentWrong() bool { return c.Result == Refused || c.Result == Unknown }

// kinds are those of changes, in the order in which a run makes them.
var kinds = []string{ //nolint:gochecknoglobals // a table, never changed
	"create_key", "create_secret", "publish", "mark_version", "update_environment", "redeploy", "delete_token",
	"remember", "disable_version", "delete_key", "delete_version", "delete_secret",
}

// changeRows are changes for a table, by kind: those of one kind are made together,
// and end in any order.
func changeRows(changes []Change, shown func(Change) bool) (rows [][]string) {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), strings.Compare(a.Object, b.Object))
	})
	for _, c := range changes {
		if !shown(c) {
			continue
		}
		sign := "✓"
		if c.wentWrong() {
			sign = "✗"
		}
		rows = append(rows, []string{sign, string(c.Result), c.Kind, c.Object, c.Reason})
	}
	return rows
}

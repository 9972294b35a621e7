package report

import (
	"fmt"
	"slices"
	"strings"
)

func (p *printer) applications(r *Report) {
	if len(r.Applications) == 0 {
		return
	}
	p.section("Applications")
	if slices.ContainsFunc(r.Applications, func(a Application) bool { return len(a.Keys) > 0 }) {
		p.line("  %s", r.stripLegend())
	}
	for _, a := range r.Applications {
		if r.amongCallers(a) {
			continue // there is nothing more to say of it
		}
		p.line("  %s: %s (%s)", a.Name, a.Action, a.Why)
		if a.Secret != nil {
			p.line("    %s", a.Secret.published())
		}
		if strip := r.strip(r.lives(a)); strip != "" {
			p.line("    %s", strip)
		}
		p.table("    ", a.keyRows())
		for _, sentence := range r.moreOf(a) {
			p.line("    %s", sentence)
		}
	}
}

func (a Application) keyRows() [][]string {
	rows := make([][]string, 0, len(a.Keys))
	for _, k := range a.Keys {
		rows = append(rows, []string{k.AccessKey, k.State, count(k.AgeDays, "day") + " old", expiry(k.ExpiresAt, "expires"), k.Note})
	}
	return rows
}

// moreOf is what there is to say of an application besides its keys.
func (r *Report) moreOf(a Application) (sentences []string) {
	if line := r.letIn(a); line != "" {
		sentences = append(sentences, line)
	}
	for _, d := range a.Dead {
		sentences = append(sentences, d.AccessKey+" is deleted and "+d.said())
	}
	for _, e := range a.Next {
		if e.Kind == "rotate" { // when a key dies stands with the key
			sentences = append(sentences, "next: "+e.What+" on "+Date(e.At))
		}
	}
	return sentences
}

// amongCallers tells whether an application is left alone, and stands with those
// who can call private endpoints.
func (r *Report) amongCallers(a Application) bool {
	return !a.InScope && len(a.Keys) == 0 && slices.ContainsFunc(r.Callers, func(c Caller) bool { return c.ID == a.ID })
}

func (p *printer) callers(r *Report) {
	if rows := r.callerRows(); len(rows) > 0 {
		p.section("Who else can call private endpoints")
		p.table("  ", rows)
	}
}

// callerRows are all who can call private endpoints and whose keys are not rotated
// here.
func (r *Report) callerRows() (rows [][]string) {
	for _, c := range r.Callers {
		why := "left alone: " + c.Why
		switch {
		case c.InScope:
			continue
		case r.OwnKey != nil && r.OwnKey.ApplicationID == c.ID: // it may be rotated, and stands above
			why = c.Why
		}
		rows = append(rows, []string{c.Kind + " " + c.Name, strings.Join(c.Products, ", "), c.means(), why})
	}
	return rows
}

// means is what lets a caller call.
func (c Caller) means() string {
	by := "without a policy"
	if len(c.PermissionSets) > 0 {
		by = "by " + strings.Join(c.PermissionSets, ", ")
	}
	if c.Conditional {
		by += ", on a condition"
	}
	return by
}

// letIn says where the key of an application was let in.
func (r *Report) letIn(a Application) string {
	var parts []string
	for _, l := range a.LetIn {
		said := l.Result
		if l.Result == "accepted" {
			said = "let in"
		}
		switch {
		case l.Asked == 0:
			said += ": " + l.Detail
		case l.Asked > 1:
			said = fmt.Sprintf("let in at %d of %d", l.Accepted, l.Asked)
		default:
			said += " at " + r.endpoint(l.URL)
		}
		parts = append(parts, l.Product+" "+said)
	}
	if len(parts) == 0 {
		return ""
	}
	return "its key: " + strings.Join(parts, "; ")
}

// endpoint names the one at a URL.
func (r *Report) endpoint(url string) string {
	if i := slices.IndexFunc(r.Endpoints, func(e Endpoint) bool { return e.URL == url }); i >= 0 {
		return name(r.Endpoints[i])
	}
	return url
}

func (s *Secret) published() string {
	said := "to be published in"
	if s.Revision > 0 {
		said = fmt.Sprintf("published as version %d of", s.Revision)
	}
	return fmt.Sprintf("%s %s/%s in %s", said, strings.TrimRight(s.Path, "/"), s.Name, s.Region)
}

func (d Dead) said() string {
	switch {
	case d.Result == "unproven":
		return "not proven dead: " + d.Detail
	case d.Seconds != nil:
		return fmt.Sprintf("%s by %s after %.0f s", d.Result, d.Where, *d.Seconds)
	default:
		return d.Result + " by " + d.Where
	}
}

// consumers shows who carries a key in its environment.
func (p *printer) consumers(r *Report) {
	if len(r.Consumers) == 0 && !r.hasSums("consumer") {
		return
	}
	p.section("Consumers: who carries a key")
	shown(p, r.Consumers, func(consumers []Consumer) { p.table("  ", carrierRows(consumers)) })
	p.sums(r, "consumer")
}

func carrierRows(consumers []Consumer) [][]string {
	rows := make([][]string, 0, len(consumers))
	for _, c := range consumers {
		sign := "✓"
		if c.Result == "failed" || c.Result == "behind" || c.Result == "deploying" {
			sign = "✗"
		}
		var carries []string
		for _, v := range c.Variables {
			carries = append(carries, v.Name+" of "+v.Application)
		}
		name := c.Name
		if !strings.HasSuffix(c.Kind, "namespace") {
			name = c.Namespace + "/" + c.Name
		}
		row := []string{sign, c.Kind + " " + name, c.Region, strings.Join(carries, ", "), c.Result, c.Detail}
		if c.HoursLeft > 0 {
			row[5] = strings.TrimPrefix(row[5]+fmt.Sprintf("; the revision before ends in %d hours", c.HoursLeft), "; ")
		}
		rows = append(rows, row)
	}
	return rows
}

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the report for a person, in lines of a terminal's width where
// names allow it. It is the same report as the JSON, less what only a program
// wants.
func (r *Report) Text(w io.Writer) error {
	p := &printer{}
	p.head(r)
	p.steps(r)
	p.found(r)
	p.applications(r)
	p.consumers(r)
	p.endpoints(r)
	p.tokens(r)
	p.findings(r)
	p.changes(r)
	p.foot(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

type printer struct{ out strings.Builder }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

func (p *printer) section(title string) { p.line("\n%s", strings.ToUpper(title)) }

// table writes rows of cells that stand under one another.
func (p *printer) table(indent string, rows [][]string) {
	w := tabwriter.NewWriter(&p.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, indent+strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func (p *printer) head(r *Report) {
	kind := "run"
	if r.DryRun {
		kind = "dry run"
	}
	sign := "✓"
	if r.Outcome != Success {
		sign = "✗"
	}
	p.line("%s %s: %s %s on project %s", sign, strings.ToUpper(string(r.Outcome)), kind, r.RunID, r.ProjectID)
	p.line("  %s", r.summary())
	for _, c := range r.Coming {
		p.line("  %s", c.said())
	}
}

// said is a sentence such as "On 4 December: 9 legacy tokens and 3 old keys go".
func (c Coming) said() string {
	day := c.Day
	if t, err := time.Parse(time.DateOnly, c.Day); err == nil {
		day = t.Format("2 January")
	}
	var what []string
	if c.LegacyTokens > 0 {
		what = append(what, count(c.LegacyTokens, "legacy token"))
	}
	if c.Keys > 0 {
		what = append(what, count(c.Keys, "old key"))
	}
	verb := "go"
	if c.LegacyTokens+c.Keys == 1 {
		verb = "goes"
	}
	return "On " + day + ": " + strings.Join(what, " and ") + " " + verb
}

// summary says in a sentence what was done.
func (r *Report) summary() string {
	done, verb := Done, ""
	if r.DryRun {
		done, verb = Planned, "to be "
	}
	n := map[string]int{}
	for _, c := range r.Changes {
		if c.Result == done && !strings.HasPrefix(c.Reason, Undone) {
			n[c.Kind]++
		}
	}
	rotated, back := 0, 0
	for _, a := range r.Applications {
		switch a.Action {
		case "rotated", "would rotate":
			rotated++
		case "rolled back", "would roll back":
			back++
		}
	}
	more := "" // what not every run does
	if back > 0 {
		more = fmt.Sprintf("%s %srolled back, ", count(back, "key"), verb)
	}
	if n := n["update_environment"]; n > 0 {
		more += fmt.Sprintf("%s %supdated, ", count(n, "environment"), verb)
	}
	return fmt.Sprintf("%s %srotated, %s%s %sdeleted, %s %sdeleted, %s checked, %s",
		count(rotated, "key"), verb, more, count(n["delete_key"], "superseded key"), verb,
		count(n["delete_token"], "legacy token"), verb, count(len(r.Endpoints), "endpoint"), r.toDo())
}

func (r *Report) toDo() string {
	n := 0
	for _, f := range r.Findings {
		if f.Level != Note {
			n++
		}
	}
	if n == 0 {
		return "nothing to act on"
	}
	return count(n, "finding") + " to act on"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p *printer) steps(r *Report) {
	for _, s := range r.Steps {
		if len(s.Errors) == 0 && s.Outcome != Incomplete {
			continue
		}
		p.line("\n✗ step %s: %s", s.Name, s.Outcome)
		for _, e := range s.Errors {
			p.line("    %s", e)
		}
	}
	if len(r.Left) > 0 {
		p.section("Left for the next run")
		for _, l := range r.Left {
			p.line("  %s", l)
		}
	}
}

func (p *printer) found(r *Report) {
	f := r.Found
	p.section("Found")
	rows := [][]string{
		{"applications", fmt.Sprintf("%d in the organization, %d in scope", f.Applications, f.InScope)},
		{"API keys", fmt.Sprintf("%d in the organization (%d of people and %d managed by Scaleway are never touched)", f.APIKeys, f.UserKeys, f.ManagedKeys)},
		{"functions", fmt.Sprintf("%d in %s, %d private", f.Functions, count(f.FunctionNamespaces, "namespace"), f.PrivateFunctions)},
		{"containers", fmt.Sprintf("%d in %s, %d private", f.Containers, count(f.ContainerNamespaces, "namespace"), f.PrivateContainers)},
		{"legacy tokens", countOf(f.LegacyTokens)},
		{"regions", strings.Join(f.Regions, ", ")},
	}
	if k := r.OwnKey; k != nil {
		rows = append(rows, []string{"own key", fmt.Sprintf("%s, %s old, %s", k.AccessKey, count(k.AgeDays, "day"), expiry(k.ExpiresAt, "expires"))})
	}
	p.table("  ", rows)
}

func expiry(at *time.Time, verb string) string {
	if at == nil {
		return "never " + verb
	}
	return verb + " " + Date(*at)
}

// Date is a day as the report writes it.
func Date(t time.Time) string { return t.UTC().Format("2 January 2006") }

func (p *printer) applications(r *Report) {
	if len(r.Applications) == 0 {
		return
	}
	p.section("Applications")
	for _, a := range r.Applications {
		p.line("  %s: %s (%s)", a.Name, a.Action, a.Why)
		if a.Secret != nil {
			p.line("    %s %s/%s in %s", a.Secret.published(), strings.TrimRight(a.Secret.Path, "/"), a.Secret.Name, a.Secret.Region)
		}
		rows := make([][]string, 0, len(a.Keys))
		for _, k := range a.Keys {
			rows = append(rows, []string{k.AccessKey, k.State, count(k.AgeDays, "day") + " old", expiry(k.ExpiresAt, "expires"), k.Note})
		}
		p.table("    ", rows)
		if line := r.letIn(a); line != "" {
			p.line("    %s", line)
		}
		for _, d := range a.Dead {
			p.line("    %s is deleted and %s", d.AccessKey, d.said())
		}
		for _, e := range a.Next {
			p.line("    next: %s on %s", e.What, Date(e.At))
		}
	}
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
	if s.Revision == 0 {
		return "to be published in"
	}
	return fmt.Sprintf("published as version %d of", s.Revision)
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
	if len(r.Consumers) == 0 {
		return
	}
	p.section("Consumers: who carries a key")
	rows := make([][]string, 0, len(r.Consumers))
	for _, c := range r.Consumers {
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
	p.table("  ", rows)
}

// endpoints is the access matrix: a row an endpoint, a column a caller.
func (p *printer) endpoints(r *Report) {
	if len(r.Endpoints) == 0 {
		return
	}
	p.section("Endpoints: who is let in")
	p.line("  A key is let in where the gateway's refusal does not come back; on functions, their runtime then says 404.")
	var callers []string
	for _, k := range r.CheckingKeys {
		callers = append(callers, k.Application)
		p.line("  The key of %s asks every endpoint of %s (%s).", k.Application, strings.Join(k.Products, " and "), k.Why)
	}
	if len(callers) > 0 {
		p.line("  Each other key asks one endpoint of each product, and stands with its application.")
	}
	rows := [][]string{append([]string{"", "", "NO TOKEN", "MALFORMED", "UNKNOWN"}, callers...)}
	for _, e := range r.Endpoints {
		row := []string{mark(e), name(e), cell(e.NoToken), cell(e.Malformed), cell(e.Unknown)}
		for _, c := range callers {
			text := "-"
			for _, k := range e.Keys {
				if k.Application == c {
					text = cell(k)
				}
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, e.note()))
	}
	p.table("  ", rows)
}

func mark(e Endpoint) string {
	switch e.Result {
	case "ok", "own", "disabled":
		return "✓"
	case "unproven":
		return "?"
	default:
		return "✗"
	}
}

func name(e Endpoint) string {
	if e.Custom {
		host, _, _ := strings.Cut(strings.TrimPrefix(e.URL, "https://"), "/")
		return host
	}
	return fmt.Sprintf("%s/%s (%s)", e.Namespace, e.Resource, e.Region)
}

func (e Endpoint) note() string {
	if e.Result == "ok" {
		return ""
	}
	return e.Result + ": " + e.Detail
}

func cell(p Probe) string {
	switch {
	case p.Result == "not tried":
		return "-"
	case p.Status == 0:
		return p.Detail
	default:
		return fmt.Sprintf("%s %d", p.Result, p.Status)
	}
}

func (p *printer) tokens(r *Report) {
	if len(r.LegacyTokens) == 0 {
		return
	}
	p.section("Legacy tokens")
	rows := make([][]string, 0, len(r.LegacyTokens))
	for _, t := range r.LegacyTokens {
		rows = append(rows, []string{t.ID, t.Scope + " " + t.Of, t.Region, expiry(t.ExpiresAt, "expires"), t.fate(), t.Why})
	}
	p.table("  ", rows)
}

// fate is what became of the token, and of a held one when it goes.
func (t LegacyToken) fate() string {
	switch {
	case t.Result != "held":
		return t.Result
	case t.GoesAt == nil:
		return "held until a person acts"
	default:
		return "held until " + Date(*t.GoesAt)
	}
}

func (p *printer) findings(r *Report) {
	if len(r.Findings) == 0 {
		return
	}
	p.section("Findings")
	for _, level := range []Level{Error, Warning, Note} {
		var said []Finding // those of the level, once each, whatever their subject
		subjects := map[Finding][]string{}
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
		for _, f := range said {
			p.line("  %s: %s: %s", level, strings.Join(subjects[f], ",\n      "), f.Text)
			if f.Hint != "" {
				p.line("    → %s", f.Hint)
			}
		}
	}
}

// changes shows those that were not made, or may have been; the others stand
// with what they were done to.
func (p *printer) changes(r *Report) {
	var rows [][]string
	for _, c := range r.Changes {
		if c.Result == Refused || c.Result == Unknown {
			rows = append(rows, []string{"✗", string(c.Result), c.Kind, c.Object, c.Reason})
		}
	}
	if len(rows) > 0 {
		p.section("Changes that went wrong")
		p.table("  ", rows)
	}
}

func (p *printer) foot(r *Report) {
	p.line("\n%d API calls (%d of them retries) and %d requests to endpoints in %s",
		r.API.Calls, r.API.Retries, r.API.Probes, time.Duration(r.API.DurationSeconds*float64(time.Second)).Round(time.Millisecond))
}

// countOf writes a number that may not be known.
func countOf(n *int) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

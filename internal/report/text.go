package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the report for a person, in lines of a terminal's width where
// names allow it: the outcome, then what that person must act on, then the rest.
// It is the same report as the JSON, less what only a program wants.
func (r *Report) Text(w io.Writer) error {
	p := &printer{}
	p.head(r)
	p.toActOn(r)
	p.changes(r)
	p.left(r)
	p.found(r)
	p.applications(r)
	p.callers(r)
	p.budget(r)
	p.consumers(r)
	p.endpoints(r)
	p.tokens(r)
	p.notes(r)
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

// Headline is how a run ended, in one line.
func (r *Report) Headline() string {
	return fmt.Sprintf("%s %s, %s: %s %s on project %s", r.sign(), strings.ToUpper(string(r.Outcome)), toDo(r.acting()), r.kind(), r.RunID, r.ProjectID)
}

func (p *printer) head(r *Report) {
	p.line("%s", r.Headline())
	for _, sentence := range r.inShort() {
		p.line("  %s", sentence)
	}
}

func (r *Report) kind() string {
	if r.DryRun {
		return "dry run"
	}
	return "run"
}

func (r *Report) sign() string {
	if r.Outcome == Success {
		return "✓"
	}
	return "✗"
}

// inShort is what was done and what is to come, in sentences.
func (r *Report) inShort() []string {
	sentences := []string{r.Summary()}
	for _, c := range r.Coming {
		sentences = append(sentences, c.Said(r.StartedAt))
	}
	if r.Clock != "" {
		sentences = append(sentences, "All times here are "+r.Clock)
	}
	return sentences
}

// Said is a sentence such as "On 4 December: 9 legacy tokens and 3 old keys go".
func (c Coming) Said(now time.Time) string {
	day := c.Day
	if t, err := time.Parse(time.DateOnly, c.Day); err == nil {
		day = Day(t, now)
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

// Summary says in a sentence what was done.
func (r *Report) Summary() string {
	n, verb := r.Counts(), ""
	if r.DryRun {
		verb = "to be "
	}
	more := "" // what not every run does
	if n.KeysRolledBack > 0 {
		more = fmt.Sprintf("%s %srolled back, ", count(n.KeysRolledBack, "key"), verb)
	}
	if n.EnvironmentsUpdated > 0 {
		more += fmt.Sprintf("%s %supdated, ", count(n.EnvironmentsUpdated, "environment"), verb)
	}
	return fmt.Sprintf("%s %srotated, %s%s %sdeleted, %s %sdeleted, %s checked",
		count(n.KeysRotated, "key"), verb, more, count(n.KeysDeleted, "superseded key"), verb,
		count(n.TokensDeleted, "legacy token"), verb, count(n.Endpoints, "endpoint"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p *printer) found(r *Report) {
	p.section("Found")
	p.table("  ", r.foundRows())
}

func (r *Report) foundRows() [][]string {
	f := r.Found
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
	return rows
}

func expiry(at *time.Time, verb string) string {
	if at == nil {
		return "never " + verb
	}
	return verb + " " + Date(*at)
}

func (p *printer) foot(r *Report) {
	for _, t := range r.Told {
		p.line("\n%s", t.line())
	}
	p.line("\n%s", r.cost())
}

// line says who was told of a run, or was not.
func (t Told) line() string {
	switch {
	case t.Told && t.Detail != "":
		return "told " + t.Target + ": " + t.Detail
	case t.Told:
		return "told " + t.Target
	}
	return "not told: " + t.Target + ": " + t.Detail
}

// cost is what the run took.
func (r *Report) cost() string {
	cost := ""
	if r.API.CPUSeconds > 0 {
		cost = fmt.Sprintf(", %.2f s of CPU", r.API.CPUSeconds)
	}
	if r.API.GBSeconds > 0 {
		cost += fmt.Sprintf(", %.2f GB-s", r.API.GBSeconds)
	}
	return fmt.Sprintf("version %s: %d API calls (%d of them retries, %d a second allowed in the end) and %d requests to endpoints in %s%s",
		r.Version, r.API.Calls, r.API.Retries, r.API.PerSecond, r.API.Probes, time.Duration(r.API.DurationSeconds*float64(time.Second)).Round(time.Millisecond), cost)
}

// countOf writes a number that may not be known.
func countOf(n *int) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

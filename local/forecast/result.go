package forecast

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// result is what the play came to.
func (p *play) result() *Result {
	p.capped()
	w := p.watch
	order := []Kind{Expired, Made, Delivered, Deleted, Tokens, Failed}
	slices.SortStableFunc(w.events, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), slices.Index(order, a.Kind)-slices.Index(order, b.Kind), strings.Compare(a.Who, b.Who), strings.Compare(a.Key, b.Key))
	})
	slices.SortStableFunc(w.breaks, func(a, b Break) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.What, b.What), strings.Compare(a.Text, b.Text))
	})
	r := &Result{
		OrganizationID: p.found.organization, ProjectID: p.found.project, From: p.found.at.UTC(), Days: p.options.Days,
		Runs: w.runs, FailedRuns: w.failed, Schedule: p.options.Schedule, Breaks: append([]Break{}, w.breaks...), Events: append([]Event{}, w.events...),
		MostKeys: w.mostKeys, MostKeysAt: w.mostAt, Unknown: p.unknown(), picture: p.pictured(),
	}
	for i := range r.Events {
		r.Events[i].Text = p.said(r.Events[i].Text)
	}
	for i := range r.Breaks {
		r.Breaks[i].Text, r.Breaks[i].Hint = p.said(r.Breaks[i].Text), p.said(r.Breaks[i].Hint)
	}
	if p.found.lifetimeCap > 0 {
		r.Cap = short(p.found.lifetimeCap)
	}
	printable.Fields(&r.Breaks)
	printable.Fields(&r.Events)
	printable.Fields(&r.Unknown)
	return r
}

var accessKeys = regexp.MustCompile(`SCW[A-Z0-9]{17}`)

// said puts names in the place of access keys of the play, which nobody could look up.
func (p *play) said(text string) string {
	return accessKeys.ReplaceAllStringFunc(text, func(access string) string {
		if b := p.watch.lives[access]; b != nil {
			return p.name(b)
		}
		return "a key"
	})
}

// name is what a key is called: its access key, where there is one to look up.
func (p *play) name(b *being) string {
	if b.label == b.AccessKey {
		return b.label
	}
	return b.label + " of " + p.found.bearer(b.APIKey)
}

// unknown is what the play takes for granted.
func (p *play) unknown() []string {
	out := []string{
		"what people and pipelines will do: keys, policies, deployments and settings are taken to stay as they are",
		"how endpoints and deployments answer: whatever is ready is taken to let keys in, and each deployment to succeed",
	}
	out = append(out, p.uncarried()...)
	if own, _ := p.found.own(); own == nil {
		out = append(out, "on which key the function will run: none is deployed in this project, so one is made up, with the policy of README.md")
	} else {
		out = append(out, "whether the function's cron is on, and its settings are deployed, as they are played: make doctor says it")
	}
	if p.found.remembers {
		out = append(out, "what earlier runs remember: the ledger is a secret, and is not read")
	}
	if p.found.tokensUnknown {
		out = append(out, "which legacy tokens there are: the API does not list them")
	}
	if p.options.KeyQuota == 0 {
		out = append(out, "how many API keys the organization may have: the API does not tell; --key-quota N says it")
	}
	if p.options.Readers == 0 {
		out = append(out, "how often keys are read from Secret Manager: --readers 12h says it")
	}
	return append(out, p.unplayed...)
}

// uncarried says what is not known of who carries a key, and of what stands open.
func (p *play) uncarried() (out []string) {
	if p.found.carried != nil {
		return nil
	}
	secrets := 0
	own, _ := p.found.own()
	for _, e := range p.found.environments() {
		if own == nil || e.ID != own.ID { // whose own secret is known
			secrets += len(e.Hashes)
		}
	}
	if guessed := len(p.found.guessed); secrets > 0 {
		text := fmt.Sprintf("who carries which key: no secret is read, so %s taken for nobody's key", plural(secrets-guessed, "secret variable is", "secret variables are"))
		if guessed > 0 {
			text += fmt.Sprintf(", and %d for the other half of the access key beside it", guessed)
		}
		out = append(out, text+"; a key that people made is held while it may be in one. --report FILE says it, with a report of the function as JSON")
	}
	doubtful := 0
	for _, r := range p.found.resources {
		if r.Product == scaleway.Containers && r.Private && r.HostMayBeOff {
			doubtful++
		}
	}
	if doubtful > 0 {
		out = append(out, fmt.Sprintf("whether %s on, of which the API says that they may be off: they are taken to be on; --report FILE says that, too", plural(doubtful, "default endpoint is", "default endpoints are")))
	}
	return out
}

// pictured are the keys as reports show them, from birth to death.
func (p *play) pictured() *report.Report {
	w := p.watch
	r := &report.Report{StartedAt: p.found.at, FinishedAt: p.found.at}
	rows := map[string]int{}
	for _, b := range w.order {
		who, dies := p.found.bearer(b.APIKey), !b.ExpiresAt.IsZero()
		ours := w.inScope[b.ApplicationID] || b.ApplicationID != "" && b.ApplicationID == w.own
		if b.Managed || !ours && !dies {
			continue
		}
		at, known := rows[who]
		if !known {
			at = len(r.Applications)
			rows[who] = at
			r.Applications = append(r.Applications, report.Application{Name: strings.TrimPrefix(who, "application "), InScope: ours})
		}
		state := "superseded"
		switch {
		case !ours:
			state = "other"
		case b.published || b.ApplicationID == w.own && b.label != b.AccessKey || b.AccessKey == w.firstOwn:
			state = "current"
		}
		a := &r.Applications[at]
		a.Keys = append(a.Keys, report.Key{AccessKey: p.name(b), State: state, CreatedAt: b.CreatedAt, ExpiresAt: report.Expiry(b.ExpiresAt)})
		if !b.replaced.IsZero() && state == "current" {
			a.Next = append(a.Next, report.Event{At: b.replaced, Kind: "rotate", What: p.name(b)})
		}
		if b.deleted {
			a.Next = append(a.Next, report.Event{At: b.died, Kind: "delete", What: p.name(b)})
		}
	}
	slices.SortStableFunc(r.Applications, func(a, b report.Application) int {
		return cmp.Or(-cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
	return r
}

func rank(a report.Application) int {
	if a.InScope {
		return 1
	}
	return 0
}

// JSON writes the forecast for a program.
func (r *Result) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// SVG writes the picture of the keys.
func (r *Result) SVG(w io.Writer) error { return r.picture.SVG(w) }

// Text writes the forecast for a person.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	sign := "✓ nothing breaks"
	if n := len(r.Breaks); n > 0 {
		sign = "✗ " + plural(n, "thing breaks", "things break")
	}
	fmt.Fprintf(&b, "%s in %s from %s: project %s, %s as %q says, %s\n", sign, plural(r.Days, "day", "days"), report.Date(r.From), r.ProjectID,
		plural(r.Runs, "run", "runs"), r.Schedule, plural(r.FailedRuns, "of them fails", "of them fail"))
	if r.Cap != "" {
		fmt.Fprintf(&b, "  the organization's maximum for a key's lifetime: %s\n", r.Cap)
	}
	fmt.Fprintf(&b, "  the organization has at most %s at a time, on %s\n", plural(r.MostKeys, "API key", "API keys"), r.day(r.MostKeysAt))
	if len(r.Breaks) > 0 {
		b.WriteString("\nWHAT BREAKS\n")
	}
	for _, x := range r.Breaks {
		fmt.Fprintf(&b, "  ✗ %s: %s\n", r.day(x.At), x.Text)
		if x.Runs > 1 {
			fmt.Fprintf(&b, "    and so do the %s after it\n", plural(x.Runs-1, "run", "runs"))
		}
		fmt.Fprintf(&b, "    → %s\n", x.Hint)
	}
	b.WriteString("\nDAY BY DAY\n")
	last, failing := "", ""
	for _, e := range r.Events {
		if e.Kind == Failed {
			same := gist(e.Text) == failing
			failing = gist(e.Text)
			if same {
				continue // it stands above
			}
		}
		day := r.day(e.At)
		if day == last {
			day = ""
		}
		last = r.day(e.At)
		fmt.Fprintf(&b, "  %-17s %s\n", day, e.Text)
	}
	if len(r.Events) == 0 {
		b.WriteString("  nothing happens\n")
	}
	b.WriteString("\nTHE KEYS\n")
	if err := r.picture.Strips(&b); err != nil {
		return err
	}
	b.WriteString("\nWHAT IS NOT KNOWN HERE\n")
	for _, u := range r.Unknown {
		b.WriteString("  - " + u + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var numbers = regexp.MustCompile(`[0-9]+`)

// gist is a text without its numbers, which count days.
func gist(text string) string { return numbers.ReplaceAllString(text, "") }

func (r *Result) day(at time.Time) string { return report.Day(at, r.From) }

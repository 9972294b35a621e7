package run

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// skewMax is how far our clock may be from the API's without a word.
const skewMax = 2 * time.Minute

// observe counts what was found, and says what is odd about it.
func (s *discovered) observe() {
	w, found := s.world, &s.report.Found
	found.Regions = append([]string{}, w.regions...)
	found.Applications, found.APIKeys, found.InScope = len(w.applications), len(w.keys), len(w.credentials)
	for _, k := range w.keys {
		switch {
		case k.Managed:
			found.ManagedKeys++
		case k.UserID != "":
			found.UserKeys++
		}
	}
	for _, m := range w.members {
		if !m.In && m.Notable && !m.Quiet {
			level := report.Warning
			if m.Doubtful {
				level = report.Error // its key may grow old with nobody noticing
			}
			s.find(level, "application "+m.App.Name, "can call private endpoints of this project, but is not in scope: "+m.Reason,
				"list "+m.App.ID+" in ROTATOR_APPLICATIONS of one project to have its key rotated there")
		}
	}
	for _, name := range w.nobodys {
		s.find(report.Warning, "policy "+name, "does not say whose it is: what it gives, any application may have",
			"give it a principal, or delete it; list applications in ROTATOR_APPLICATIONS to have their keys rotated all the same")
	}
	if m := w.memory; m.spoilt != nil {
		s.find(report.Warning, "secret "+m.secret.FullName(), "what earlier runs found out cannot be read: "+m.spoilt.Error()+"; it is written anew, and a key that was deleted before is not recognized if something puts it back",
			"have nothing but the rotator write there")
	}
	if offset, known := s.client.ClockOffset(); known && offset.Abs() > skewMax {
		s.find(report.Warning, "clock", fmt.Sprintf("the function's clock is %s off the API's; ages are told by the API's", offset.Round(time.Second)), "")
	}
	if s.asked(StepPurge) && len(w.resources) > 0 {
		s.find(report.Note, "legacy tokens", "tokens made by the older issue-JWT call are not listed by the API and may still be in use",
			endTokens)
	}
	s.observeHours()
	s.observeOwnKey()
}

// observeHours says that a run comes outside of the hours in which the function's
// policy lets it make keys: setup puts them there on request, so that a key that is
// stolen makes none at other times.
func (s *discovered) observeHours() {
	hours, outside := s.client.Outside()
	if !outside || !s.asked(StepRotate) && !s.asked(StepRetire) && !s.asked(StepOwnKey) {
		return
	}
	hint := "the cron's runs are to come within; to have it done now, delete a key that leaked with your own (scw iam api-key delete SCW…), or take the hours away: make setup ARGS=--no-fence"
	s.find(report.Warning, "API keys", fmt.Sprintf("the function's policy lets it make and delete keys %s, and it is %s: a run at this time does neither",
		hours.Alone(), s.world.now.UTC().Format("15:04")), hint)
}

// observeProject counts what of the project is there once everything was read.
func (s *results) observeProject() {
	w, found, lists := s.world, &s.report.Found, s.lists
	s.seen.forgetGone()
	for _, n := range w.namespaces {
		if n.Product == scaleway.Functions {
			found.FunctionNamespaces++
		} else {
			found.ContainerNamespaces++
		}
	}
	for _, r := range w.resources {
		all, private := &found.Functions, &found.PrivateFunctions
		if r.Product == scaleway.Containers {
			all, private = &found.Containers, &found.PrivateContainers
		}
		*all++
		if r.Private {
			*private++
		}
	}
	if s.asked(StepPurge) && len(lists.none) == 0 && !lists.untold && w.blind == nil { // else nobody has looked
		found.LegacyTokens = new(len(lists.tokens))
	}
	s.observeUnlisted()
}

// endTokens is what ends legacy tokens that nobody can list.
const endTokens = "only their own expiry ends them, or the deletion of their namespace; making callers use IAM does not"

// observeUnlisted says where legacy tokens cannot be listed any more.
func (s *results) observeUnlisted() {
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		var (
			regions []string
			why     error
		)
		for at, err := range s.lists.none {
			if at.product == p {
				regions, why = append(regions, at.region), err
			}
		}
		if len(regions) == 0 {
			continue
		}
		slices.Sort(regions)
		s.find(report.Warning, "legacy tokens", fmt.Sprintf("how many there are of %s in %s is not known: the API does not list them any more; those that exist may still open endpoints (%s)",
			p, strings.Join(regions, ", "), why), endTokens)
	}
}

// conclude writes the report.
func (s *results) conclude() {
	r := s.report
	r.Changes = s.journal.Changes()
	r.Applications = s.applications()
	r.Callers = s.callers()
	r.Consumers = s.carriers()
	r.Endpoints = endpoints(s.seen.rows)
	r.CheckingKeys = s.checkingKeys()
	r.LegacyTokens = s.legacyTokens()
	r.Coming = coming(r)
	r.FinishedAt = s.client.Now()
	r.API.Calls, r.API.Retries = s.client.Calls()
	r.API.PerSecond = int(math.Round(s.client.PerSecond()))
	r.API.Probes = s.prober.Sent()
	r.API.DurationSeconds = math.Round(s.clock.Now().Sub(s.start).Seconds()*1000) / 1000
	r.Conclude()
}

func endpoints(rows []probe.Row) []report.Endpoint {
	out := []report.Endpoint{}
	for _, row := range rows {
		r := row.Endpoint.Resource
		e := report.Endpoint{
			URL: row.Endpoint.URL, Product: string(r.Product), Resource: r.Name, Namespace: r.Namespace.Name, Region: r.Region,
			Custom: row.Endpoint.Custom, Result: string(row.Result), Detail: row.Detail,
			NoToken: answer(row.Refusals.NoToken), Malformed: answer(row.Refusals.Malformed), Unknown: answer(row.Refusals.Unknown),
			Keys: []report.Probe{},
		}
		for _, k := range row.Keys {
			p := answer(k.Answer)
			p.Application, p.AccessKey = k.Key.Application, k.Key.Pair.AccessKey
			e.Keys = append(e.Keys, p)
		}
		out = append(out, e)
	}
	return out
}

func answer(a probe.Answer) report.Probe {
	return report.Probe{Result: string(a.Verdict), Status: a.Status, Detail: a.Detail}
}

func (s *results) legacyTokens() []report.LegacyToken {
	out := []report.LegacyToken{}
	add := func(d purge.Decision) {
		t := d.Token
		id := t.Scope.ResourceID
		if id == "" {
			id = t.Scope.Namespace.ID
		}
		out = append(out, report.LegacyToken{
			ID: t.ID, Product: string(t.Scope.Product), Scope: t.Scope.Kind(), Of: t.Scope.Name, OfID: id, Region: t.Scope.Region,
			Description: report.Line(t.Description), ExpiresAt: report.Expiry(t.ExpiresAt), Result: string(d.Verdict), Why: report.Line(d.Why), GoesAt: report.Expiry(d.From),
		})
	}
	for _, d := range s.seen.decisions {
		add(d)
	}
	if s.seen.decisions == nil { // the purge did not come to it
		for _, t := range s.lists.tokens {
			add(purge.Decision{Token: t, Verdict: purge.Left, Why: "the run ended before the purge"})
		}
	}
	return out
}

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

package forecast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// versionsMax is how many versions a secret can have (docs/scaleway.md, Limits).
const versionsMax = 20

// breaksOnce notes a break, unless that is said already.
func (w *watch) breaksOnce(at time.Time, once, what, hint, format string, args ...any) {
	if w.said[once] {
		return
	}
	w.said[once] = true
	w.breaks = append(w.breaks, Break{At: at.UTC(), What: what, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// unreplaced is a key that expired and that nobody had replaced.
func (w *watch) unreplaced(b *being, who string) {
	switch id := b.ApplicationID + b.UserID; {
	case b.Managed, !b.replaced.IsZero():
	case b.AccessKey == w.cfg.AccessKey:
		w.breaksOnce(b.died, b.AccessKey, "expiry", "set ROTATOR_OWN_KEY=rotate, or make deploy ARGS=--new-key before that",
			"the function's own key %s expires: no run works from then on", b.label)
	case w.inScope[id] && w.published[id] != "" && w.published[id] != b.AccessKey: // it was superseded before all this
	case w.inScope[id]:
		w.breaksOnce(b.died, b.AccessKey, "expiry", "see why the runs before that do not replace it",
			"the key %s of %s expires before a run has replaced it: whoever has it is refused", b.label, who)
	default:
		calls := "it cannot call private endpoints of this project"
		switch {
		case w.callers[id]:
			calls = "it can call private endpoints of this project"
		case w.runs == 0:
			calls = "no run comes before, which would tell whether it can call private endpoints of this project"
		}
		w.breaksOnce(b.died, b.AccessKey, "expiry", "give whoever has it another, or delete it, if nobody does",
			"the key %s of %s expires, and no run replaces it; %s", b.label, who, calls)
	}
}

// graceOf compares how long a replaced key lived on with what its readers need, and
// with what is set.
func (w *watch) graceOf(b *being) {
	if b.replaced.IsZero() || b.ApplicationID == w.own {
		return
	}
	lived, who := b.died.Sub(b.replaced), w.found.bearer(b.APIKey)
	const late = time.Hour // that a reader may be
	if need := w.readers; need > 0 && lived < need+late {
		w.breaksOnce(b.died, "readers "+b.ApplicationID, "grace",
			fmt.Sprintf("have keys read at least every %s, or set ROTATOR_GRACE to more than %s", short(lived-late), short(need+late)),
			"readers of %s, who read every %s, may still hold the key %s when it dies: it was replaced on %s, %s before",
			who, short(need), b.label, report.Date(b.replaced), short(lived))
	}
	if !b.deleted && w.cfg.Grace-lived > w.cfg.Grace/24+time.Hour {
		w.breaksOnce(b.died, "grace "+b.ApplicationID, "grace", "lower ROTATOR_ROTATE_AFTER or ROTATOR_GRACE, or have the organization's maximum raised",
			"the key %s of %s expires %s after it was replaced, where ROTATOR_GRACE gives %s", b.label, who, short(lived), short(w.cfg.Grace))
	}
}

// fills tells what has no room any more.
func (w *watch) fills(at time.Time, rep *report.Report) {
	for _, f := range rep.Findings {
		if f.Level == report.Error && f.Subject == "API keys" {
			w.breaksOnce(at, "keys", "quota", f.Hint, "API keys: %s", f.Text)
		}
	}
	if n := len(w.listed); w.quota > 0 && n >= w.quota {
		w.breaksOnce(at, "full", "quota", "delete keys that nobody needs, or have the quota raised", "the organization has %d API keys, and may have %d: there is no room for another", n, w.quota)
	}
	for id, n := range w.versions {
		if n >= versionsMax {
			w.breaksOnce(at, "versions "+id, "quota", "lower ROTATOR_GRACE, or raise ROTATOR_ROTATE_AFTER", "the secret of application %s holds %d versions, and may hold %d", w.found.application(id), n, versionsMax)
		}
	}
}

// outcome tells of runs that fail: one break from the first to the last in a row.
func (w *watch) outcome(at time.Time, rep *report.Report) {
	if rep.Outcome == report.Success {
		w.failing = ""
		return
	}
	w.failed++
	why := reasons(rep)
	w.tell(at, Failed, "", "", 0, "the run fails: %s", why)
	if w.failing == gist(why) {
		w.breaks[w.failingAt].Runs++
		return
	}
	w.failing, w.failingAt = gist(why), len(w.breaks)
	w.breaks = append(w.breaks, Break{At: at.UTC(), What: "run", Text: "a run fails: " + why, Hint: "docs/operations.md has what to do when something fails", Runs: 1})
}

// reasons are why a run failed, the first few.
func reasons(rep *report.Report) string {
	var all []string
	for _, s := range rep.Steps {
		all = append(all, s.Errors...)
	}
	for _, f := range rep.Findings {
		if f.Level == report.Error {
			all = append(all, f.Subject+": "+f.Text)
		}
	}
	const most = 3
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	if len(all) == 0 {
		return "it says no reason"
	}
	return strings.Join(all, "; ")
}

// capped tells which keys could not be made as they are, were the cap what it is in
// the play: those of runs, with settings that fit, and those of everybody else.
func (p *play) capped() {
	w, most := p.watch, p.found.lifetimeCap
	if most <= 0 {
		return
	}
	var ours, others []string
	for _, b := range w.order {
		life := b.ExpiresAt.Sub(b.CreatedAt)
		switch {
		case b.Managed || !b.ExpiresAt.IsZero() && life <= most:
		case w.inScope[b.ApplicationID] || b.ApplicationID == w.own && p.cfg.OwnKey == config.OwnKeyRotate:
		case p.found.at.After(b.CreatedAt) && !b.ExpiresAt.IsZero() && !b.ExpiresAt.After(p.found.at): // it is dead
		default:
			others = append(others, b.label+" of "+p.found.bearer(b.APIKey))
		}
	}
	if most < p.cfg.KeyLifetime {
		for id := range w.made {
			ours = append(ours, p.found.application(id))
		}
		slices.Sort(ours)
	}
	if len(ours) > 0 {
		w.breaksOnce(p.found.at, "cap", "cap", p.settingsThatFit(most), "with the organization's maximum of %s, %s could not be renewed as set, for %s: %s",
			short(most), plural(len(ours), "key", "keys"), short(p.cfg.KeyLifetime), strings.Join(ours, ", "))
	}
	if len(others) > 0 && p.options.Cap > 0 { // one that there is, everybody knows of
		w.breaksOnce(p.found.at, "cap of others", "cap", "tell whoever has them, before one has to be made anew",
			"with the organization's maximum of %s, %s that no run replaces could not be made anew for as long as they live: %s",
			short(most), plural(len(others), "key", "keys"), strings.Join(others, ", "))
	}
}

// settingsThatFit are settings under which a cap changes nothing.
func (p *play) settingsThatFit(most time.Duration) string {
	lifetime := (most - time.Minute).Truncate(time.Hour)
	under, _ := rotate.Policy{
		Interval: p.cfg.Interval, RunTime: p.cfg.Budget, RotateAfter: p.cfg.RotateAfter, Grace: p.cfg.Grace, Lifetime: p.cfg.KeyLifetime,
	}.Capped(lifetime)
	after := max(min(p.cfg.RotateAfter, under.RotateAfter), p.cfg.Interval)
	if after > p.cfg.Interval {
		after = max(after.Truncate(p.cfg.Interval), p.cfg.Interval)
	}
	grace := min(p.cfg.Grace, after, lifetime-p.cfg.Interval-after)
	if after > 24*time.Hour && grace > 24*time.Hour {
		grace = grace.Truncate(time.Hour)
	}
	if grace <= 0 {
		return fmt.Sprintf("have runs come at least every %s, and set ROTATOR_INTERVAL to that", short(under.IntervalThatFits()))
	}
	return fmt.Sprintf("set ROTATOR_KEY_LIFETIME=%s ROTATOR_ROTATE_AFTER=%s ROTATOR_GRACE=%s", short(lifetime), short(after), short(grace))
}

// application names one by its ID.
func (s *snapshot) application(id string) string {
	for _, a := range s.applications {
		if a.ID == id {
			return a.Name
		}
	}
	return invented
}

func short(d time.Duration) string { return duration.Format(d.Round(time.Minute)) }

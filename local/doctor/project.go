package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// ownSubject begins what a run finds of the function's own key (internal/run).
const ownSubject = "the function's own key"

const dryRun = "make invoke"

// scope says which applications a run is about, and which it leaves alone.
func scope(f *facts) []Line {
	if f.report == nil {
		reason := "no reason given"
		if f.runErr != nil {
			reason = report.Line(f.runErr.Error())
		}
		return lines(wrong("mend what is said above, then look again", "what a run would do is not known, as a dry run with your key was refused: %s", reason))
	}
	var out []Line
	for _, a := range f.report.Applications {
		if !a.InScope || a.ID == f.own() {
			continue
		}
		text := fmt.Sprintf("application %s is in scope, %s: %s", a.Name, a.Reason, a.Action)
		if a.Why != "" {
			text += " (" + a.Why + ")"
		}
		if len(a.Next) > 0 {
			text += "; next, on " + day(a.Next[0].At) + ", " + a.Next[0].What
		}
		switch a.Action {
		case "failed":
			out = append(out, wrong(dryRun, "%s", text))
		case "left alone":
			out = append(out, warning(dryRun, "%s", text))
		default:
			out = append(out, right("%s", text))
		}
	}
	if len(out) == 0 {
		out = append(out, warning("grant FunctionsPrivateAccess or ContainersPrivateAccess on this project alone to the applications that call its endpoints (README.md, What it does)",
			"no application is in scope: a run rotates no key"))
	}
	for _, c := range f.report.Callers {
		if c.InScope {
			continue
		}
		why := c.Why
		if c.ID == f.own() && c.ID != "" {
			why = "the function's own application"
		}
		out = append(out, right("%s %s can call private endpoints, and is left alone: %s", c.Kind, c.Name, why))
	}
	return out
}

// carriers says whose environment has a key.
func carriers(f *facts) []Line {
	if f.report == nil {
		return nil
	}
	var out []Line
	for _, c := range f.report.Consumers {
		var carries []string
		for _, v := range c.Variables {
			carries = append(carries, v.Name+" of "+v.Application)
		}
		text := fmt.Sprintf("%s %s/%s (%s) carries %s: %s", c.Kind, c.Namespace, c.Name, c.Region, strings.Join(carries, ", "), c.Result)
		if len(carries) == 0 {
			text = fmt.Sprintf("%s %s/%s (%s) runs with a key of its namespace: %s", c.Kind, c.Namespace, c.Name, c.Region, c.Result)
		}
		if c.Detail != "" {
			text += " (" + c.Detail + ")"
		}
		switch c.Result {
		case "failed":
			out = append(out, wrong("mend its deployment", "%s", text))
		case "behind", "deploying":
			out = append(out, warning(dryRun, "%s", text))
		default:
			out = append(out, right("%s", text))
		}
	}
	if len(out) == 0 {
		out = append(out, right("no function, container or namespace of the project carries a key of an application in scope"))
	}
	return out
}

func some(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// unreplaced are keys that let somebody in and die within a rotation, while nobody
// replaces them, each with who calls with it.
func (f *facts) unreplaced(found func(scaleway.APIKey, report.Caller)) {
	for _, k := range f.keys {
		left := k.ExpiresAt.Sub(f.now)
		i := slices.IndexFunc(f.report.Callers, func(c report.Caller) bool { return c.ID == k.ApplicationID || c.ID == k.UserID })
		if i < 0 || k.ExpiresAt.IsZero() || left <= 0 || left >= f.settings.RotateAfter || k.Managed || k.ApplicationID != "" && k.ApplicationID == f.own() {
			continue
		}
		if c := f.report.Callers[i]; !c.InScope { // else its own lines say when it is replaced
			found(k, c)
		}
	}
}

// expiring are keys that die within a rotation, while no run replaces them.
func expiring(f *facts) []Line {
	if f.report == nil {
		return nil
	}
	var out []Line
	f.unreplaced(func(k scaleway.APIKey, c report.Caller) {
		out = append(out, warning("scw iam api-key create "+bearer(k)+", and give it to whoever has the old one",
			"key %s of %s %s expires on %s, in %s, and nobody replaces it: %s", k.AccessKey, c.Kind, c.Name, day(k.ExpiresAt),
			count(report.Days(k.ExpiresAt.Sub(f.now)), "day"), c.Why))
	})
	for _, a := range f.report.Applications {
		for _, k := range a.Keys {
			if a.InScope && k.State == "current" && k.ExpiresAt != nil && k.ExpiresAt.Sub(f.now) < f.settings.RotateAfter && !renews(a) {
				out = append(out, warning(dryRun, "the current key %s of application %s expires on %s, and no run is to replace it before that", k.AccessKey, a.Name, day(*k.ExpiresAt)))
			}
		}
	}
	if len(out) == 0 {
		out = append(out, right("no key that lets anybody in dies within %s without a run that replaces it", count(int(f.settings.RotateAfter/(24*time.Hour)), "day")))
	}
	return out
}

func renews(a report.Application) bool {
	return a.Action == "would rotate" || slices.ContainsFunc(a.Next, func(e report.Event) bool { return e.Kind == "rotate" })
}

func bearer(k scaleway.APIKey) string {
	if k.ApplicationID != "" {
		return "application-id=" + k.ApplicationID
	}
	return "user-id=" + k.UserID
}

// findings are those of the dry run, and the steps that failed.
func findings(f *facts) []Line {
	if f.report == nil {
		return nil
	}
	var out []Line
	for _, s := range f.report.Steps {
		if s.Outcome != report.Failure && s.Outcome != report.Incomplete {
			continue
		}
		why := "of its findings"
		if len(s.Errors) > 0 {
			why = strings.Join(s.Errors, "; ")
		}
		out = append(out, wrong("go run ./local run --live", "in a dry run with your key, the step %s ends in %s: %s", s.Name, s.Outcome, why))
	}
	sure, _ := f.grants()
	hours := keyHours(sure)
	expiring := map[string]bool{} // have lines of their own
	f.unreplaced(func(k scaleway.APIKey, c report.Caller) { expiring[c.Kind+" "+c.Name+": its key "+k.AccessKey] = true })
	for _, found := range f.report.Findings {
		if found.Subject == ownSubject { // looked at by itself, and not with its secret
			continue
		}
		if hours != nil && strings.Contains(found.Text, hours.Alone()) { // people look at other times than the cron runs
			continue
		}
		if about, _, _ := strings.Cut(found.Subject+": "+found.Text, ","); expiring[about] {
			continue
		}
		mend := found.Hint
		if mend == "" {
			mend = dryRun
		}
		switch found.Level {
		case report.Error:
			out = append(out, wrong(mend, "%s: %s", found.Subject, found.Text))
		case report.Warning:
			out = append(out, warning(mend, "%s: %s", found.Subject, found.Text))
		}
	}
	return out
}

// coming says what the next run does, and what goes on which day after it.
func coming(f *facts) []Line {
	if f.report == nil {
		return nil
	}
	out := lines(right("the next run: %s", f.report.Summary()))
	for _, c := range f.report.Coming {
		out = append(out, right("%s", c.Said(f.now)))
	}
	var next *report.Event
	for _, a := range f.report.Applications {
		for i := range a.Next {
			if e := &a.Next[i]; e.Kind == "rotate" && (next == nil || e.At.Before(next.At)) {
				next = e
			}
		}
	}
	if next != nil {
		out = append(out, right("on %s: %s", day(next.At), next.What))
	}
	return out
}

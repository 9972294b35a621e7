package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// skewMax is how far our clock may be from the API's without a word.
const skewMax = 2 * time.Minute

// ownKeyWarning is how long before its expiry the function's own key is a
// finding.
const ownKeyWarning = 21 * 24 * time.Hour

// observe counts what was found, and says what is odd about it.
func (s *session) observe() {
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
	found.LegacyTokens = len(w.tokens)
	for _, m := range w.members {
		if !m.in && m.notable && m.app.ID != s.ownApplication() {
			s.find(report.Warning, "application "+m.app.Name, "has private access to this project, but is not in scope: "+m.reason,
				"list "+m.app.ID+" in ROTATOR_APPLICATIONS of one project to have its key rotated there")
		}
	}
	if offset, known := s.client.ClockOffset(); known && offset.Abs() > skewMax {
		s.find(report.Warning, "clock", fmt.Sprintf("the function's clock is %s off the API's; ages are told by the API's", offset.Round(time.Second)), "")
	}
	if s.asked(StepPurge) && len(w.resources) > 0 {
		s.find(report.Note, "legacy tokens", "tokens made by the older issue-JWT call are not listed by the API and may still be in use",
			"make every caller send an IAM key; only that ends them")
	}
	s.observeOwnKey()
}

func (s *session) ownApplication() string {
	if s.world.ownKey == nil {
		return ""
	}
	return s.world.ownKey.ApplicationID
}

func (s *session) observeOwnKey() {
	k := s.world.ownKey
	if k == nil {
		return
	}
	age := s.world.now.Sub(k.CreatedAt)
	s.report.OwnKey = &report.OwnKey{
		AccessKey: k.AccessKey, ApplicationID: k.ApplicationID,
		CreatedAt: k.CreatedAt, AgeDays: report.Days(age), ExpiresAt: report.Expiry(k.ExpiresAt),
	}
	const subject = "the function's own key"
	if k.UserID != "" {
		s.find(report.Warning, subject, k.AccessKey+" belongs to a person", "make an IAM application for the function, with the policy of the README")
	}
	switch left := k.ExpiresAt.Sub(s.world.now); {
	case !k.ExpiresAt.IsZero() && left < ownKeyWarning:
		s.find(report.Warning, subject, fmt.Sprintf("%s expires on %s", k.AccessKey, k.ExpiresAt.UTC().Format(time.DateOnly)),
			"make a new key for the function's application and deploy with it")
	case age >= s.cfg.RotateAfter:
		s.find(report.Warning, subject, fmt.Sprintf("%s is %d days old; it is never rotated here", k.AccessKey, report.Days(age)),
			"make a new key for the function's application and deploy with it")
	}
}

// conclude writes the report.
func (s *session) conclude(ctx context.Context) *report.Report {
	r := s.report
	r.Changes = s.journal.Changes()
	r.Applications = s.applications()
	r.Endpoints = endpoints(s.rows)
	r.LegacyTokens = s.legacyTokens()
	r.FinishedAt = s.client.Now()
	r.API.Calls, r.API.Retries = s.client.Calls()
	r.API.Probes = s.prober.Sent()
	r.API.DurationSeconds = math.Round(s.clock.Now().Sub(s.start).Seconds()*1000) / 1000
	r.Conclude()
	s.log.InfoContext(ctx, "run ended", "outcome", r.Outcome, "changes", len(r.Changes), "findings", len(r.Findings),
		"api_calls", r.API.Calls, "probes", r.API.Probes, "duration_seconds", r.API.DurationSeconds)
	return r
}

func (s *session) applications() []report.Application {
	out := []report.Application{}
	for _, c := range s.world.credentials {
		out = append(out, s.application(c))
	}
	for _, m := range s.world.members {
		if !m.in && (m.notable || slices.Contains(s.cfg.Applications, m.app.ID)) {
			out = append(out, report.Application{
				ID: m.app.ID, Name: m.app.Name, Reason: m.reason, Action: "left alone", Why: m.reason,
				Keys: []report.Key{}, Next: []report.Event{},
			})
		}
	}
	return out
}

func (s *session) application(c *credential) report.Application {
	a := report.Application{
		ID: c.member.app.ID, Name: c.member.app.Name, InScope: true, Reason: c.member.reason,
		Keys: []report.Key{}, Next: []report.Event{},
	}
	a.Action, a.Why = s.action(c)
	secret := c.state.Secret
	if c.rotation != nil {
		secret = c.rotation.Secret
	}
	if secret.Name != "" {
		a.Secret = &report.Secret{ID: secret.ID, Path: secret.Path, Name: secret.Name, Region: secret.Region, Revision: c.published()}
	}
	rotated := c.rotation != nil && c.rotation.Err == nil && !c.rotation.Overtaken
	for i := range c.plan.Keys {
		s.keyLine(&a, c, &c.plan.Keys[i], rotated)
	}
	if rotated && !s.req.DryRun {
		k := c.rotation.New.APIKey
		line := s.line(k, string(rotate.Current), c.rotation.Version.Revision)
		line.Note = "created, verified by " + c.rotation.VerifyBy + " and published in this run"
		a.Keys = append(a.Keys, line)
		a.Next = append(a.Next, report.Event{At: rotate.Due(k, s.policy), What: "the current key " + k.AccessKey + " is rotated"})
	}
	slices.SortStableFunc(a.Next, func(x, y report.Event) int { return x.At.Compare(y.At) })
	return a
}

// action says in a word what was done about an application's key, and why.
func (s *session) action(c *credential) (action, why string) {
	switch {
	case c.broken != nil:
		return "failed", report.Line(c.broken.Error())
	case c.plan.LeftAlone != "":
		return "left alone", c.plan.LeftAlone
	case c.rotation != nil && c.rotation.Err != nil:
		return "failed", report.Line(c.rotation.Err.Error())
	case c.rotation != nil && c.rotation.Overtaken:
		return "kept", "another run rotated it meanwhile"
	case c.rotation != nil && s.req.DryRun:
		return "would rotate", c.plan.Why
	case c.rotation != nil:
		return "rotated", c.plan.Why
	case c.plan.Blocked != "":
		return "waiting", c.plan.Blocked
	case c.plan.Rotate && (!s.asked(StepRotate) || !s.wanted(c)):
		return "due", c.plan.Why + "; this run was not asked to rotate it"
	case c.plan.Rotate:
		return "left", "the run's time was over"
	default:
		return "kept", c.plan.Why
	}
}

// keyLine adds one key that was there at the start, and what will become of it.
func (s *session) keyLine(a *report.Application, c *credential, k *rotate.KeyPlan, rotated bool) {
	state, retireAt := k.State, k.RetireAt
	if rotated && (state == rotate.Current || state == rotate.Unpublished) {
		state, retireAt = rotate.Superseded, s.client.Now().Add(s.policy.Grace)
	}
	line := s.line(k.Key, string(state), k.Revision())
	if change := s.deletion(k.Key.AccessKey); change != nil {
		line.Note = map[report.ChangeState]string{
			report.Done: "deleted in this run: ", report.Planned: "would be deleted: ",
			report.Refused: "could not be deleted: ", report.Unknown: "may have been deleted: ",
		}[change.Result] + change.Reason
		a.Keys = append(a.Keys, line)
		return
	}
	expires := k.Key.ExpiresAt
	switch state {
	case rotate.Superseded:
		switch {
		case k.Key.Expired(s.world.now):
			line.Note = "expired; deleted once its grace is over"
		case !expires.IsZero() && expires.Before(retireAt):
			line.Note = "dies on " + day(expires) + ", when it expires"
			a.Next = append(a.Next, report.Event{At: expires, What: "the superseded key " + k.Key.AccessKey + " expires"})
		default:
			line.Note = "dies on " + day(retireAt) + ", when its grace is over"
			a.Next = append(a.Next, report.Event{At: retireAt, What: "the superseded key " + k.Key.AccessKey + " is deleted"})
		}
	case rotate.Current:
		line.Note = "published"
		if c.plan.LeftAlone == "" {
			a.Next = append(a.Next, report.Event{At: c.plan.RotateAt, What: "the current key " + k.Key.AccessKey + " is rotated"})
		}
	case rotate.Unpublished:
		line.Note = "not the rotator's; lives on until a key is published and the grace is over"
	case rotate.InProgress:
		line.Note = "made by a rotator minutes ago; deleted as an orphan after " + retireAt.UTC().Format(time.DateTime) + " if it is never published"
	case rotate.Orphan:
		line.Note = "an orphan, to be deleted"
	case rotate.Managed:
		line.Note = "not to be deleted, so never touched"
	}
	a.Keys = append(a.Keys, line)
}

func day(t time.Time) string { return t.UTC().Format("2 January") }

func (s *session) line(k scaleway.APIKey, state string, revision uint32) report.Key {
	return report.Key{
		AccessKey: k.AccessKey, State: state, CreatedAt: k.CreatedAt, AgeDays: report.Days(s.client.Now().Sub(k.CreatedAt)),
		ExpiresAt: report.Expiry(k.ExpiresAt), Revision: revision,
	}
}

// deletion finds what this run noted about deleting a key.
func (s *session) deletion(accessKey string) *report.Change {
	for i, c := range s.report.Changes {
		if c.Kind == "delete_key" && c.Object == accessKey {
			return &s.report.Changes[i]
		}
	}
	return nil
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

func (s *session) legacyTokens() []report.LegacyToken {
	out := []report.LegacyToken{}
	add := func(d purge.Decision) {
		t := d.Token
		id := t.Scope.ResourceID
		if id == "" {
			id = t.Scope.Namespace.ID
		}
		out = append(out, report.LegacyToken{
			ID: t.ID, Product: string(t.Scope.Product), Scope: t.Scope.Kind(), Of: t.Scope.Name, OfID: id, Region: t.Scope.Region,
			Description: report.Line(t.Description), ExpiresAt: report.Expiry(t.ExpiresAt), Result: string(d.Verdict), Why: report.Line(d.Why),
		})
	}
	for _, d := range s.decisions {
		add(d)
	}
	if s.decisions == nil { // the purge did not come to it
		for _, t := range s.world.tokens {
			add(purge.Decision{Token: t, Verdict: purge.Left, Why: "the run ended before the purge"})
		}
	}
	return out
}

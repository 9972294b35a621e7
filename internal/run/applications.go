package run

import (
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

func (s *results) applications() []report.Application {
	out := []report.Application{}
	for _, c := range s.world.credentials {
		out = append(out, s.application(c))
	}
	own, rotated := s.ownLine()
	if rotated {
		out = append(out, own)
	}
	for _, m := range s.world.members {
		if rotated && own.ID == m.App.ID {
			continue
		}
		last := s.lastMade(m.App.ID)
		if m.In || !m.Notable && last == nil && !slices.Contains(s.cfg.Applications, m.App.ID) {
			continue
		}
		a := report.Application{
			ID: m.App.ID, Name: m.App.Name, Reason: m.Reason, Action: "left alone", Why: m.Reason,
			Keys: []report.Key{}, Dead: []report.Dead{}, Next: []report.Event{}, LetIn: []report.Admission{},
		}
		if last != nil && m.App.ID != s.world.own.app.ID {
			line := s.line(*last, "left alone", 0)
			line.Note = "the last that was made for it here; it is replaced no more"
			a.Keys = append(a.Keys, line)
		}
		out = append(out, a)
	}
	return out
}

func (s *results) application(c *credential) report.Application {
	a := report.Application{
		ID: c.member.App.ID, Name: c.member.App.Name, InScope: true, Reason: c.member.Reason,
		Keys: []report.Key{}, Dead: append([]report.Dead{}, c.dead...), Next: []report.Event{}, LetIn: s.admissions(c),
	}
	a.Action, a.Why = s.action(c)
	secret := c.state.Secret
	if r := c.rotation; r != nil {
		secret = r.Secret
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
		a.Next = append(a.Next, report.Event{At: s.rotatedAt(k), What: "the current key " + k.AccessKey + " is rotated", Kind: "rotate"})
	}
	slices.SortStableFunc(a.Next, func(x, y report.Event) int { return x.At.Compare(y.At) })
	return a
}

// action says in a word what was done about an application's key, and why.
func (s *results) action(c *credential) (action, why string) {
	switch {
	case c.broken != nil:
		return "failed", report.Line(c.broken.Error())
	case c.plan.LeftAlone != "":
		return "left alone", c.plan.LeftAlone
	case c.back != nil && s.req.DryRun:
		return "would roll back", "from " + c.back.Bad + " to " + c.back.Key.AccessKey
	case c.wentBack:
		return "rolled back", "from " + c.back.Bad + " to " + c.back.Key.AccessKey + "; rotated again once that is forced"
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
	case c.useless != nil:
		return "failed", report.Line(c.useless.Error())
	case c.plan.Rotate && (!s.asked(StepRotate) || !s.wanted(c)):
		return "due", c.plan.Why + "; this run was not asked to rotate it"
	case c.plan.Rotate:
		return "left", "the run's time was over"
	default:
		return "kept", c.plan.Why
	}
}

// keyLine adds one key that was there at the start, and what will become of it.
func (s *results) keyLine(a *report.Application, c *credential, k *rotate.KeyPlan, rotated bool) {
	state, retireAt := k.State, k.RetireAt
	if c.wentBack && k.Key.AccessKey == c.back.Bad {
		state, retireAt = rotate.Superseded, s.client.Now().Add(s.policy.Grace)
	}
	if state == rotate.Superseded && k.Key.AccessKey != s.cfg.AccessKey {
		retireAt = c.plan.RetireAt(k.Key.AccessKey, retireAt.Add(-s.policy.Grace), s.policy.Grace)
	}
	if rotated && (state == rotate.Current || state == rotate.Unpublished) {
		state = rotate.Superseded
		retireAt = c.plan.RetireAt(k.Key.AccessKey, s.client.Now(), s.policy.Grace)
	}
	dies := s.retiredAt(retireAt)
	line := s.line(k.Key, string(state), k.Revision())
	if change := s.deletion(k.Key.AccessKey); change != nil {
		line.Note = deletionNotes()[change.Result] + change.Reason
		a.Keys = append(a.Keys, line)
		return
	}
	expires := k.Key.ExpiresAt
	called := "the superseded key "
	later := s.req.DryRun && state == rotate.Superseded && k.State != rotate.Superseded
	if later { // it lives, and is what it was until a run has done what this one says
		line.State, called = string(k.State), "the key "
	}
	switch state {
	case rotate.Superseded:
		switch {
		case c.wentBack && k.Key.AccessKey == c.back.Key.AccessKey:
			line.State, line.Note = string(rotate.Current), "published again"
		case k.Key.AccessKey == s.cfg.AccessKey:
			line.Note = "the function runs on it; deleted once a run has used the published one, and its grace is over"
		case s.livesOn(c, k.Key.AccessKey) != "":
			if line.Note = s.livesOn(c, k.Key.AccessKey); !expires.IsZero() {
				a.Next = append(a.Next, report.Event{At: expires, What: called + k.Key.AccessKey + " expires", Kind: "expire"})
			}
		case k.Key.Expired(s.world.now) && s.policy.Made(k.Key):
			line.Note = "expired; deleted by the next run"
		case k.Key.Expired(s.world.now):
			line.Note = "expired; deleted once its grace is over"
		case !expires.IsZero() && expires.Before(dies):
			line.Note = "dies when it expires"
			a.Next = append(a.Next, report.Event{At: expires, What: called + k.Key.AccessKey + " expires", Kind: "expire"})
		default:
			line.Note = "dies on " + s.day(dies) + ", when its grace is over"
			a.Next = append(a.Next, report.Event{At: dies, What: called + k.Key.AccessKey + " is deleted", Kind: "delete"})
		}
	case rotate.Current:
		line.Note = "published"
		if c.plan.LeftAlone == "" && !c.plan.RotateFrom.IsZero() && !rotate.Never(c.plan.RotateFrom) {
			a.Next = append(a.Next, report.Event{At: s.at(c.plan.RotateFrom), What: "the current key " + k.Key.AccessKey + " is rotated", Kind: "rotate"})
		}
	case rotate.Unpublished:
		if k.Key.AccessKey == s.cfg.AccessKey {
			line.Note = "the function runs on it"
			break
		}
		line.Note = "not the rotator's; lives on until a key is published and the grace is over"
	case rotate.InProgress:
		line.Note = "made by a rotator minutes ago; deleted as an orphan after " + retireAt.UTC().Format(time.DateTime) + " if it is never published"
	case rotate.Orphan:
		line.Note = "an orphan, to be deleted"
	case rotate.Managed:
		line.Note = "not to be deleted, so never touched"
	}
	if later {
		line.Note = "to be superseded; " + line.Note
	}
	if k.Bad() {
		line.Note = "rolled back from; " + line.Note
	}
	a.Keys = append(a.Keys, line)
}

func (s *session) day(t time.Time) string { return report.Day(t, s.report.StartedAt) }

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

// worst orders verdicts: where a key asked many endpoints, the report has the
// one that a person should look at.
var worst = []probe.Verdict{probe.Refused, probe.Inconclusive, probe.NotTried, probe.Accepted} //nolint:gochecknoglobals // a table, never changed

// admissions are where an application's key was let in, by product. Endpoints
// that should not answer anyway are left out.
func (s *results) admissions(c *credential) []report.Admission {
	out := []report.Admission{}
	for _, product := range c.member.Products {
		a := report.Admission{Product: string(product), Result: string(probe.NotTried), Detail: "no endpoint has passed"}
		rank := len(worst)
		for _, row := range s.seen.rows {
			if row.Endpoint.Resource.Product != product || !row.Endpoint.Resource.Ready || row.Endpoint.Own || row.Result == probe.Disabled {
				continue
			}
			for _, k := range row.Keys {
				if k.Key.ApplicationID != c.member.App.ID {
					continue
				}
				a.Asked++
				if k.Answer.Verdict == probe.Accepted {
					a.Accepted++
				}
				if r := slices.Index(worst, k.Answer.Verdict); r < rank {
					rank, a.URL, a.Result, a.Detail = r, row.Endpoint.URL, string(k.Answer.Verdict), k.Answer.String()
				}
			}
		}
		if s.seen.rows != nil {
			out = append(out, a)
		}
	}
	return out
}

// checkingKeys names the keys that asked every endpoint.
func (s *results) checkingKeys() []report.CheckingKey {
	out := []report.CheckingKey{}
	for _, k := range s.seen.checkers {
		why := "in scope, and chosen the same way in each run; ROTATOR_PROBE_APPLICATION names another"
		if s.cfg.ProbeApplication != "" {
			why = "named by ROTATOR_PROBE_APPLICATION"
		}
		line := report.CheckingKey{ApplicationID: k.ApplicationID, Application: k.Application, AccessKey: k.Pair.AccessKey, Why: why}
		for _, p := range k.Products {
			line.Products = append(line.Products, string(p))
		}
		out = append(out, line)
	}
	return out
}

// coming sums up by day what the report says will go.
func coming(r *report.Report) []report.Coming {
	out := []report.Coming{}
	on := func(at time.Time) *report.Coming {
		day := at.UTC().Format(time.DateOnly)
		i, found := slices.BinarySearchFunc(out, day, func(c report.Coming, day string) int { return strings.Compare(c.Day, day) })
		if !found {
			out = slices.Insert(out, i, report.Coming{Day: day})
		}
		return &out[i]
	}
	for _, t := range r.LegacyTokens {
		if t.GoesAt != nil {
			on(*t.GoesAt).LegacyTokens++
		}
	}
	for _, a := range r.Applications {
		for _, e := range a.Next {
			if e.Kind == "delete" {
				on(e.At).Keys++
			}
		}
	}
	return out
}

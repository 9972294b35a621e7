package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// at tells when the run comes that does what is to be done from a time on.
func (s *discovered) at(from time.Time) time.Time {
	read := s.world.now.Sub(s.report.StartedAt) // a run decides by the time at which it has read everything
	return s.policy.RunAt(from, s.world.now).Add(-read)
}

// rotatedAt is when a key will be replaced.
func (s *discovered) rotatedAt(k scaleway.APIKey) time.Time { return s.at(rotate.DueFrom(k, s.policy)) }

// retiredAt is when a key goes whose grace ends then.
func (s *discovered) retiredAt(graceEnds time.Time) time.Time {
	return s.at(s.policy.RetireFrom(graceEnds))
}

// capped reports what the organization's cap on key lifetimes makes of the
// settings.
func (s *discovered) capped() {
	p, most := s.policy, duration.Format(s.world.lifetimeCap)
	text := fmt.Sprintf("caps the lifetime of API keys at %s, below ROTATOR_KEY_LIFETIME (%s): keys live for %s and are rotated after %s",
		most, duration.Format(s.cfg.KeyLifetime), hours(p.Lifetime), hours(p.RotateAfter))
	switch grace := p.RealGrace(); {
	case grace < time.Hour:
		text += ", and a superseded key has no grace: it is dead by then, or within the hour"
	case grace < s.cfg.Grace:
		text += fmt.Sprintf(", and a superseded key dies after %s, not %s (ROTATOR_GRACE)", hours(grace), duration.Format(s.cfg.Grace))
	}
	often := "raise the cap"
	if fits := p.IntervalThatFits(); fits > 0 {
		often = fmt.Sprintf("run at least every %s (the cron in serverless.yml, and ROTATOR_INTERVAL), or raise the cap", duration.Format(fits))
	}
	often += " to " + duration.Format(p.CapThatFits()) + " in the organization's security settings"
	every := duration.Format(s.cfg.Interval)
	switch {
	case !p.HasRoom():
		s.find(report.Error, "organization", text+"; with runs every "+every+" a key dies before the next run replaces it, and whoever has it is refused until then", often)
	case !p.OutlivesFailure():
		s.find(report.Warning, "organization", text+"; with runs every "+every+" a key dies if one run fails", often)
	default:
		s.find(report.Warning, "organization", text, "lower ROTATOR_KEY_LIFETIME and ROTATOR_ROTATE_AFTER, or raise the cap in the organization's security settings")
	}
}

// hours writes a time as whole hours, as days where there are whole ones, or as
// minutes where it is less than one.
func hours(d time.Duration) string {
	if d < time.Hour {
		return duration.Format(d.Truncate(time.Minute))
	}
	return duration.Format(d.Truncate(time.Hour))
}

// refused reports the applications whose published key had expired when the run
// began: whoever has it has been refused since.
func (s *discovered) refused() {
	for _, c := range s.world.credentials {
		current := c.plan.Current()
		if c.broken != nil || current == nil || !current.Key.Expired(s.world.now) {
			continue
		}
		k := current.Key
		hint := "let runs come at least every " + duration.Format(s.cfg.Interval) + " (ROTATOR_INTERVAL), and see in their reports why none replaced it in time"
		if !s.policy.HasRoom() {
			hint = "see what is said of the organization's cap on the lifetime of keys"
		}
		s.find(report.Error, "application "+c.member.App.Name, fmt.Sprintf("its published key %s expired on %s: whoever calls with it was refused from then until this run, for %s",
			k.AccessKey, k.ExpiresAt.UTC().Format(time.DateTime), duration.Format(s.world.now.Sub(k.ExpiresAt).Round(time.Second))),
			hint)
	}
}

// longestFirst puts what is due longest first, since there may be room for few
// keys, and returns the plans in that order.
func (s *discovered) longestFirst(due []*credential) []*rotate.Plan {
	slices.SortStableFunc(due, func(a, b *credential) int {
		return a.plan.DueSince(s.policy, s.world.now).Compare(b.plan.DueSince(s.policy, s.world.now))
	})
	plans := make([]*rotate.Plan, 0, len(due))
	for _, c := range due {
		plans = append(plans, &c.plan)
	}
	return plans
}

// crowded reports, in one finding, that there was no room for a new key, and
// which keys could go.
func (s *discovered) crowded(due []*credential) {
	var (
		waiting []string
		first   *credential
	)
	for _, c := range due {
		if c.rotation != nil && errors.Is(c.rotation.Err, scaleway.ErrQuota) {
			waiting = append(waiting, c.member.App.Name)
			if first == nil {
				first = c
			}
		}
	}
	if first == nil {
		return
	}
	most, have := scaleway.Quota(first.rotation.Err)
	text := "there is no room for another one"
	if most > 0 {
		text += fmt.Sprintf(" (%d of %d)", have, most)
	}
	hint := "have the quota raised"
	if could := s.couldGo(first); len(could) > 0 {
		hint = "delete keys that nobody needs: " + strings.Join(could, ", ") + "; or " + hint
	}
	s.find(report.Error, "API keys", text+": not rotated in this run: "+strings.Join(waiting, ", ")+"; what is due longest goes first", hint)
}

// movedProject says that a new key has another default project than the one that
// it replaces.
func (s *discovered) movedProject(subject string, r *rotate.Rotation) {
	if r.NoProject != "" && r.Err == nil {
		s.find(report.Note, subject, fmt.Sprintf("the default project of its key, %s, is gone: the new key has the rotator's, %s", r.NoProject, s.cfg.ProjectID), "")
	}
}

// couldGoMax is how many keys are listed at most.
const couldGoMax = 20

// couldGo lists the keys that could make room for one of an application: the
// expired ones first, its own before others', then the superseded ones.
func (s *discovered) couldGo(of *credential) []string {
	type candidate struct {
		key  scaleway.APIKey
		rank int
		text string
	}
	var all []candidate
	for _, k := range s.world.keys {
		if k.Managed || !k.Deletable || s.gone(k.AccessKey) || !k.Expired(s.world.now) {
			continue
		}
		c := candidate{key: k, rank: 1, text: "expired on " + k.ExpiresAt.UTC().Format(time.DateOnly)}
		if k.ApplicationID == of.member.App.ID {
			c.rank = 0
		}
		all = append(all, c)
	}
	for _, c := range s.world.credentials {
		for _, k := range c.plan.Keys {
			if k.State == rotate.Superseded && !k.Key.Expired(s.world.now) && !s.gone(k.Key.AccessKey) {
				all = append(all, candidate{key: k.Key, rank: 2, text: "superseded"})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.rank - b.rank })
	var out []string
	for i, c := range all {
		if i == couldGoMax {
			out = append(out, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s (of %s, %s)", c.key.AccessKey, s.bearer(c.key), c.text))
	}
	return out
}

// gone tells whether this run deleted a key already.
func (s *session) gone(accessKey string) bool {
	return slices.ContainsFunc(s.journal.Changes(), func(c report.Change) bool {
		return c.Kind == "delete_key" && c.Object == accessKey && c.Result == report.Done
	})
}

// bearer says whose a key is.
func (s *discovered) bearer(k scaleway.APIKey) string {
	for _, a := range s.world.applications {
		if a.ID == k.ApplicationID {
			return report.Line(a.Name)
		}
	}
	return "a person"
}

// blocked reports a rotation that is due and cannot be done. It is an error
// only where consumers are without a key.
func (s *discovered) blocked(c *credential) {
	level := report.Warning
	current := c.plan.Current()
	if len(c.state.Versions) > 0 && (current == nil || current.Key.Expired(s.world.now)) {
		level = report.Error
	}
	s.find(level, "application "+c.member.App.Name, "is due ("+c.plan.Why+") but not rotated: "+c.plan.Blocked, "")
}

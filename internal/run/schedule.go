package run

import (
	"fmt"
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
		s.find(report.Error, "application "+c.member.app.Name, fmt.Sprintf("its published key %s expired on %s: whoever calls with it was refused from then until this run, for %s",
			k.AccessKey, k.ExpiresAt.UTC().Format(time.DateTime), duration.Format(s.world.now.Sub(k.ExpiresAt).Round(time.Second))),
			hint)
	}
}

package rotate

import (
	"errors"
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Early is how much a run may come early for its own schedule. Crons start
// minutes early or late, and a key is published minutes after its run began, so
// a run a whole interval later would often miss its time by seconds, and leave
// the work to the one after. It is small against the interval: nothing is done
// by a run that has nothing to do with the schedule.
func (p Policy) Early() time.Duration { return min(time.Hour, p.Interval/24) }

// earlyGrace is the same for the grace, which is a promise to consumers: it is
// never cut by more than a 24th of itself.
func (p Policy) earlyGrace() time.Duration { return min(p.Early(), p.Grace/24) }

// graceOver tells whether what was superseded at a time may go now.
func (p Policy) graceOver(superseded, now time.Time) bool {
	return !now.Before(p.RetireFrom(superseded.Add(p.Grace)))
}

// RetireFrom tells from when on a run gives up a key whose grace ends then.
func (p Policy) RetireFrom(graceEnds time.Time) time.Time { return graceEnds.Add(-p.earlyGrace()) }

// margin is what a key must live longer than until the next run: that one may
// come late, and takes its time before it publishes another.
func (p Policy) margin() time.Duration { return p.Early() + p.RunTime }

// RunAt tells which run does what is to be done from a time on: the first of
// those an interval apart that come after the one at now.
func (p Policy) RunAt(from, now time.Time) time.Time {
	if p.Interval <= 0 {
		return latest(from, now)
	}
	runs := (from.Sub(now) + p.Interval - 1) / p.Interval
	return now.Add(max(1, runs) * p.Interval)
}

// Due tells when a key is too old. One that expires too early for the policy
// (made under a cap, or by a person) is so before that.
func Due(k scaleway.APIKey, p Policy) time.Time {
	life := k.ExpiresAt.Sub(k.CreatedAt)
	if k.ExpiresAt.IsZero() || life >= p.RotateAfter+p.Grace-time.Hour {
		return k.CreatedAt.Add(p.RotateAfter)
	}
	return k.CreatedAt.Add(p.ageWithin(life))
}

// ageWithin is the age at which a key that lives so long is replaced: at two
// thirds of its life; earlier, if its readers would have less than the grace
// then, but not before half of it: the other half is the least they get.
func (p Policy) ageWithin(life time.Duration) time.Duration {
	return min(p.RotateAfter, life*2/3, max(life/2, life-p.Grace-p.Interval-p.margin()))
}

// DueFrom tells from when on a run replaces a key: where it would be too old
// before the next one, or the next one might find it dead. Where the organization's
// cap leaves new keys no life until the next run, one that never expires is never
// replaced: the far end of the calendar says so.
func DueFrom(k scaleway.APIKey, p Policy) time.Time {
	least := p.Interval / 2
	if !k.ExpiresAt.IsZero() {
		least = min(p.Interval, k.ExpiresAt.Sub(k.CreatedAt)) / 2
	}
	// Two runs that a person asks for within the day must not both replace it,
	// even where a key lives no longer than it takes to the next run.
	soonest := k.CreatedAt.Add(least)
	from := p.before(Due(k, p))
	switch {
	case !p.HasRoom() && k.ExpiresAt.IsZero():
		return forever()
	case !p.HasRoom(): // a new one dies before the next run: what lives on is not replaced by it
		from = p.lastRun(k)
	case !k.ExpiresAt.IsZero():
		from = earliest(from, p.lastRun(k))
	}
	return latest(from, soonest)
}

// Never tells whether DueFrom said that a key is not replaced at all.
func Never(from time.Time) bool { return from.Equal(forever()) }

// before tells from when on the run that comes before a time is at hand.
func (p Policy) before(t time.Time) time.Time { return t.Add(p.Early() - p.Interval) }

// lastRun tells after when the run after this one may find a key dead.
func (p Policy) lastRun(k scaleway.APIKey) time.Time {
	return k.ExpiresAt.Add(-p.Interval - p.margin())
}

// whyDue says why a key is due now.
func whyDue(k scaleway.APIKey, p Policy, now time.Time) string {
	age := now.Sub(k.CreatedAt)
	expires := func() string { return k.ExpiresAt.UTC().Format(time.DateOnly) }
	switch {
	case age >= p.RotateAfter:
		return fmt.Sprintf("its age of %s has reached %s", span(age), span(p.RotateAfter))
	case !now.Before(p.before(k.CreatedAt.Add(p.RotateAfter))):
		return fmt.Sprintf("its age of %s would pass %s before the next run", span(age), span(p.RotateAfter))
	case age >= k.ExpiresAt.Sub(k.CreatedAt)*2/3:
		return "two thirds of its life are over: it expires on " + expires()
	default:
		return "its readers need the time until it expires on " + expires()
	}
}

// DueSince tells since when the application's rotation is due; zero: its readers
// have no key that lives. Where there is room for few new keys, the one that is
// due longest goes first.
func (p *Plan) DueSince(policy Policy, now time.Time) time.Time {
	current := p.Current()
	switch {
	case len(p.State.Versions) > 0 && (current == nil || current.Key.Expired(now)):
		return time.Time{}
	case current != nil:
		return Due(current.Key, policy)
	case len(p.Keys) > 0: // none is published yet
		return p.Keys[len(p.Keys)-1].Key.CreatedAt.Add(policy.RotateAfter)
	}
	return now // nobody calls with a key of it
}

// dead tells whether a key can go at once, since it opens nothing any more: it
// expired, it is the rotator's own make, and not what readers get.
func (k KeyPlan) dead(p Policy, now time.Time) bool {
	return (k.State == Superseded || k.State == Unpublished) && k.Key.Expired(now) && p.Made(k.Key) && k.Key.Deletable && k.Key.AccessKey != p.RunsOn
}

// Made tells whether the rotator of this project made a key.
func (p Policy) Made(k scaleway.APIKey) bool { return keyProject(k.Description) == p.Project }

// noRoom tells whether a creation was refused for a quota that others meet, too:
// not where the figure is that of the application's own keys.
func noRoom(err error, p *Plan) bool {
	if !errors.Is(err, scaleway.ErrQuota) {
		return false
	}
	_, have := scaleway.Quota(err)
	return have == 0 || have > len(p.State.Keys)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

package rotate

import (
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// decide tells whether the application's key is replaced in this run.
func (p *Plan) decide(policy Policy, now time.Time) {
	due, why := p.due(policy, now)
	p.Why = why
	if !due {
		return
	}
	for _, k := range p.Keys {
		if k.State == InProgress {
			p.Blocked = fmt.Sprintf("key %s is %s old and not published: another run may be at it; the next one after %s goes on",
				k.Key.AccessKey, duration.Format(now.Sub(k.Key.CreatedAt).Round(time.Second)), k.RetireAt.UTC().Format(time.DateTime))
			return
		}
	}
	standing := 0
	for _, v := range p.State.Versions {
		if !v.Going {
			standing++
		}
	}
	if standing-len(p.Stale) >= VersionsMax {
		p.Blocked = fmt.Sprintf("%s holds %d versions, the most there can be; delete versions that nobody reads",
			p.State.Secret.FullName(), standing)
		return
	}
	p.Rotate = true
}

func (p *Plan) due(policy Policy, now time.Time) (due bool, why string) {
	current := p.Current()
	if current != nil {
		p.RotateAt = Due(current.Key, policy)
	}
	newest := p.State.Published()
	switch {
	case len(p.State.Versions) == 0:
		return true, "no key is published yet"
	case newest == nil:
		return true, "no version of its secret is enabled"
	case current == nil:
		return true, "the published key " + VersionKey(newest.Description) + " is gone"
	case current.Key.Expired(now):
		return true, "the published key expired"
	case slices.Contains(policy.Revoke, current.Key.AccessKey):
		return true, "the published key is to be revoked"
	case policy.Force:
		return true, "forced"
	case ReadMark(newest.Description).Held:
		return p.heldTo(*current, policy, now)
	case !now.Before(p.RotateAt):
		age := now.Sub(current.Key.CreatedAt)
		if age >= policy.RotateAfter {
			return true, fmt.Sprintf("its age of %s has reached %s", span(age), span(policy.RotateAfter))
		}
		return true, "two thirds of its life are over: it expires on " + current.Key.ExpiresAt.UTC().Format(time.DateOnly)
	default:
		return false, fmt.Sprintf("%s old, rotated at %s", span(now.Sub(current.Key.CreatedAt)), span(p.RotateAt.Sub(current.Key.CreatedAt)))
	}
}

// heldTo tells whether a key that a person went back to is replaced: not before
// that is forced, unless it dies first, and its readers with it.
func (p *Plan) heldTo(current KeyPlan, policy Policy, now time.Time) (due bool, why string) {
	p.RotateAt = time.Time{}
	if current.Key.ExpiresAt.IsZero() {
		return false, "a person went back to it; rotated again once that is forced"
	}
	expires := current.Key.ExpiresAt.UTC().Format(time.DateOnly)
	if p.RotateAt = current.Key.ExpiresAt.Add(-policy.Grace); !now.Before(p.RotateAt) {
		return true, "a person went back to it, but it expires on " + expires
	}
	return false, "a person went back to it; rotated again once that is forced, or shortly before it expires on " + expires
}

// Due tells when a key is due. One that expires too early for the policy
// (made under a cap, or by a person) is due at two thirds of its own life.
func Due(k scaleway.APIKey, p Policy) time.Time {
	at := k.CreatedAt.Add(p.RotateAfter)
	if k.ExpiresAt.IsZero() {
		return at
	}
	life := k.ExpiresAt.Sub(k.CreatedAt)
	if life < p.RotateAfter+p.Grace-time.Hour {
		if early := k.CreatedAt.Add(life * 2 / 3); early.Before(at) {
			return early
		}
	}
	return at
}

// span writes a duration as a person would say it: whole days, else hours.
func span(d time.Duration) string {
	if d >= 24*time.Hour {
		return duration.Format(d.Truncate(24 * time.Hour))
	}
	return duration.Format(d.Truncate(time.Minute))
}

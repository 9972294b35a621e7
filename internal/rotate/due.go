package rotate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/duration"
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
	if p.Blocked = p.crowd(policy, now); p.Blocked != "" {
		return
	}
	standing := p.standing()
	if standing-len(p.Stale) >= VersionsMax {
		p.Blocked = fmt.Sprintf("%s holds %d versions, the most there can be; delete versions that nobody reads",
			p.State.Secret.FullName(), standing)
		return
	}
	p.Rotate = true
}

// standing is how many versions the secret has that are not on their way out.
func (p *Plan) standing() (n int) {
	for _, v := range p.State.Versions {
		if !v.Going {
			n++
		}
	}
	return n
}

// HasRoom tells whether the secret can hold one more version as it is.
func (p *Plan) HasRoom() bool { return p.standing() < VersionsMax }

// supersededMax is how many keys of an application may be within their grace at a
// time: each run that is forced would add one, until the organization can hold no
// more.
const supersededMax = 2

// crowd tells why an application gets no new key by force, if enough others are
// within their grace. What is due all the same is done: under a cap on lifetimes,
// keys follow one another faster than a grace lasts.
func (p *Plan) crowd(policy Policy, now time.Time) string {
	unforced := policy
	unforced.Force = false
	if due, _ := p.due(unforced, now); due || !policy.Force {
		return ""
	}
	var within []string
	var over time.Time
	for _, k := range p.Keys {
		if since := supersededAt(p.State, k.Key); k.State == Superseded && !k.Dead && !k.Key.Expired(now) && !k.Going() && !policy.graceOver(since, now) {
			if end := policy.RetireFrom(since.Add(policy.Grace)); over.IsZero() || end.Before(over) {
				over = end
			}
			within = append(within, k.Key.AccessKey)
		}
	}
	if len(within) < supersededMax {
		return ""
	}
	return fmt.Sprintf("%s are superseded and within their grace, and there are never more than %d; the first of them goes from %s on, or revoke one",
		strings.Join(within, ", "), supersededMax, over.UTC().Format("2 January 2006 15:04"))
}

func (p *Plan) due(policy Policy, now time.Time) (due bool, why string) {
	current := p.Current()
	if current != nil {
		p.RotateAt, p.RotateFrom = Due(current.Key, policy), DueFrom(current.Key, policy)
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
	case ReadMark(newest.Description).Pinned:
		return p.heldTo(*current, policy, now)
	case !now.Before(p.RotateFrom):
		return true, whyDue(current.Key, policy, now)
	default:
		return false, fmt.Sprintf("%s old, rotated at %s", span(now.Sub(current.Key.CreatedAt)), span(p.RotateAt.Sub(current.Key.CreatedAt)))
	}
}

// heldTo tells whether a key that a person went back to is replaced: not before
// that is forced, unless it dies first, and its readers with it.
func (p *Plan) heldTo(current KeyPlan, policy Policy, now time.Time) (due bool, why string) {
	p.RotateAt, p.RotateFrom = time.Time{}, time.Time{}
	if current.Key.ExpiresAt.IsZero() {
		return false, "a person went back to it; rotated again once that is forced"
	}
	expires := current.Key.ExpiresAt.UTC().Format(time.DateOnly)
	p.RotateAt = current.Key.ExpiresAt.Add(-policy.Grace)
	if p.RotateFrom = earliest(policy.before(p.RotateAt), policy.lastRun(current.Key)); !now.Before(p.RotateFrom) {
		return true, "a person went back to it, but it expires on " + expires
	}
	return false, "a person went back to it; rotated again once that is forced, or shortly before it expires on " + expires
}

// span writes a duration as a person would say it: whole days, else hours.
func span(d time.Duration) string {
	if d >= 24*time.Hour {
		return duration.Format(d.Truncate(24 * time.Hour))
	}
	return duration.Format(d.Truncate(time.Minute))
}

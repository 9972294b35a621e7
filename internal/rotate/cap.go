package rotate

import (
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// capSlack keeps a clamped lifetime under the organization's cap even where its
// clock runs a little behind.
const capSlack = time.Minute

// Capped returns the policy under the organization's cap on key lifetimes (0:
// none), and whether the cap changed it: the lifetime is clamped, and keys are
// replaced so early that their readers get what it leaves of the grace.
func (p Policy) Capped(most time.Duration) (Policy, bool) {
	if most <= 0 || most >= p.Lifetime {
		return p, false
	}
	p.Lifetime = max(most-capSlack, most/2)
	p.RotateAfter = p.ageWithin(p.Lifetime)
	return p, true
}

// RealGrace is how long a superseded key of the policy's lifetime lives on at
// the least, if runs come as they should: at most the grace, 0 where it dies
// before it is replaced.
func (p Policy) RealGrace() time.Duration {
	born := time.Unix(0, 0)
	k := scaleway.APIKey{CreatedAt: born, ExpiresAt: born.Add(p.Lifetime)}
	replaced := p.RunAt(DueFrom(k, p), born)
	return max(0, min(p.Grace, k.ExpiresAt.Sub(replaced)-p.RunTime))
}

// HasRoom tells whether the lifetime spans the time to the next run: if not, a
// key dies before that one replaces it.
func (p Policy) HasRoom() bool { return p.Lifetime >= p.Interval+p.margin() }

// OutlivesFailure tells whether a key outlives a run that fails.
func (p Policy) OutlivesFailure() bool { return p.Lifetime >= 2*p.Interval+p.margin() }

// IntervalThatFits is how far apart runs may be at most for keys of the policy's
// lifetime to outlive one that fails; 0: they never would.
func (p Policy) IntervalThatFits() time.Duration {
	most := max(0, (p.Lifetime-p.RunTime)*24/49) // twice the interval, and the 24th of it that a run may be late
	if most >= 2*time.Hour {
		return most.Truncate(time.Hour)
	}
	return most.Truncate(time.Minute)
}

// CapThatFits is the least cap, in whole intervals, under which keys outlive a
// run that fails.
func (p Policy) CapThatFits() time.Duration {
	if p.Interval <= 0 {
		return 0
	}
	least := 2*p.Interval + p.margin() + capSlack
	return (least + p.Interval - 1) / p.Interval * p.Interval
}

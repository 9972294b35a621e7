package transport

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/scw-key-rotator/rotator/internal/clock"
)

// The rate of calls, in calls a second. Scaleway publishes no figure for these
// products, and nobody has recorded one: the first 429 tells.
const (
	paceStart = 50.0
	paceLeast = 1.0
	// Until the first refusal the rate may grow by so much in each second that is
	// used to the full; after it, carefully.
	paceUnrefused = 10.0
	paceRefused   = 1.0
	// paceOnce is how long refusals count as one: those of the calls that were
	// under way together.
	paceOnce = time.Second
)

// pace spaces calls: as many a second as were not too many so far, and never
// more than its ceiling.
type pace struct {
	clock   clock.Clock
	ceiling float64

	mu      sync.Mutex
	limiter *rate.Limiter
	grows   float64   // by so much a second, used to the full
	refused time.Time // when the rate was halved last
	until   time.Time // nothing goes out before
	taken   int       // answers other than 429 by which the rate has not grown yet
}

// newPace starts with a second's worth of the ceiling in hand: small projects
// wait for nothing.
func newPace(c clock.Clock, ceiling int) *pace {
	most := float64(ceiling)
	return &pace{clock: c, ceiling: most, limiter: rate.NewLimiter(rate.Limit(min(paceStart, most)), ceiling), grows: paceUnrefused}
}

// wait returns when the next call may go out.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.clock.Now()
	p.grow(now)
	turn := p.limiter.ReserveN(now, 1)
	delay := max(turn.DelayFrom(now), p.until.Sub(now))
	p.mu.Unlock()
	if delay <= 0 {
		return ctx.Err()
	}
	if err := p.clock.Sleep(ctx, delay); err != nil {
		turn.CancelAt(p.clock.Now())
		return err
	}
	return nil
}

// grow has the rate grow by the answers since it last did: one after the other, so
// that the same number of them comes to the same rate, however they came in.
func (p *pace) grow(now time.Time) {
	current := float64(p.limiter.Limit())
	for ; p.taken > 0; p.taken-- {
		current = min(current+p.grows/current, p.ceiling)
	}
	p.limiter.SetLimitAt(now, rate.Limit(current))
}

// answered learns from an answer: 429 halves the rate and holds calls back for as
// long as it says, any other lets the rate grow.
func (p *pace) answered(resp *http.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if resp.StatusCode != http.StatusTooManyRequests {
		p.taken++
		return
	}
	now, current := p.clock.Now(), float64(p.limiter.Limit())
	if wait, ok := retryAfter(resp); ok && now.Add(wait).After(p.until) {
		p.until = now.Add(wait)
	}
	if now.Sub(p.refused) < paceOnce {
		return
	}
	p.refused, p.grows, p.taken = now, paceRefused, 0
	half := max(current/2, paceLeast)
	p.limiter.SetLimitAt(now, rate.Limit(half))
	p.limiter.SetBurstAt(now, max(int(half), 1))
}

// perSecond is the rate as it is now.
func (p *pace) perSecond() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow(p.clock.Now())
	return float64(p.limiter.Limit())
}

package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Clock is the emulator's time. Statuses, expiries and crons move on it.
//
// A Clock made by New or NewAt runs along with real time from where
// it was started and can be moved forward. One made by NewManual stands still until
// somebody advances it or sleeps on it.
type Clock struct {
	mu     sync.Mutex
	base   time.Time        // the clock's reading when since was taken
	since  time.Time        // real time at that moment; zero for a manual clock
	source func() time.Time // nil for a manual clock
	moved  chan struct{}    // closed when the clock is next moved; nil: nobody waits for that
	alarms map[*alarm]bool
}

// alarm is what After has been asked for.
type alarm struct {
	at    time.Time
	timer *time.Timer // of a clock that runs along with real time
	ring  func()
}

// New returns a clock that reads as real time does, until it is moved.
func New() *Clock { return NewAt(time.Now()) }

// NewAt returns a clock that reads start now, and runs as real time does.
func NewAt(start time.Time) *Clock {
	return &Clock{base: start, since: time.Now(), source: time.Now}
}

// NewManual returns a clock that stands at start.
func NewManual(start time.Time) *Clock { return &Clock{base: start} }

// Now returns the clock's reading, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.source == nil {
		return c.base.UTC()
	}
	return c.base.Add(c.source().Sub(c.since)).UTC()
}

// Advance moves the clock forward by d. It never goes back.
func (c *Clock) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	c.mu.Lock()
	c.move(d)
	due := c.due()
	c.mu.Unlock()
	ring(due)
}

// After calls f once the clock has moved by d, by itself or because it was
// moved. stop tells whether it came in time.
func (c *Clock) After(d time.Duration, f func()) (stop func() bool) {
	a := &alarm{ring: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	a.at = c.now().Add(d)
	if c.alarms == nil {
		c.alarms = map[*alarm]bool{}
	}
	c.alarms[a] = true
	if c.source != nil {
		a.timer = time.AfterFunc(d, func() {
			if c.take(a) {
				f()
			}
		})
	}
	return func() bool { return c.take(a) }
}

// take removes an alarm; it tells whether it was still set.
func (c *Clock) take(a *alarm) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.alarms[a]
	delete(c.alarms, a)
	if a.timer != nil {
		a.timer.Stop()
	}
	return set
}

// due takes out the alarms whose time has come. c.mu is held.
func (c *Clock) due() []*alarm {
	var due []*alarm
	for a := range c.alarms {
		if !a.at.After(c.now()) {
			delete(c.alarms, a)
			due = append(due, a)
		}
	}
	return due
}

// ring calls alarms, earliest first, without the lock: they may look at the
// clock.
func ring(due []*alarm) {
	slices.SortFunc(due, func(a, b *alarm) int { return a.at.Compare(b.at) })
	for _, a := range due {
		if a.timer != nil {
			a.timer.Stop()
		}
		a.ring()
	}
}

func (c *Clock) move(d time.Duration) {
	c.base = c.base.Add(d)
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// Until returns once the clock reads t or later, by itself or because it was
// moved, or ctx is done. Unlike Sleep it never moves the clock.
func (c *Clock) Until(ctx context.Context, t time.Time) error {
	for {
		left, moved := c.left(t)
		if left <= 0 {
			return ctx.Err()
		}
		var due <-chan time.Time
		if c.source != nil {
			due = time.After(left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		case <-due:
		}
	}
}

func (c *Clock) left(t time.Time) (time.Duration, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = make(chan struct{})
	}
	return t.Sub(c.now()), c.moved
}

// Sleep returns once the clock has moved by d or ctx is done. On a manual
// clock it moves the clock itself, and returns at once: callers that sleep at
// the same reading wake at the same reading.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.source == nil {
		return c.skip(ctx, max(d, 0))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// skip moves a manual clock by d, from alarm to alarm: it stops where one ends
// ctx.
func (c *Clock) skip(ctx context.Context, d time.Duration) error {
	for {
		c.mu.Lock()
		step := d
		for a := range c.alarms {
			step = min(step, max(a.at.Sub(c.now()), 0))
		}
		c.move(step)
		d -= step
		due := c.due()
		c.mu.Unlock()
		ring(due)
		if err := ctx.Err(); err != nil || d == 0 {
			return err
		}
	}
}

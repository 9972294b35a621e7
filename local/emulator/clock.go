package emulator

import (
	"context"
	"sync"
	"time"
)

// Clock is the emulator's time. Statuses, expiries and crons move on it.
//
// A Clock made by NewClock or NewClockAt runs along with real time from where
// it was started and can be moved forward. One made by NewManualClock stands still until
// somebody advances it or sleeps on it.
type Clock struct {
	mu     sync.Mutex
	base   time.Time        // the clock's reading when since was taken
	since  time.Time        // real time at that moment; zero for a manual clock
	source func() time.Time // nil for a manual clock
	moved  chan struct{}    // closed when the clock is next moved; nil: nobody waits for that
}

// NewClock returns a clock that reads as real time does, until it is moved.
func NewClock() *Clock { return NewClockAt(time.Now()) }

// NewClockAt returns a clock that reads start now, and runs as real time does.
func NewClockAt(start time.Time) *Clock {
	return &Clock{base: start, since: time.Now(), source: time.Now}
}

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *Clock { return &Clock{base: start} }

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
	defer c.mu.Unlock()
	c.move(d)
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
		c.mu.Lock()
		defer c.mu.Unlock()
		c.move(max(d, 0))
		return nil
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

// Package clock is how the rest of the program has time: a value that comes in
// through constructors, so that a run can be played on another clock.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits. The zero value is not usable: take Real, or
// fill Now and Sleep.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // returns ctx's error if it ends first
	// After calls f once d has passed, unless stop is called first. nil: in real
	// time. f may be called from any goroutine, and must not wait.
	After func(d time.Duration, f func()) (stop func() bool)
	// Emulated: its times are made up, and waiting takes none of ours.
	Emulated bool
}

// Real is the machine's clock.
func Real() Clock { return Clock{Now: time.Now, Sleep: sleep} }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

package clock

import (
	"context"
	"errors"
	"time"
)

// WithTimeout is context.WithTimeout on a clock: the context ends, with
// context.DeadlineExceeded as its cause, once d has passed there. On a clock with
// After it has no Deadline of its own, since others compare that with the
// machine's time, and contexts made of it say Canceled; context.Cause says why.
func WithTimeout(ctx context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	if c.After == nil {
		return context.WithTimeout(ctx, d)
	}
	inner, cancel := context.WithCancelCause(ctx)
	if d <= 0 {
		cancel(context.DeadlineExceeded)
		return timed{inner}, func() {}
	}
	stop := c.After(d, func() { cancel(context.DeadlineExceeded) })
	return timed{inner}, func() {
		stop()
		cancel(nil)
	}
}

// timed says DeadlineExceeded, as a context that ended by its time does.
type timed struct{ context.Context } //nolint:containedctx // it is one

func (t timed) Err() error {
	err := t.Context.Err()
	if err != nil && errors.Is(context.Cause(t.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

package clock

import (
	"context"
	"sync"
	"time"
)

// WithTimeout is context.WithTimeout on a clock: the context ends with
// context.DeadlineExceeded once d has passed there. It has no Deadline of its
// own on a clock with After, since others compare that with the machine's time.
func WithTimeout(ctx context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	if c.After == nil {
		return context.WithTimeout(ctx, d)
	}
	t := &timed{Context: ctx, done: make(chan struct{})}
	if d <= 0 {
		t.end(context.DeadlineExceeded)
		return t, func() {}
	}
	leave := context.AfterFunc(ctx, func() { t.end(ctx.Err()) })
	stop := c.After(d, func() { t.end(context.DeadlineExceeded) })
	return t, func() {
		stop()
		leave()
		t.end(context.Canceled)
	}
}

// timed is a context that ends by a clock. It is a type of its own because what
// ends by context.WithCancelCause says Canceled, and so do its children.
type timed struct {
	context.Context //nolint:containedctx // it is one

	done chan struct{}

	mu  sync.Mutex
	err error
}

func (t *timed) Done() <-chan struct{} { return t.done }

func (t *timed) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return t.Context.Err() // it has ended, and who tells t comes late
	}
	return t.err
}

func (t *timed) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		close(t.done)
	}
}

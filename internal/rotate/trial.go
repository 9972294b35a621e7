package rotate

import (
	"context"
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
)

// successes that a window holds at least; more come of its length.
const successesMin = 3

// trial is one new key on its way through the window.
type trial struct {
	rotation *Rotation
	try      Try
	since    time.Time // of the first success of the present row
	row      int
	last     error // of the last attempt that told neither way
	done     bool
}

// attempt tries once. A refusal starts the window anew; an attempt that told
// neither way counts for nothing.
func (t *trial) attempt(ctx context.Context, c clock.Clock, window time.Duration) {
	works, err := t.try(ctx)
	now := c.Now()
	switch {
	case err != nil:
		t.last = err
	case !works:
		t.row, t.last = 0, nil
	default:
		if t.row == 0 {
			t.since = now
		}
		t.row++
		t.done = t.row >= successesMin && now.Sub(t.since) >= window
	}
}

func (t *trial) giveUp(why string) {
	t.done = true
	t.rotation.Err = fmt.Errorf("%w by %s: %s", errUnverified, t.rotation.VerifyBy, why)
	if t.last != nil {
		t.rotation.Err = fmt.Errorf("%w; at last: %w", t.rotation.Err, t.last)
	}
}

func pending(trials []*trial) []*trial {
	var out []*trial
	for _, t := range trials {
		if !t.done {
			out = append(out, t)
		}
	}
	return out
}

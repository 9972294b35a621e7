package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/safe"
)

// verify tries all new keys over one window. IAM is eventually consistent and
// not monotonic (docs/scaleway.md, Eventual consistency): a key passes that kept
// working for the whole window, and whose time is over is given up and deleted.
func (a *Applier) verify(ctx context.Context, rotations []*Rotation) {
	var trials []*trial
	for _, r := range rotations {
		if r.Err == nil && !r.Overtaken {
			t := &trial{rotation: r}
			t.try, r.VerifyBy = a.Tester(ctx, r.Plan.State, r.New)
			trials = append(trials, t)
		}
	}
	start := a.Clock.Now()
	interval := max(a.Window/12, 100*time.Millisecond)
	for open := trials; len(open) > 0; open = pending(open) {
		var round safe.Group
		for _, t := range open {
			round.Go(func() { t.attempt(ctx, a.Clock, a.Window) })
		}
		round.Wait()
		over := a.Clock.Now().Sub(start) >= a.Bound
		for _, t := range pending(open) {
			switch {
			case ctx.Err() != nil:
				t.giveUp("the run's time was over before it was verified")
			case over:
				t.giveUp(fmt.Sprintf("it did not keep working for %s within %s", a.Window, a.Bound))
			}
		}
		if len(pending(open)) > 0 {
			a.Log.DebugContext(ctx, "verifying new keys", "pending", len(pending(open)), "elapsed", a.Clock.Now().Sub(start).String())
			_ = a.Clock.Sleep(ctx, interval) // the next round sees that ctx is done
		}
	}
	a.undoUnverified(ctx, rotations)
}

// undoUnverified deletes the new keys that did not work, a few at a time: each
// has its own time from when it begins, and once the run's is over they share one.
func (a *Applier) undoUnverified(ctx context.Context, rotations []*Rotation) {
	const together = 8
	turn := make(chan struct{}, together)
	var all safe.Group
	for _, r := range rotations {
		if !errors.Is(r.Err, errUnverified) {
			continue
		}
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			r.Err = errors.Join(r.Err, a.undo(ctx, r, "never verified"))
		})
	}
	all.Wait()
}

var errUnverified = errors.New("the new key was not verified")

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

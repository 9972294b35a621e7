package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func manual() (*emulator.Clock, clock.Clock) {
	c := emulator.NewManualClock(emulatortest.Epoch)
	return c, clock.Clock{Now: c.Now, Sleep: c.Sleep, After: c.After}
}

func TestATimeoutCountsOnItsClock(t *testing.T) {
	t.Parallel()
	hand, c := manual()
	ctx, cancel := clock.WithTimeout(t.Context(), c, time.Minute)
	defer cancel()
	child, stop := context.WithCancel(context.WithValue(ctx, t, t))
	defer stop()
	hand.Advance(time.Minute - 1)
	if err := ctx.Err(); err != nil {
		t.Fatalf("a moment before: %v", err)
	}
	if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) { // of a manual clock, sleeping moves it
		t.Errorf("sleeping across the end: %v", err)
	}
	if over := hand.Now().Sub(emulatortest.Epoch); over != time.Minute {
		t.Errorf("the sleep went on to %s", over)
	}
	<-ctx.Done()
	<-child.Done()
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("sleeping on: %v", err)
	}
	for name, ctx := range map[string]context.Context{"itself": ctx, "a child": child} {
		if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the cause of %s: %v", name, err)
		}
	}
}

func TestATimeoutEndsWithItsParentAndItsCancel(t *testing.T) {
	t.Parallel()
	hand, c := manual()
	parent, end := context.WithCancel(t.Context())
	ctx, cancel := clock.WithTimeout(parent, c, time.Minute)
	end()
	<-ctx.Done()
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("after its parent: %v", err)
	}
	cancel()
	ctx, cancel = clock.WithTimeout(t.Context(), c, time.Minute)
	cancel()
	<-ctx.Done()
	hand.Advance(time.Hour)
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("after its cancel: %v", err)
	}
	ctx, cancel = clock.WithTimeout(t.Context(), c, 0)
	defer cancel()
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without any time: %v", err)
	}
}

func TestTheMachinesClockEndsATimeoutToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := clock.WithTimeout(t.Context(), clock.Real(), time.Minute)
		defer cancel()
		start := time.Now()
		<-ctx.Done()
		if took := time.Since(start); took != time.Minute || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%v after %s", ctx.Err(), took)
		}
	})
}

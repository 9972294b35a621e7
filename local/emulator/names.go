package emulator

import (
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
)

// What tests and the local runner hold in their hands, under the names by which
// they know it. Each is declared, and explained, where it is made.

// Clock is the emulator's time.
type Clock = clock.Clock

// NewClock returns a clock that reads as real time does, until it is moved.
func NewClock() *Clock { return clock.New() }

// NewClockAt returns a clock that reads start now, and runs as real time does.
func NewClockAt(start time.Time) *Clock { return clock.NewAt(start) }

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *Clock { return clock.NewManual(start) }

package emulator

import (
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
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

// Request is one line of the emulator's history.
type Request = traffic.Request

// UnknownRoute is what was asked of the API and does not exist here.
type UnknownRoute = traffic.UnknownRoute

// Fault is something that goes wrong with a request: what it strikes and how.
type Fault = traffic.Fault

package transport_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
)

func TestTheRateOfCallsGrowsToItsCeilingWhereNoneIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200}}}
		start := flood(t, s, 1200, 100)
		// A second's worth of the ceiling is in hand, and goes at once; the rate grows
		// from 50 by 10 in each second's worth of calls.
		for second, want := range []int{171, 83, 92, 99, 100, 100, 100} {
			if got := within(s, start, time.Duration(second)*time.Second, time.Second); got < want-2 || got > want+2 {
				t.Errorf("%d requests in second %d, want about %d", got, second, want)
			}
		}
		if took := time.Since(start); took > 1200/100*1250*time.Millisecond {
			t.Errorf("1200 requests took %s", took)
		}
	})
}

// A 429 halves the rate, one that comes with it does not again; nothing at all is
// sent before the time that it names.
func TestTooManyCallsHalveTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 429, Header: map[string]string{"Retry-After": "4"}}, {Status: 429}, {Status: 429}, {Status: 200}}}
		start := flood(t, s, 300, 40)
		if got := within(s, start, 1, 4*time.Second-1); got != 0 {
			t.Errorf("%d requests in the four seconds that were asked for", got)
		}
		// 40 a second, halved by the first, and once by the two that come together
		// later; each second that is used to the full adds one.
		for second, want := range map[int]int{6: 14, 8: 16, 12: 20} {
			if got := within(s, start, time.Duration(second)*time.Second, time.Second); got < want-1 || got > want+1 {
				t.Errorf("%d requests in second %d, want about %d", got, second, want)
			}
		}
	})
}

package transport_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
)

func TestRequestsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second) // of the bubble
			now.Add(-1)
			return scalewaytest.Answer{Status: 200}.To(r)
		})
		over := transport.New(slow, clock.Real(), 3, 1000)
		start := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { _, _ = send(t.Context(), t, over, "GET", keys, "") })
		}
		all.Wait()
		if most.Load() != 3 || time.Since(start) != 7*time.Second {
			t.Errorf("%d at a time, %s in all", most.Load(), time.Since(start))
		}
	})
}

func TestRequestsPerSecondAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const perSecond = 5
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200}}}
		over := transport.New(s, clock.Real(), 100, perSecond)
		start := time.Now()
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() { _, _ = send(t.Context(), t, over, "GET", keys, "") })
		}
		all.Wait()
		// A second's worth goes out at once; then it is one each fifth of one.
		if got := time.Since(start).Round(time.Millisecond); got != 7*time.Second {
			t.Errorf("40 requests took %s", got)
		}
		for i, first := range s.Seen {
			n := 0
			for _, other := range s.Seen[i:] {
				if other.At.Sub(first.At) < time.Second {
					n++
				}
			}
			if n > 2*perSecond {
				t.Errorf("%d requests in the second after %s", n, first.At.Sub(start))
			}
		}
	})
}

func TestCallsAndRetriesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const empty = `{"api_keys":[],"total_count":0}`
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 503}, {Status: 429}, {Status: 200, Body: empty}, {Status: 200, Body: empty}, {Status: 500}}}
		c := scalewaytest.NewClient(t, scalewaytest.Options(s))
		count := func() []int64 {
			sent, retried := c.Calls()
			return []int64{sent, retried}
		}
		got := [][]int64{count()}
		for range 3 {
			_, _ = c.APIKeys(t.Context())
			got = append(got, count())
		}
		// What asks with another key is counted here, too.
		_, _ = c.Authenticates(t.Context(), scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.Canary)})
		got = append(got, count())
		if diff := cmp.Diff([][]int64{{0, 0}, {3, 2}, {4, 2}, {5, 2}, {6, 2}}, got); diff != "" {
			t.Errorf("sent and retried (-want +got):\n%s", diff)
		}
		for _, a := range s.Seen {
			if a.Path == "/metadata" {
				t.Error("the API was asked for its metadata")
			}
		}
	})
}

func TestTimeIsTheAPIs(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, time.September, 1, 14, 0, 0, 400_000_000, time.FixedZone("CEST", 2*60*60))
	rows := []struct {
		name, date string
		offset     time.Duration
		known      bool
	}{
		{"no date", "", 0, false},
		{"garbage", "noon", 0, false},
		{"the same second", "Tue, 01 Sep 2026 12:00:00 GMT", 0, true},
		{"the next second", "Tue, 01 Sep 2026 12:00:01 GMT", 0, true},
		{"ahead", "Tue, 01 Sep 2026 12:10:00 GMT", 10*time.Minute - 400*time.Millisecond, true},
		{"behind", "Mon, 31 Aug 2026 12:00:00 GMT", -24*time.Hour - 400*time.Millisecond, true},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: `{"api_keys":[]}`, Header: map[string]string{"Date": r.date}}}}
			c := scalewaytest.NewClient(t, scalewaytest.Options(s, func(o *scaleway.Options) { o.Clock.Now = func() time.Time { return ours } }))
			if _, known := c.ClockOffset(); known || !c.Now().Equal(ours) {
				t.Errorf("before any answer: %t, %s", known, c.Now())
			}
			if _, err := c.APIKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
			offset, known := c.ClockOffset()
			if offset != r.offset || known != r.known || !c.Now().Equal(ours.Add(r.offset)) || c.Now().Location() != time.UTC {
				t.Errorf("offset %s (%t), now %s", offset, known, c.Now())
			}
		})
	}
}

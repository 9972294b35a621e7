package transport_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
)

const (
	keys    = "/iam/v1alpha1/api-keys"
	version = "/secret-manager/v1beta1/regions/fr-par/secrets/s/versions/1"
)

// send makes one call through a transport; status is that of its answer.
func send(ctx context.Context, t *testing.T, over http.RoundTripper, method, path, body string) (status int, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://api.scaleway.com"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := over.RoundTrip(r)
	if (resp == nil) == (err == nil) {
		t.Fatalf("answer %v and error %v", resp, err)
	}
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func quick(over http.RoundTripper) http.RoundTripper {
	return transport.New(over, clock.Real(), 16, 10000)
}

// within counts the requests that went out from a time on, for a while.
func within(s *scalewaytest.Script, start time.Time, from, length time.Duration) (n int) {
	for _, r := range s.Seen {
		if at := r.At.Sub(start); at >= from && at < from+length {
			n++
		}
	}
	return n
}

// flood sends so many at once, and returns when the first went out.
func flood(t *testing.T, s *scalewaytest.Script, n, ceiling int) time.Time {
	t.Helper()
	over := transport.New(s, clock.Real(), 8, ceiling)
	start := time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() { _, _ = send(t.Context(), t, over, "GET", keys, "") })
	}
	all.Wait()
	return start
}

// waits are the times between what was asked.
func waits(s *scalewaytest.Script) []time.Duration {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(s.Seen); i++ {
		out = append(out, s.Seen[i].At.Sub(s.Seen[i-1].At))
	}
	return out
}

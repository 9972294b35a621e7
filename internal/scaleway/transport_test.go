package scaleway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
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
	return scaleway.NewTransport(over, clock.Real(), 16, 10000)
}

func TestWhatIsRetried(t *testing.T) {
	t.Parallel()
	cut := fmt.Errorf("read: %w", syscall.ECONNRESET)
	calls := []struct {
		name, method, path string
		repeatable         bool
	}{
		{"list", "GET", keys, true},
		{"delete", "DELETE", keys + "/SCW", true},
		{"update", "PATCH", keys + "/SCW", true},
		{"disable", "POST", version + "/disable", true},
		{"create key", "POST", keys, false},
		{"create version", "POST", "/secret-manager/v1beta1/regions/fr-par/secrets/s/versions", false},
	}
	answers := []struct {
		name   string
		answer answer
		once   int // how often a call that cannot be repeated is sent
		all    int // how often one that can is
	}{
		{"200", answer{status: 200}, 1, 1},
		{"204", answer{status: 204}, 1, 1},
		{"302", answer{status: 302, header: map[string]string{"Location": "https://example.org/"}}, 1, 1},
		{"307", answer{status: 307, header: map[string]string{"Location": "https://example.org/"}}, 1, 1},
		{"400", answer{status: 400}, 1, 1},
		{"401", answer{status: 401}, 1, 1},
		{"403", answer{status: 403}, 1, 1},
		{"404", answer{status: 404}, 1, 1},
		{"408", answer{status: 408}, 1, 1},
		{"409", answer{status: 409}, 1, 1},
		{"412", answer{status: 412}, 1, 1},
		{"429", answer{status: 429}, 5, 5},
		{"500", answer{status: 500}, 1, 1},
		{"501", answer{status: 501}, 1, 1},
		{"502", answer{status: 502}, 1, 5},
		{"503", answer{status: 503}, 1, 5},
		{"504", answer{status: 504}, 1, 5},
		{"cut", answer{err: cut}, 1, 5},
	}
	for _, c := range calls {
		for _, a := range answers {
			t.Run(c.name+" "+a.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &script{answers: []answer{a.answer}}
					status, err := send(t.Context(), t, quick(s), c.method, c.path, "{}")
					want := a.once
					if c.repeatable {
						want = a.all
					}
					if s.count() != want {
						t.Errorf("sent %d times, want %d", s.count(), want)
					}
					switch {
					case a.answer.err != nil:
						if !errors.Is(err, syscall.ECONNRESET) {
							t.Errorf("error %v", err)
						}
					case err != nil || status != a.answer.status:
						t.Errorf("answer %d, error %v", status, err)
					}
				})
			})
		}
	}
}

func TestARetriedCallEndsWithTheFirstClearAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 429}, {err: io.ErrUnexpectedEOF}, {status: 504}, {status: 404}}}
		status, err := send(t.Context(), t, quick(s), "GET", keys, "")
		if err != nil || status != 404 || s.count() != 4 {
			t.Errorf("answer %d, error %v after %d", status, err, s.count())
		}
	})
}

func TestCertificateThatIsWrongStaysWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{err: errors.New("tls: failed to verify certificate: x509: certificate is not trusted")}}}
		if _, err := send(t.Context(), t, quick(s), "GET", keys, ""); err == nil || s.count() != 1 {
			t.Errorf("error %v after %d", err, s.count())
		}
	})
}

func TestWaitsDoubleBetweenHalfAndAll(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{{status: 503}, {status: 429}, {err: io.EOF}} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: []answer{a}}
			_, _ = send(t.Context(), t, quick(s), "GET", keys, "")
			full := 500 * time.Millisecond
			for i, wait := range s.waits() {
				if wait < full/2 || wait > full {
					t.Errorf("wait %d is %s, want it in [%s, %s]", i, wait, full/2, full)
				}
				full *= 2
			}
			if len(s.waits()) != 4 {
				t.Errorf("%d waits", len(s.waits()))
			}
		})
	}
}

func TestWaitsAreCapped(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 200 {
		wait := scaleway.Backoff(9)
		if wait < 7500*time.Millisecond || wait > 15*time.Second {
			t.Fatalf("a wait of %s", wait)
		}
		seen[wait] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d different waits in 200", len(seen))
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	const date = "Tue, 01 Sep 2026 12:00:00 GMT"
	const backoff = -1 // no wait of the server's
	rows := []struct {
		name, header, date string
		want               time.Duration
	}{
		{"none", "", date, backoff},
		{"seconds", "7", date, 7 * time.Second},
		{"no seconds", "0", date, 0},
		{"seconds without a date", "7", "", 7 * time.Second},
		{"a minute", "60", date, time.Minute},
		{"a day", "86400", date, time.Minute},
		{"centuries", "9223372036", date, time.Minute},
		{"more than a number holds", "99999999999999999999", date, backoff},
		{"negative", "-5", date, backoff},
		{"a fraction", "1.5", date, backoff},
		{"garbage", "soon", date, backoff},
		{"a date", "Tue, 01 Sep 2026 12:00:30 GMT", date, 30 * time.Second},
		{"a date of old form", "Tuesday, 01-Sep-26 12:00:30 GMT", date, 30 * time.Second},
		{"a date far off", "Fri, 01 Sep 2056 12:00:00 GMT", date, time.Minute},
		{"a date gone by", "Tue, 01 Sep 2026 11:00:00 GMT", date, 0},
		{"a date that nothing tells", "Tue, 01 Sep 2026 12:00:30 GMT", "", backoff},
		{"a date against garbage", "Tue, 01 Sep 2026 12:00:30 GMT", "noon", backoff},
	}
	for _, r := range rows {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(r.name, " ", status), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &script{answers: []answer{{status: status, header: map[string]string{"Retry-After": r.header, "Date": r.date}}, {status: 200}}}
					if status, err := send(t.Context(), t, quick(s), "GET", keys, ""); err != nil || status != 200 {
						t.Fatalf("answer %d, error %v", status, err)
					}
					got := s.waits()[0]
					if r.want == backoff && (got < 250*time.Millisecond || got > 500*time.Millisecond) {
						t.Errorf("waited %s, want what is waited without the header", got)
					}
					if r.want != backoff && got != r.want {
						t.Errorf("waited %s, want %s", got, r.want)
					}
				})
			})
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	const date = "Tue, 01 Sep 2026 12:00:00 GMT"
	for _, header := range []string{
		"", "0", "7", "-5", "86400", "9223372036854775807", "99999999999999999999", "1e3", "soon", date,
		"Fri, 01 Sep 2056 12:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(header, date)
		f.Add(header, "")
	}
	f.Fuzz(func(t *testing.T, header, date string) {
		wait, ok := scaleway.RetryAfter(&http.Response{Header: http.Header{"Retry-After": {header}, "Date": {date}}})
		if wait < 0 || wait > time.Minute || !ok && wait != 0 {
			t.Errorf("a wait of %s (%t)", wait, ok)
		}
	})
}

func TestNothingGoesPastTheDeadline(t *testing.T) {
	t.Parallel()
	hang := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	rows := []struct {
		name     string
		far      http.RoundTripper
		deadline time.Duration
		sent     int64
	}{
		{"while it waits to try again", &script{answers: []answer{{status: 503, header: map[string]string{"Retry-After": "60"}}}}, 3 * time.Second, 1},
		{"after some tries", &script{answers: []answer{{status: 429, header: map[string]string{"Retry-After": "2"}}}}, 5 * time.Second, 3},
		{"while the server is silent", hang, 3 * time.Second, 1},
		{"before it begins", &script{answers: []answer{{status: 200}}}, 0, 0},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, options(r.far))
				ctx, cancel := context.WithTimeout(t.Context(), r.deadline)
				defer cancel()
				start := time.Now()
				_, err := c.APIKeys(ctx)
				var hinted *scaleway.Error
				if !errors.Is(err, scaleway.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) ||
					!errors.As(err, &hinted) || hinted.Hint() != "the run's time was over" {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took != r.deadline {
					t.Errorf("it took %s", took)
				}
				time.Sleep(5 * time.Minute) // of the bubble: nothing comes later
				if sent, _ := c.Calls(); sent != r.sent {
					t.Errorf("%d sent, want %d", sent, r.sent)
				}
			})
		})
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	hang := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	for _, r := range []struct {
		method      string
		least, most time.Duration
	}{{"GET", 153 * time.Second, 158 * time.Second}, {"POST", 30 * time.Second, 30 * time.Second}} {
		t.Run(r.method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := send(t.Context(), t, quick(hang), r.method, keys, "{}")
				if took := time.Since(start); err == nil || took < r.least || took > r.most {
					t.Errorf("error %v after %s", err, took)
				}
			})
		})
	}
}

// closing notes that it was closed.
type closing struct {
	io.Reader

	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

func TestAnAnswerThatComesTooLateIsClosed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	body := &closing{Reader: strings.NewReader("{}")}
	late := transport(func(r *http.Request) (*http.Response, error) {
		cancel()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, ContentLength: 2, Request: r}, nil
	})
	if _, err := send(ctx, t, quick(late), "GET", keys, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if !body.closed.Load() {
		t.Error("the answer's body was not closed")
	}
}

func TestTheBodyIsSentAgainInFull(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ name, method string }{{"creation", "POST"}, {"update", "PATCH"}} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{{status: 429}, {status: 429}, {status: 200}}}
				body := `{"description":"` + strings.Repeat("x", 100_000) + `"}`
				if _, err := send(t.Context(), t, quick(s), r.method, keys, body); err != nil {
					t.Fatal(err)
				}
				for i, got := range s.seen {
					if got.body != body || got.length != int64(len(body)) || got.method != r.method || got.path != keys {
						t.Errorf("attempt %d: %s %s of %d bytes, length %d", i, got.method, got.path, len(got.body), got.length)
					}
				}
				if s.count() != 3 {
					t.Errorf("sent %d times", s.count())
				}
			})
		})
	}
}

func TestTheClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := &script{answers: []answer{{status: status, header: map[string]string{"Location": "https://example.org/keys"}}}}
		_, err := newClient(t, options(s)).APIKeys(t.Context())
		if !errors.Is(err, scaleway.ErrUnknown) || s.count() != 1 {
			t.Errorf("%d: error %v after %d", status, err, s.count())
		}
	}
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := transport(func(r *http.Request) (*http.Response, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second) // of the bubble
			now.Add(-1)
			return answer{status: 200}.to(r)
		})
		over := scaleway.NewTransport(slow, clock.Real(), 3, 1000)
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
		s := &script{answers: []answer{{status: 200}}}
		over := scaleway.NewTransport(s, clock.Real(), 100, perSecond)
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
		for i, first := range s.seen {
			n := 0
			for _, other := range s.seen[i:] {
				if other.at.Sub(first.at) < time.Second {
					n++
				}
			}
			if n > 2*perSecond {
				t.Errorf("%d requests in the second after %s", n, first.at.Sub(start))
			}
		}
	})
}

func TestCallsAndRetriesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const empty = `{"api_keys":[],"total_count":0}`
		s := &script{answers: []answer{{status: 503}, {status: 429}, {status: 200, body: empty}, {status: 200, body: empty}, {status: 500}}}
		c := newClient(t, options(s))
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
		_, _ = c.Authenticates(t.Context(), scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: accessKey}, Secret: redact.New(canary)})
		got = append(got, count())
		if diff := cmp.Diff([][]int64{{0, 0}, {3, 2}, {4, 2}, {5, 2}, {6, 2}}, got); diff != "" {
			t.Errorf("sent and retried (-want +got):\n%s", diff)
		}
		for _, a := range s.seen {
			if a.path == "/metadata" {
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
			s := &script{answers: []answer{{status: 200, body: `{"api_keys":[]}`, header: map[string]string{"Date": r.date}}}}
			c := newClient(t, options(s, func(o *scaleway.Options) { o.Clock.Now = func() time.Time { return ours } }))
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

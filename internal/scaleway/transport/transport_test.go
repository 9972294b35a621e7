package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
)

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
		answer scalewaytest.Answer
		once   int // how often a call that cannot be repeated is sent
		all    int // how often one that can is
	}{
		{"200", scalewaytest.Answer{Status: 200}, 1, 1},
		{"204", scalewaytest.Answer{Status: 204}, 1, 1},
		{"302", scalewaytest.Answer{Status: 302, Header: map[string]string{"Location": "https://example.org/"}}, 1, 1},
		{"307", scalewaytest.Answer{Status: 307, Header: map[string]string{"Location": "https://example.org/"}}, 1, 1},
		{"400", scalewaytest.Answer{Status: 400}, 1, 1},
		{"401", scalewaytest.Answer{Status: 401}, 1, 1},
		{"403", scalewaytest.Answer{Status: 403}, 1, 1},
		{"404", scalewaytest.Answer{Status: 404}, 1, 1},
		{"408", scalewaytest.Answer{Status: 408}, 1, 1},
		{"409", scalewaytest.Answer{Status: 409}, 1, 1},
		{"412", scalewaytest.Answer{Status: 412}, 1, 1},
		{"429", scalewaytest.Answer{Status: 429}, 5, 5},
		{"500", scalewaytest.Answer{Status: 500}, 1, 1},
		{"501", scalewaytest.Answer{Status: 501}, 1, 1},
		{"502", scalewaytest.Answer{Status: 502}, 1, 5},
		{"503", scalewaytest.Answer{Status: 503}, 1, 5},
		{"504", scalewaytest.Answer{Status: 504}, 1, 5},
		{"cut", scalewaytest.Answer{Err: cut}, 1, 5},
	}
	for _, c := range calls {
		for _, a := range answers {
			t.Run(c.name+" "+a.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &scalewaytest.Script{Answers: []scalewaytest.Answer{a.answer}}
					status, err := send(t.Context(), t, quick(s), c.method, c.path, "{}")
					want := a.once
					if c.repeatable {
						want = a.all
					}
					if s.Count() != want {
						t.Errorf("sent %d times, want %d", s.Count(), want)
					}
					switch {
					case a.answer.Err != nil:
						if !errors.Is(err, syscall.ECONNRESET) {
							t.Errorf("error %v", err)
						}
					case err != nil || status != a.answer.Status:
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
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 429}, {Err: io.ErrUnexpectedEOF}, {Status: 504}, {Status: 404}}}
		status, err := send(t.Context(), t, quick(s), "GET", keys, "")
		if err != nil || status != 404 || s.Count() != 4 {
			t.Errorf("answer %d, error %v after %d", status, err, s.Count())
		}
	})
}

func TestCertificateThatIsWrongStaysWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Err: errors.New("tls: failed to verify certificate: x509: certificate is not trusted")}}}
		if _, err := send(t.Context(), t, quick(s), "GET", keys, ""); err == nil || s.Count() != 1 {
			t.Errorf("error %v after %d", err, s.Count())
		}
	})
}

func TestWaitsDoubleBetweenHalfAndAll(t *testing.T) {
	t.Parallel()
	for _, a := range []scalewaytest.Answer{{Status: 503}, {Status: 429}, {Err: io.EOF}} {
		synctest.Test(t, func(t *testing.T) {
			s := &scalewaytest.Script{Answers: []scalewaytest.Answer{a}}
			_, _ = send(t.Context(), t, quick(s), "GET", keys, "")
			full := 500 * time.Millisecond
			for i, wait := range waits(s) {
				if wait < full/2 || wait > full {
					t.Errorf("wait %d is %s, want it in [%s, %s]", i, wait, full/2, full)
				}
				full *= 2
			}
			if len(waits(s)) != 4 {
				t.Errorf("%d waits", len(waits(s)))
			}
		})
	}
}

func TestWaitsAreCapped(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 200 {
		wait := transport.Backoff(9, nil)
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
					s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: status, Header: map[string]string{"Retry-After": r.header, "Date": r.date}}, {Status: 200}}}
					if status, err := send(t.Context(), t, quick(s), "GET", keys, ""); err != nil || status != 200 {
						t.Fatalf("answer %d, error %v", status, err)
					}
					got := waits(s)[0]
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
		wait, ok := transport.RetryAfter(&http.Response{Header: http.Header{"Retry-After": {header}, "Date": {date}}})
		if wait < 0 || wait > time.Minute || !ok && wait != 0 {
			t.Errorf("a wait of %s (%t)", wait, ok)
		}
	})
}

func TestNothingGoesPastTheDeadline(t *testing.T) {
	t.Parallel()
	hang := scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	rows := []struct {
		name     string
		far      http.RoundTripper
		deadline time.Duration
		sent     int64
	}{
		{"while it waits to try again", &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 503, Header: map[string]string{"Retry-After": "60"}}}}, 3 * time.Second, 1},
		{"after some tries", &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 429, Header: map[string]string{"Retry-After": "2"}}}}, 5 * time.Second, 3},
		{"while the server is silent", hang, 3 * time.Second, 1},
		{"before it begins", &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200}}}, 0, 0},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := scalewaytest.NewClient(t, scalewaytest.Options(r.far))
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
	hang := scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
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
	late := scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
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
				s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 429}, {Status: 429}, {Status: 200}}}
				body := `{"description":"` + strings.Repeat("x", 100_000) + `"}`
				if _, err := send(t.Context(), t, quick(s), r.method, keys, body); err != nil {
					t.Fatal(err)
				}
				for i, got := range s.Seen {
					if got.Body != body || got.Length != int64(len(body)) || got.Method != r.method || got.Path != keys {
						t.Errorf("attempt %d: %s %s of %d bytes, length %d", i, got.Method, got.Path, len(got.Body), got.Length)
					}
				}
				if s.Count() != 3 {
					t.Errorf("sent %d times", s.Count())
				}
			})
		})
	}
}

func TestTheClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: status, Header: map[string]string{"Location": "https://example.org/keys"}}}}
		_, err := scalewaytest.NewClient(t, scalewaytest.Options(s)).APIKeys(t.Context())
		if !errors.Is(err, scaleway.ErrUnknown) || s.Count() != 1 {
			t.Errorf("%d: error %v after %d", status, err, s.Count())
		}
	}
}

package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
)

const oneKey = `{"access_key":"` + scalewaytest.AccessKey + `"}`

// dark fails to connect for a time, and then answers.
type dark struct {
	scalewaytest.Script
	until time.Time
	err   error
}

func (d *dark) RoundTrip(r *http.Request) (*http.Response, error) {
	if time.Now().Before(d.until) {
		d.Script.Mu.Lock()
		d.Script.Seen = append(d.Script.Seen, scalewaytest.Asked{At: time.Now()})
		d.Script.Mu.Unlock()
		return nil, d.err
	}
	return scalewaytest.Answer{Status: 200, Body: oneKey}.To(r)
}

func TestAConnectionThatIsNeverMadeIsTriedAgainForWritesToo(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	rows := []struct {
		name    string
		err     error
		lasts   time.Duration
		repeats bool // a creation is sent until it gets through
	}{
		{"no name for 12 s", dial(&net.DNSError{Err: "server misbehaving", Name: "api.scaleway.com", IsTemporary: true}), 12 * time.Second, true},
		{"no name for 100 s", &net.DNSError{Err: "no such host", Name: "api.scaleway.com", IsNotFound: true}, 100 * time.Second, true},
		{"nobody listens", dial(syscall.ECONNREFUSED), 12 * time.Second, true},
		{"no way", dial(syscall.ENETUNREACH), 12 * time.Second, true},
		{"cut while it was read", &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, 12 * time.Second, false},
		{"a certificate of another host", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}, 12 * time.Second, false},
	}
	for _, r := range rows {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			t.Run(r.name+" "+method, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					d := &dark{until: time.Now().Add(r.lasts), err: r.err}
					status, err := send(t.Context(), t, quick(d), method, keys, "{}")
					switch {
					case r.repeats && (err != nil || status != 200):
						t.Errorf("status %d, error %v after %d", status, err, d.Count())
					case !r.repeats && method == http.MethodPost && (err == nil || d.Count() != 1):
						t.Errorf("error %v after %d: a creation may have taken effect", err, d.Count())
					}
				})
			})
		}
	}
}

func TestAnAPIThatIsGoneForGoodIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dark{until: time.Now().Add(time.Hour), err: &net.DNSError{Err: "no such host", Name: "api.scaleway.com"}}
		c := scalewaytest.NewClient(t, scalewaytest.Options(d))
		start := time.Now()
		_, err := c.APIKeys(t.Context())
		if took := time.Since(start); !errors.Is(err, scaleway.ErrUnknown) || took < 2*time.Minute || took > 140*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		if !strings.HasPrefix(err.Error(), "list the organization's API keys: GET /iam/v1alpha1/api-keys: lookup api.scaleway.com: no such host") {
			t.Errorf("error %v", err)
		}
		start = time.Now()
		if _, err = c.Applications(t.Context()); err == nil || time.Since(start) > time.Second {
			t.Errorf("the next call: %v after %s", err, time.Since(start))
		}
		d.until = time.Time{}
		if _, err = c.HasKey(t.Context(), scalewaytest.AccessKey); err != nil {
			t.Errorf("once it is back: %v", err)
		}
	})
}

func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dark{until: time.Now().Add(time.Hour), err: &net.DNSError{Err: "no such host"}}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := send(ctx, t, quick(d), "POST", keys, "{}"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 20*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// Over real sockets, net/http itself tells whether the connection was made.
func TestWhetherAConnectionWasMadeIsToldByTheTransport(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	defer plain.Close()
	for name, r := range map[string]struct {
		url   string
		waits bool
	}{
		"TLS with who speaks none": {strings.Replace(plain.URL, "http:", "https:", 1), true},
		"cut after the request":    {plain.URL, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			ctx, cancel := context.WithCancel(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: func(string) { asked++ }}))
			defer cancel()
			waits := 0
			c := transport.New(&http.Transport{}, clockThat(func() error {
				waits++
				cancel()
				return context.Canceled
			}), 1, 100)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if err == nil || asked != 1 || (waits > 0) != r.waits {
				t.Errorf("error %v, asked for %d connections, waits %d", err, asked, waits)
			}
		})
	}
}

func TestATransientStateIsWaitedOut(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		times int
		ok    bool
	}{{1, true}, {6, true}, {1000, false}} {
		t.Run(fmt.Sprint(r.times), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &scalewaytest.Script{}
				for range r.times {
					s.Answers = append(s.Answers, scalewaytest.Answer{Status: 409, Body: scalewaytest.TransientBody})
				}
				s.Answers = append(s.Answers, scalewaytest.Answer{Status: 204})
				start := time.Now()
				err := scalewaytest.NewClient(t, scalewaytest.Options(s)).DeleteKey(t.Context(), scalewaytest.AccessKey)
				if took := time.Since(start); (err == nil) != r.ok || took > 80*time.Second || !r.ok && (!errors.Is(err, scaleway.ErrRefused) || took < time.Minute) {
					t.Errorf("%v after %s", err, took)
				}
			})
		})
	}
}

// clockThat is the real clock, but for its sleep.
func clockThat(sleeps func() error) clock.Clock {
	c := clock.Real()
	c.Sleep = func(context.Context, time.Duration) error { return sleeps() }
	return c
}

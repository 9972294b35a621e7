package scaleway_test

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
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

const oneKey = `{"access_key":"` + accessKey + `"}`

// dark fails to connect for a time, and then answers.
type dark struct {
	script
	until time.Time
	err   error
}

func (d *dark) RoundTrip(r *http.Request) (*http.Response, error) {
	if time.Now().Before(d.until) {
		d.script.mu.Lock()
		d.script.seen = append(d.script.seen, asked{at: time.Now()})
		d.script.mu.Unlock()
		return nil, d.err
	}
	return answer{status: 200, body: oneKey}.to(r)
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
						t.Errorf("status %d, error %v after %d", status, err, d.count())
					case !r.repeats && method == http.MethodPost && (err == nil || d.count() != 1):
						t.Errorf("error %v after %d: a creation may have taken effect", err, d.count())
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
		c := newClient(t, options(d))
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
		if _, err = c.HasKey(t.Context(), accessKey); err != nil {
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
			c := scaleway.NewTransport(&http.Transport{}, clockThat(func() error {
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

const transientBody = `{"current_state":"updating","message":"resource is in a transient state","resource":"application","resource_id":"a","type":"transient_state"}`

func TestATransientStateIsWaitedOut(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		times int
		ok    bool
	}{{1, true}, {6, true}, {1000, false}} {
		t.Run(fmt.Sprint(r.times), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				for range r.times {
					s.answers = append(s.answers, answer{status: 409, body: transientBody})
				}
				s.answers = append(s.answers, answer{status: 204})
				start := time.Now()
				err := newClient(t, options(s)).DeleteKey(t.Context(), accessKey)
				if took := time.Since(start); (err == nil) != r.ok || took > 80*time.Second || !r.ok && (!errors.Is(err, scaleway.ErrRefused) || took < time.Minute) {
					t.Errorf("%v after %s", err, took)
				}
			})
		})
	}
}

func TestAnEnvironmentInATransientStateIsReadAnewAndChangedThen(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		c.Arm(emulator.Fault{Method: "PATCH", Status: 409, Body: transientBody, Times: 8, Header: http.Header{"Content-Type": {"application/json"}}})
		if _, err := c.ChangeEnvironment(c.t.Context(), c.e, nil, newKey); err != nil {
			c.t.Error(err)
		}
		if got := c.methods(); got != strings.Repeat("GET PATCH ", 8)+"GET PATCH" {
			c.t.Errorf("requests %s", got)
		}
	})
}

func TestAnEnvironmentThatStaysInATransientStateIsLeft(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		c.Arm(emulator.Fault{Method: "PATCH", Status: 409, Body: transientBody, Times: -1, Header: http.Header{"Content-Type": {"application/json"}}})
		before := c.Clock().Now()
		_, err := c.ChangeEnvironment(c.t.Context(), c.e, nil, newKey)
		if took := c.Clock().Now().Sub(before); !errors.Is(err, scaleway.ErrRefused) || took < deployBound || took > deployBound+20*time.Second {
			c.t.Errorf("%v after %s", err, took)
		}
		if !strings.Contains(err.Error(), ": 409 Conflict: ") {
			c.t.Errorf("error %v", err)
		}
	})
}

func TestAnErrorNamesTheRequestAndItsStatusAndNoQuery(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{
		"typed":   {status: 404, body: `{"message":"resource is not found","resource":"r","resource_id":"i","type":"not_found"}`},
		"plain":   {status: 418, body: `{"message":"a\u001b[31m\nb"}`},
		"HTML":    {status: 503, body: "<html>\n<b>down</b>"},
		"silent":  {status: 500},
		"cut":     {status: 403, body: `{"message":"permissions`},
		"no JSON": {status: 200, body: "<html>"},
		"refused": {err: &url.Error{Op: "Get", URL: "https://x/?q=" + canary, Err: errors.New("reset")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, options(&script{answers: []answer{a}}))
				_, err := c.ApplicationKeys(t.Context(), "a")
				want := "list the keys of application a: GET /iam/v1alpha1/api-keys: "
				if a.status != 0 {
					want += fmt.Sprint(a.status, " ", http.StatusText(a.status), ": ")
				}
				if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "?\n\x1b") || leaks(err.Error()) {
					t.Errorf("error %v, want %s…", err, want)
				}
				_, err = c.Authenticates(t.Context(), scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: accessKey}, Secret: redact.New(otherCanary)})
				if err != nil && leaks(err.Error()) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

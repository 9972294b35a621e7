package probe_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
)

// short is the time that a far side has which never answers; ample that of one
// which begins to answer, and needs too long.
const (
	short = 60 * time.Millisecond
	ample = 1500 * time.Millisecond
)

// phrases are all that an answer may say of an error.
var phrases = []string{"no answer in time", "the host is not known", "TLS failed", "the connection failed"}

// wire is a far side below HTTP; it returns its address. talk has a connection
// until it returns.
func wire(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = connection.Close() }()
				talk(connection)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return listener.Addr().String()
}

// drain reads until the other side hangs up.
func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// spoken is what a far side says below TLS, after the handshake.
func spoken(t *testing.T, text string) *http.Transport {
	t.Helper()
	certificate := serve(t, http.NotFoundHandler())
	config := &tls.Config{Certificates: certificate.TLS.Certificates, MinVersion: tls.VersionTLS12}
	transport := certificate.reach(t, time.Minute)
	address := wire(t, func(c net.Conn) {
		secure := tls.Server(c, config)
		_, _ = secure.Read(make([]byte, 1))
		_, _ = io.WriteString(secure, text)
		_ = secure.CloseWrite()
		drain(secure)
	})
	trusting := to(address, time.Minute)
	trusting.TLSClientConfig = transport.TLSClientConfig
	return trusting
}

// drip writes a byte every few milliseconds for as long as somebody listens.
func drip(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			if _, err := io.WriteString(w, "."); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler) // else the body would end in good order
			}
		}
	}
}

func TestTroubleOnTheWireTellsNothing(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // else it would end with a 200, which a client that is just hanging up may still read
	}
	const leak = "LEAK-5d41"
	rows := []struct {
		name    string
		far     func(t *testing.T) *http.Transport
		timeout time.Duration
		detail  string
	}{
		{"no answer", func(t *testing.T) *http.Transport {
			t.Helper()
			return serve(t, http.HandlerFunc(hang)).reach(t, short)
		}, short, "no answer in time"},
		{"no handshake", func(t *testing.T) *http.Transport {
			t.Helper()
			return to(wire(t, drain), short)
		}, short, "no answer in time"},
		{"a refusal byte by byte", func(t *testing.T) *http.Transport {
			t.Helper()
			return serve(t, drip(403)).reach(t, ample)
		}, ample, "its refusal broke off: no answer in time"},
		{"a refusal that breaks off", func(t *testing.T) *http.Transport {
			t.Helper()
			return spoken(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\n"+leak)
		}, time.Minute, "its refusal broke off: the connection failed"},
		{"a megabyte of headers", func(t *testing.T) *http.Transport {
			t.Helper()
			return serve(t, reply(403, "", "X-Long", leak+strings.Repeat("x", 1<<20))).reach(t, time.Minute)
		}, time.Minute, "the connection failed"},
		{"an endless line of headers", func(t *testing.T) *http.Transport {
			t.Helper()
			return spoken(t, "HTTP/1.1 403 Forbidden\r\n"+strings.Repeat("X-"+leak+": x\r\n", 1<<16))
		}, time.Minute, "the connection failed"},
		{"an unknown authority", func(t *testing.T) *http.Transport {
			t.Helper()
			return to(serve(t, reply(403, "")).Listener.Addr().String(), time.Minute)
		}, time.Minute, "TLS failed"},
		{"another host's certificate", func(t *testing.T) *http.Transport {
			t.Helper()
			transport := serve(t, reply(403, "")).reach(t, time.Minute)
			transport.TLSClientConfig.ServerName = "rotator.test"
			return transport
		}, time.Minute, "TLS failed"},
		{"a TLS alert", func(t *testing.T) *http.Transport {
			t.Helper()
			return to(wire(t, func(c net.Conn) {
				_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
				drain(c)
			}), time.Minute)
		}, time.Minute, "TLS failed"},
		{"no TLS but text", func(t *testing.T) *http.Transport {
			t.Helper()
			return to(wire(t, func(c net.Conn) {
				_, _ = io.WriteString(c, leak+leak)
				drain(c)
			}), time.Minute)
		}, time.Minute, "TLS failed"},
		{"plain HTTP on the port of HTTPS", func(t *testing.T) *http.Transport {
			t.Helper()
			return to(wire(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nX-Leak: "+leak+"\r\n\r\n")
				drain(c)
			}), time.Minute)
		}, time.Minute, "the connection failed"},
		{"no HTTP", func(t *testing.T) *http.Transport {
			t.Helper()
			return spoken(t, leak+" is not HTTP\r\n\r\n")
		}, time.Minute, "the connection failed"},
		{"no HTTP that speaks of TLS", func(t *testing.T) *http.Transport {
			t.Helper()
			return spoken(t, leak+" tls: x509:\r\n\r\n")
		}, time.Minute, "TLS failed"},
		{"an empty answer", func(t *testing.T) *http.Transport {
			t.Helper()
			return spoken(t, "")
		}, time.Minute, "the connection failed"},
		{"a refused connection", func(t *testing.T) *http.Transport {
			t.Helper()
			s := serve(t, reply(403, ""))
			s.Close()
			return s.reach(t, time.Minute)
		}, time.Minute, "the connection failed"},
		{"an unknown host", func(t *testing.T) *http.Transport {
			t.Helper()
			transport := to("", time.Minute)
			transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
					Err: "no such host", Name: host, Server: "192.0.2.53:53", IsNotFound: true,
				}}
			}
			return transport
		}, time.Minute, "the host is not known"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := probe.New(options(r.far(t), func(o *probe.Options) { o.Timeout = r.timeout }))
			row := one(t, p, api(), key())
			if row.Result != probe.Unclear || row.Keys[0].Answer.Verdict != probe.NotTried {
				t.Errorf("result %s, key %+v", row.Result, row.Keys[0].Answer)
			}
			for _, a := range []probe.Answer{row.Refusals.NoToken, row.Refusals.Malformed, row.Refusals.Unknown} {
				if a.Verdict != probe.Inconclusive || a.Status != 0 || a.String() != r.detail {
					t.Errorf("answer %+v, want %q", a, r.detail)
				}
			}
			if want := "without a valid key: " + r.detail; row.Detail != want {
				t.Errorf("detail %q, want %q", row.Detail, want)
			}
		})
	}
}

func TestABodyIsReadWithinBounds(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	gigabyte := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			chunk := make([]byte, 64<<10)
			for range 1 << 14 {
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}
	}
	rows := []struct {
		name    string
		far     http.Handler
		timeout time.Duration
		result  probe.Result
	}{
		{"a gigabyte to all", gigabyte(200), time.Minute, probe.Open},
		{"a gigabyte of refusal", gigabyte(403), time.Minute, probe.Locked},
		{"a gigabyte to the key", door(reply(403, forbidden), gigabyte(404)), time.Minute, probe.OK},
		{"byte by byte to all", drip(200), ample, probe.Open},
		{"byte by byte to the key", door(reply(403, forbidden), drip(404)), ample, probe.OK},
		{"a refusal byte by byte to the key", door(reply(403, forbidden), drip(403)), ample, probe.Unclear},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, r.far)
			row := one(t, probe.New(options(s.reach(t, r.timeout), func(o *probe.Options) { o.Timeout = r.timeout })), api(), key())
			if row.Result != r.result {
				t.Errorf("result %s (%s), want %s", row.Result, row.Detail, r.result)
			}
		})
	}
	t.Cleanup(func() {
		// What is on its way in the sockets' buffers has been sent, too.
		if n := sent.Load(); n > 200<<20 {
			t.Errorf("%d bytes were sent", n)
		}
	})
}

func TestCauseSaysNothingOfTheFarSide(t *testing.T) {
	t.Parallel()
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4443}
	errs := []error{
		&url.Error{Op: "Get", URL: "https://" + host, Err: &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}},
		&url.Error{Op: "Get", URL: "https://" + host, Err: context.DeadlineExceeded},
		&net.OpError{Op: "read", Net: "tcp", Addr: address, Err: os.ErrDeadlineExceeded},
		&net.DNSError{Err: "no such host", Name: host, Server: address.String()},
		&net.DNSError{Err: "i/o timeout", Name: host, Server: address.String(), IsTimeout: true},
		fmt.Errorf("remote error: tls: handshake failure at %s", address),
		fmt.Errorf("x509: certificate is valid for %s, not %s", address, host),
		fmt.Errorf("malformed HTTP response %q", "hello from "+host),
		io.ErrUnexpectedEOF, context.Canceled, errors.New(""),
	}
	for _, err := range errs {
		if got := probe.Cause(err); !slices.Contains(phrases, got) {
			t.Errorf("%v: %q", err, got)
		}
	}
}

package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const (
	// canary is the key that must not go where it is not wanted.
	canary = "c0ffee00-5ec2-4e7a-8bad-cafe00000001"
	// host is one that httptest's certificate names.
	host = "example.com"
)

// api is a private function at host.
func api() probe.Endpoint {
	return probe.Endpoint{
		Resource: scaleway.Resource{Product: scaleway.Functions, ID: "f1", Name: "api", Private: true, Ready: true},
		Host:     host, URL: "https://" + host + "/favicon.ico",
	}
}

// at is api under another host.
func at(host string, change ...func(*probe.Endpoint)) probe.Endpoint {
	e := api()
	e.Host, e.URL = host, "https://"+host+"/favicon.ico"
	for _, c := range change {
		c(&e)
	}
	return e
}

// keyOf is a credential that may call functions.
func keyOf(application, secret string) probe.Key {
	return probe.Key{
		ApplicationID: application + "-id", Application: application, Products: []scaleway.Product{scaleway.Functions},
		Pair: scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: "SCWAAAAAAAAAAAAAAAAA"}, Secret: redact.New(secret)},
	}
}

func key() probe.Key { return keyOf("checkout", canary) }

// kind names a request by the token that it brings.
func kind(token string) string {
	switch {
	case token == "":
		return "none"
	case token == "malformed":
		return token
	case token == canary:
		return "key"
	case len(token) == len(canary):
		return "unknown"
	default:
		return "?"
	}
}

// notes are the tokens that a far side was shown.
type notes struct {
	mu     sync.Mutex
	tokens []string
}

func (n *notes) note(r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tokens = append(n.tokens, r.Header.Get("X-Auth-Token"))
}

// kinds are the requests so far, sorted.
func (n *notes) kinds() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := []string{}
	for _, token := range n.tokens {
		out = append(out, kind(token))
	}
	slices.Sort(out)
	return out
}

// site is a server that notes what it is asked.
type site struct {
	*httptest.Server
	notes
}

func unstarted(h http.Handler) *site {
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // broken connections are what some tests are about
	return s
}

func serve(t *testing.T, h http.Handler) *site {
	t.Helper()
	s := unstarted(h)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// to is a prober's own transport, but that host leads to an address.
func to(address string, timeout time.Duration) *http.Transport {
	transport := probe.BoundedTransport(timeout)
	transport.Proxy = nil
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.DialContext = func(ctx context.Context, network, wanted string) (net.Conn, error) {
		if wanted == host+":443" {
			wanted = address
		}
		return (&net.Dialer{}).DialContext(ctx, network, wanted)
	}
	return transport
}

// reach is a transport to the site, which stands at host.
func (s *site) reach(t *testing.T, timeout time.Duration) *http.Transport {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	transport := to(s.Listener.Addr().String(), timeout)
	transport.TLSClientConfig.RootCAs = roots
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// gate is a far side in this process: it is asked by host and token.
type gate struct {
	notes
	answer func(host, token string) (status int, body string)
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.note(r)
	status, body := g.answer(r.URL.Hostname(), r.Header.Get("X-Auth-Token"))
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// opensTo answers the keys that a host lists as the functions' runtime does, and
// 403 to all else.
func opensTo(secrets map[string][]string) *gate {
	return &gate{answer: func(host, token string) (int, string) {
		if slices.Contains(secrets[host], token) {
			return http.StatusNotFound, "ok"
		}
		return http.StatusForbidden, "forbidden"
	}}
}

// options fill in what a test does not care for.
func options(transport http.RoundTripper, change ...func(*probe.Options)) probe.Options {
	_, c := manual()
	c.After = nil // far sides need real time, and waiting between requests none
	o := probe.Options{Transport: transport, Timeout: 10 * time.Second, Clock: c, Concurrency: 8}
	for _, c := range change {
		c(&o)
	}
	return o
}

func manual() (*emulator.Clock, clock.Clock) {
	c := emulator.NewManualClock(emulatortest.Epoch)
	return c, clock.Clock{Now: c.Now, Sleep: c.Sleep, After: c.After}
}

// one is the row of a check of one endpoint.
func one(t *testing.T, p *probe.Prober, e probe.Endpoint, keys ...probe.Key) probe.Row {
	t.Helper()
	rows := p.Check(t.Context(), slices.Values([]probe.Endpoint{e}), keys)
	if len(rows) != 1 {
		t.Fatalf("%d rows for one endpoint", len(rows))
	}
	return rows[0]
}

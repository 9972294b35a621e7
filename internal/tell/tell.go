// Package tell sends what a run came to, to where people look: chat, push, a
// webhook, and a heartbeat that is missed when no run comes.
//
// Each target is a URL that its owner can write to, so the URL is a secret: it is
// never shown, and what comes back is not either, but for its status. An e-mail goes
// through the API of whoever tells, or by SMTP, whose server is asked to prove its name
// before it hears the password. The package promises that nothing but https is used (or
// http on this machine), and SMTP over TLS, that no redirect is followed, since the URL's
// secret would go along, and that telling takes no longer than Bound in all. What is
// told, and when, is decided by others.
package tell

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/version"
)

const (
	// Bound is how long telling everybody may take.
	Bound = 10 * time.Second
	tries = 3
	// tryTime is for one try, and pause before the next one, twice as long each time.
	tryTime = 4 * time.Second
	pause   = 500 * time.Millisecond
	// answerMax is how much of an answer is read, so that its connection can end.
	answerMax = 4 << 10
)

// Message is what is told of a run.
type Message struct {
	Title  string   // one line: how it ended
	Lines  []string // what a person must act on, the worst first
	Foot   string   // how to see the rest
	Failed bool
	Data   any // for a program: what a webhook gets beside the text
}

// Text is the whole message.
func (m Message) Text() string {
	return strings.Join(append(append([]string{m.Title}, m.Lines...), m.Foot), "\n")
}

// Result is what became of telling one target.
type Result struct {
	Target string // its kind and host
	Told   bool
	Detail string // why not, or whom not
}

// Options set a Teller up.
type Options struct {
	// Transport is nil for Go's, with bounds. Whoever sets it has the network in hand:
	// then nothing is dialled, and what is no HTTP is not told.
	Transport http.RoundTripper
	Roots     *x509.CertPool // that SMTP servers are trusted by; nil: the machine's
	Clock     clock.Clock
	// Mail sends an e-mail through the API of whoever tells; its error shows no secret.
	Mail func(ctx context.Context, from string, to []string, subject, text string) error
}

// Teller tells.
type Teller struct {
	client *http.Client
	clock  clock.Clock
	mail   func(ctx context.Context, from string, to []string, subject, text string) error
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: to nowhere
	roots  *x509.CertPool
}

// New returns a teller.
func New(o Options) *Teller {
	t := &Teller{clock: o.Clock, mail: o.Mail, roots: o.Roots}
	if o.Transport == nil {
		t.dial = (&net.Dialer{}).DialContext
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: tryTime, ResponseHeaderTimeout: tryTime,
			MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.client = &http.Client{Transport: o.Transport, CheckRedirect: stay}
	return t
}

// Tell sends a message to all targets at the same time, up to three times each.
func (t *Teller) Tell(ctx context.Context, targets []Target, m Message) []Result {
	return t.all(ctx, len(targets), func(ctx context.Context, i int) Result {
		switch targets[i].kind {
		case mailKind:
			return t.post(ctx, targets[i], m)
		case tlsFirst, tlsLater:
			return t.mailBy(ctx, targets[i], m)
		}
		return t.send(ctx, targets[i].Name(), targets[i].url, targets[i].request(m))
	})
}

// Beat tells a heartbeat that a run has begun (Started), ended well (Ended) or
// failed (Failed), as healthchecks.io and its kin have it. id is a UUID by which
// the beginning and the end are known to belong together.
func (t *Teller) Beat(ctx context.Context, h Heartbeat, what Pulse, id, body string) Result {
	url := redact.New(strings.TrimRight(h.url.Reveal(), "/") + string(what) + "?rid=" + id)
	return t.all(ctx, 1, func(ctx context.Context, _ int) Result {
		return t.send(ctx, "heartbeat at "+h.host, url, request{kind: plain, body: []byte(body)})
	})[0]
}

func (t *Teller) all(ctx context.Context, n int, do func(ctx context.Context, i int) Result) []Result {
	// A run whose time is over is one that somebody must hear of.
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(ctx), t.clock, Bound)
	defer cancel()
	out := make([]Result, n)
	var all safe.Group
	for i := range out {
		all.Go(func() { out[i] = do(ctx, i) })
	}
	all.Wait()
	return out
}

const plain = "text/plain; charset=utf-8"

// request is what is sent to one target.
type request struct {
	kind   string // of the content
	body   []byte
	header map[string]string
}

func (t *Teller) send(ctx context.Context, name string, url redact.Secret, r request) Result {
	return t.repeat(ctx, name, func(ctx context.Context) (why string, again bool) { return t.try(ctx, url, r) })
}

// repeat tries as often as there are tries, each with its time. why is empty once the
// target has taken it.
func (t *Teller) repeat(ctx context.Context, name string, try func(ctx context.Context) (why string, again bool)) Result {
	once := func() (why string, again bool) {
		ctx, cancel := clock.WithTimeout(ctx, t.clock, tryTime)
		defer cancel()
		return try(ctx)
	}
	result := Result{Target: name}
	for n := range tries {
		if n > 0 && t.clock.Sleep(ctx, pause<<(n-1)) != nil {
			break
		}
		var again bool
		if result.Detail, again = once(); result.Detail == "" {
			result.Told = true
			return result
		} else if !again {
			return result
		}
	}
	return result
}

// try sends once. why is empty if it was taken; nothing of the URL is in it.
func (t *Teller) try(ctx context.Context, url redact.Secret, r request) (why string, again bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url.Reveal(), bytes.NewReader(r.body))
	if err != nil {
		return "its URL cannot be used", false
	}
	req.Header.Set("User-Agent", version.UserAgent)
	req.Header.Set("Content-Type", r.kind)
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := t.client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return "no answer in time", true
	case err != nil: // which has the URL
		return "no connection, or it broke off", true
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, answerMax) // what it says is nobody's business
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		return "", false
	case status >= 300 && status < 400:
		return fmt.Sprintf("it answers %d, and points elsewhere: no redirect is followed", status), false
	default:
		return fmt.Sprintf("it answers %d", status), status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	}
}

// encoded is a value as JSON.
func encoded(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte("{}")
	}
	return out.Bytes()
}

// What settings should be. Errors do not have what they are.
var (
	errTarget    = errors.New("want URLs, separated by spaces: https://… for a webhook of your own, or with its kind in front, as in slack:https://…")
	errHeartbeat = errors.New("want where to say that a run came, as healthchecks.io has it")
)

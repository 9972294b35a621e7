// Package probe asks private endpoints whom they let in.
//
// A check is a request with one X-Auth-Token, or none, and what the answer
// shows: refused, accepted or inconclusive. The package promises that a key
// goes only to an endpoint that is private, over HTTPS, and has just refused
// the requests without a valid one; that no redirect is followed, since Go's
// client would send the key along; and that no answer costs more than a bounded
// time and memory. What follows from the answers is left to others.
package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// Verdict is what one request to an endpoint showed.
type Verdict string

// Verdicts.
const (
	Refused      Verdict = "refused"
	Accepted     Verdict = "accepted"
	Inconclusive Verdict = "inconclusive" // a 5xx, a timeout: neither a refusal nor a pass
	NotTried     Verdict = "not tried"
)

// Answer is what came back. mark is what tells it from other answers of the
// same status.
type Answer struct {
	Verdict Verdict
	Status  int    // 0: none came
	Detail  string // why it is what it is, where the status does not say it
	mark    string
	seen    string // of it, made harmless
	cut     bool   // no answer came, or not all of it
	late    bool   // since the time for one request was over
}

// passing tells whether the next answer may be another: what starts from zero
// answers so (case 7 of the field), and what is overloaded.
func (a Answer) passing() bool {
	switch a.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return a.cut
	}
}

// bodyMax is how much of a body is read, for its mark.
const bodyMax = 4 << 10

// headerMax is how much of headers Go's transport reads.
const headerMax = 64 << 10

// idleMax is how many connections wait for another request: those of a thousand
// hosts would take all the memory there is.
const idleMax = 64

// client returns the HTTP client of probes. A nil transport takes Go's, with
// bounds and without connections that stay open.
func client(transport http.RoundTripper, timeout time.Duration) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: headerMax,
			ForceAttemptHTTP2:      true,
			IdleConnTimeout:        timeout,
			MaxIdleConns:           idleMax,
			MaxIdleConnsPerHost:    2,
		}
	}
	return &http.Client{ // each request has its own timeout, on the prober's clock
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send sends one request. The verdict is only whether an answer came that tells
// anything; refusal and acceptance are judged by the caller.
func (p *Prober) send(ctx context.Context, url string, token redact.Secret) Answer {
	if !strings.HasPrefix(url, "https://") {
		return Answer{Verdict: Inconclusive, Detail: "not an https address"}
	}
	limited, cancel := clock.WithTimeout(ctx, p.clock, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return Answer{Verdict: Inconclusive, Detail: "not an address"}
	}
	req.Header.Set("User-Agent", version.UserAgent)
	if !token.Empty() {
		req.Header.Set("X-Auth-Token", token.Reveal())
	}
	p.sent.Add(1)
	resp, err := p.client.Do(req)
	if err != nil {
		return broken(ctx, limited, cause(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyMax))
	a := Answer{Verdict: Accepted, Status: resp.StatusCode, mark: mark(resp, body), seen: seen(resp, body)}
	switch {
	case a.refuses() && err != nil:
		// Part of a body has no mark: it would pass for another's refusal.
		return broken(ctx, limited, "its refusal broke off: "+cause(err))
	case a.Status >= http.StatusInternalServerError, a.Status == http.StatusTooManyRequests:
		a.Verdict, a.Detail = Inconclusive, a.seen
	}
	return a
}

// broken is an answer that did not come, or not whole: for want of the run's
// time, or of the endpoint's.
func broken(ctx, limited context.Context, why string) Answer {
	if ctx.Err() != nil {
		return Answer{Verdict: NotTried, Detail: outOfTime}
	}
	return Answer{Verdict: Inconclusive, Detail: why, cut: true, late: limited.Err() != nil}
}

// refuses tells whether the status is one that turns a caller away.
func (a Answer) refuses() bool {
	return a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
}

// cause says why no answer came, without addresses and without what the far
// side may have written into the error.
func cause(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &dns):
		return "the host is not known"
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		return "TLS failed"
	default:
		return "the connection failed"
	}
}

// varying is what differs between two answers of the same kind: identifiers,
// numbers, times. It is every word with a digit in it, since nobody has seen how
// the gateway writes a request's identifier.
var varying = regexp.MustCompile(`[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]*`)

// mark is the part of an answer by which two refusals of one endpoint can be
// told apart: the gateway's from the application's own.
func mark(resp *http.Response, body []byte) string {
	return strings.Join([]string{
		resp.Status, resp.Header.Get("Content-Type"), resp.Header.Get("WWW-Authenticate"),
		varying.ReplaceAllString(string(body), "#"),
	}, "\n")
}

// ofKeys is what a piece of a key may look like: a word with a digit in it, or
// of letters that are digits in hexadecimal.
var ofKeys = regexp.MustCompile(varying.String() + `|\b[A-Fa-f]+\b`)

// seen says what an answer looked like, for a person: who sent it, and how it
// begins. What came back may be anything, the key that it was sent among it, in
// one piece or letter by letter: so no word is shown that may be of one, and
// nothing that is not plain text.
func seen(resp *http.Response, body []byte) string {
	var parts []string
	if server := harmless(resp.Header.Get("Server"), 30); server != "" {
		parts = append(parts, "server "+server)
	}
	if words := harmless(string(body), 60); words != "" {
		parts = append(parts, `"`+words+`"`)
	}
	return strings.Join(parts, ", ")
}

// harmless is the start of a text, on one line, in printable ASCII.
func harmless(text string, most int) string {
	plain := strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '"' {
			return ' '
		}
		return r
	}, text)
	plain = strings.Join(strings.Fields(ofKeys.ReplaceAllString(plain, "#")), " ")
	if len(plain) > most {
		plain = plain[:most] + "..."
	}
	return plain
}

package probe

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Try asks an endpoint with a key, if it has refused the requests without a
// valid one. A refusal like those is the gateway's (A71). One unlike them may be
// the application's own, behind the gateway, or the gateway's in words that
// nobody has seen yet: it is none and no acceptance either.
func (p *Prober) Try(ctx context.Context, e Endpoint, k Key) Answer {
	if e.Doubt != "" {
		return Answer{Verdict: NotTried, Detail: e.Doubt}
	}
	refusals := p.Refusals(ctx, e)
	switch {
	case e.Own:
		return Answer{Verdict: NotTried, Detail: "the function cannot call itself during its own run"}
	case !slices.Contains(k.Products, e.Resource.Product):
		return Answer{Verdict: NotTried, Detail: "its application has no " + e.Resource.Product.PrivateAccess()}
	case refusals.any(NotTried):
		return Answer{Verdict: NotTried, Detail: outOfTime}
	case !refusals.Closed():
		return Answer{Verdict: NotTried, Detail: "the endpoint did not refuse requests without a key, and learns none"}
	case k.Once && p.slowFor(e, k):
		return Answer{Verdict: NotTried, Detail: "the endpoint gave no answer in time to another key"}
	}
	a := p.ask(ctx, e, k.Pair.Secret)
	switch {
	case a.late:
		p.mu.Lock()
		p.slow[e.URL] = k.Pair.AccessKey
		p.mu.Unlock()
	case a.Verdict != Accepted: // nothing came, or nothing that tells
	case a.refuses() && refusals.same(a):
		a.Verdict = Refused
	case !admits(e, a.Status):
		a.Verdict, a.Detail = Inconclusive, a.seen
	}
	return a
}

// slowFor tells whether an endpoint gave no answer in time to another key than
// this: it gets no further one in this run.
func (p *Prober) slowFor(e Endpoint, k Key) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	slow, ok := p.slow[e.URL]
	return ok && slow != k.Pair.AccessKey
}

// answeredByRuntime are the paths that the functions' runtime answers with 404
// by itself, behind the gateway and before the handler (A32).
var answeredByRuntime = []string{"/favicon.ico", "/robots.txt"} //nolint:gochecknoglobals // a table, never changed

// admits tells whether a status says that a key was let in, after the requests
// without one were refused. On functions it is the runtime's own answer and no
// other; on another path it is their code's, which must be a success to count.
// A container's code answers as it likes, and may know no such path.
func admits(e Endpoint, status int) bool {
	success := status >= http.StatusOK && status < http.StatusMultipleChoices
	switch {
	case e.Resource.Product != scaleway.Functions:
		redirect := status >= http.StatusMultipleChoices && status < http.StatusBadRequest
		return success || redirect || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
	case slices.Contains(answeredByRuntime, strings.TrimPrefix(e.URL, "https://"+e.Host)):
		return status == http.StatusNotFound
	default:
		return success
	}
}

// Witness finds an endpoint on which a new key of an application can be
// verified: one that the key may call, and that one of known opens. known are
// keys in the order of preference. It looks at a few endpoints at most, and at
// fewer that are slow: every new key waits for it, and the API tells as well.
func (p *Prober) Witness(ctx context.Context, endpoints []Endpoint, known []Key, may Key) (Endpoint, bool) {
	const most, mostSlow = 8, 2
	looked, slow := 0, 0
	for _, e := range endpoints {
		if e.Doubt != "" || e.Own || !e.Resource.Ready || !slices.Contains(may.Products, e.Resource.Product) {
			continue
		}
		if looked++; looked > most || slow == mostSlow {
			break
		}
		for _, k := range known {
			if p.isSlow(e) {
				break // to whomever: nobody waits for it again
			}
			if p.Try(ctx, e, k).Verdict == Accepted {
				return e, true
			}
		}
		if p.isSlow(e) {
			slow++
		}
	}
	return Endpoint{}, false
}

// isSlow tells whether an endpoint gave no answer in time, with a key or without.
func (p *Prober) isSlow(e Endpoint) bool {
	p.mu.Lock()
	_, slow := p.slow[e.URL]
	of := p.refusals[e.URL]
	p.mu.Unlock()
	if slow || of == nil {
		return slow
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	return of.answers.NoToken.late || of.answers.Malformed.late || of.answers.Unknown.late
}

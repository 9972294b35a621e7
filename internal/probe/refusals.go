package probe

import (
	"context"
	"net/http"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/safe"
)

// Refusals are an endpoint's answers to requests without a valid key.
type Refusals struct {
	NoToken   Answer
	Malformed Answer
	Unknown   Answer
}

// Closed tells whether the endpoint refused all three.
func (r Refusals) Closed() bool {
	return r.NoToken.Verdict == Refused && r.Malformed.Verdict == Refused && r.Unknown.Verdict == Refused
}

// Off tells whether nothing is there: what a disabled default endpoint answers.
func (r Refusals) Off() bool { return r.NoToken.Status == http.StatusNotFound }

func (r Refusals) any(v Verdict) bool {
	return r.NoToken.Verdict == v || r.Malformed.Verdict == v || r.Unknown.Verdict == v
}

// same tells whether an answer is one of the refusals over again: the gateway's.
func (r Refusals) same(a Answer) bool {
	return a.mark == r.NoToken.mark || a.mark == r.Malformed.mark || a.mark == r.Unknown.mark
}

// Refusals asks the endpoint without a token, with one that is malformed and
// with one that nobody has. It asks once; later calls get the same answers.
func (p *Prober) Refusals(ctx context.Context, e Endpoint) Refusals {
	p.mu.Lock()
	asked, ok := p.refusals[e.URL]
	if !ok {
		asked = &once{}
		p.refusals[e.URL] = asked
	}
	p.mu.Unlock()
	asked.Do(func() {
		var all safe.Group
		for _, check := range []struct {
			token  redact.Secret
			answer *Answer
		}{
			{redact.Secret{}, &asked.answers.NoToken},
			{redact.New("malformed"), &asked.answers.Malformed},
			{p.unknown, &asked.answers.Unknown},
		} {
			all.Go(func() { *check.answer = refusal(p.ask(ctx, e.URL, check.token)) })
		}
		all.Wait()
		asked.answers.weigh()
	})
	return asked.answers
}

// weigh takes a 400 to the malformed token for a refusal, where the other two
// were refused: whoever reads a token before refusing it may say that it is
// none.
func (r *Refusals) weigh() {
	if r.NoToken.Verdict == Refused && r.Unknown.Verdict == Refused && r.Malformed.Status == http.StatusBadRequest {
		r.Malformed.Verdict = Refused
	}
}

// refusal judges an answer to a request without a valid key: only 401 and 403
// refuse. A 404 is what the platform's runtime answers on the probed path, and
// may be what a gateway hides behind (A07): it tells nothing.
func refusal(a Answer) Answer {
	switch {
	case a.refuses():
		a.Verdict = Refused
	case a.Status == http.StatusNotFound:
		a.Verdict, a.Detail = Inconclusive, "404 may be the gateway's or the application's"
	}
	return a
}

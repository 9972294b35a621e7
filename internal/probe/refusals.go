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
func (r Refusals) Off() bool {
	const gone = http.StatusNotFound
	return r.NoToken.Status == gone && r.Malformed.Status == gone && r.Unknown.Status == gone
}

func (r Refusals) any(v Verdict) bool {
	return r.NoToken.Verdict == v || r.Malformed.Verdict == v || r.Unknown.Verdict == v
}

func (r Refusals) passing() bool {
	return r.NoToken.passing() || r.Malformed.passing() || r.Unknown.passing()
}

// same tells whether an answer is one of the refusals over again: the gateway's.
func (r Refusals) same(a Answer) bool {
	return a.mark == r.NoToken.mark || a.mark == r.Malformed.mark || a.mark == r.Unknown.mark
}

// Refusals asks the endpoint without a token, with one that is malformed and
// with one that nobody has. It asks once; later calls get the same answers, but
// for what there was no time to ask.
func (p *Prober) Refusals(ctx context.Context, e Endpoint) Refusals {
	of := p.refusalsOf(e)
	of.mu.Lock()
	defer of.mu.Unlock()
	p.refuse(ctx, e, &of.answers, func(a Answer) bool { return a.Verdict == "" || a.Verdict == NotTried })
	return of.answers
}

func (p *Prober) refusalsOf(e Endpoint) *refusals {
	p.mu.Lock()
	defer p.mu.Unlock()
	of, ok := p.refusals[e.URL]
	if !ok {
		of = &refusals{}
		p.refusals[e.URL] = of
	}
	return of
}

// again asks anew for the refusals that may pass: for the first of them, and for
// the others once that one got another answer.
func (p *Prober) again(ctx context.Context, e Endpoint) Refusals {
	of := p.refusalsOf(e)
	of.mu.Lock()
	defer of.mu.Unlock()
	for _, check := range p.checks(&of.answers) {
		if !check.answer.passing() {
			continue
		}
		*check.answer = refusal(p.ask(ctx, e, check.token))
		if check.answer.passing() {
			return of.answers
		}
		break
	}
	p.refuse(ctx, e, &of.answers, Answer.passing)
	return of.answers
}

// refusalCheck is one of the three requests without a valid key.
type refusalCheck struct {
	token  redact.Secret
	answer *Answer
}

func (p *Prober) checks(r *Refusals) []refusalCheck {
	return []refusalCheck{
		{redact.Secret{}, &r.NoToken},
		{redact.New("malformed"), &r.Malformed},
		{p.unknown, &r.Unknown},
	}
}

// refuse sends those of the three requests whose answer so far is wanted anew.
func (p *Prober) refuse(ctx context.Context, e Endpoint, r *Refusals, wanted func(Answer) bool) {
	var all safe.Group
	for _, check := range p.checks(r) {
		if wanted(*check.answer) {
			all.Go(func() { *check.answer = refusal(p.ask(ctx, e, check.token)) })
		}
	}
	all.Wait()
	r.weigh()
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

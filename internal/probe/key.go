package probe

import (
	"context"
	"slices"
)

// Try asks an endpoint with a key, if it has refused the requests without a
// valid one. A refusal that is the gateway's is told from one by the
// application itself by comparing it with those refusals (A71).
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
	case !refusals.Closed():
		return Answer{Verdict: NotTried, Detail: "the endpoint did not refuse requests without a key, and learns none"}
	}
	a := p.ask(ctx, e.URL, k.Pair.Secret)
	switch {
	case !a.refuses():
	case refusals.same(a):
		a.Verdict = Refused
	default:
		a.Detail = "refused by the application itself, behind the gateway"
	}
	return a
}

// Witness finds an endpoint on which a new key of an application can be
// verified: one that the key may call, and that one of known opens. known are
// keys in the order of preference. It looks at a few endpoints at most.
func (p *Prober) Witness(ctx context.Context, endpoints []Endpoint, known []Key, may Key) (Endpoint, bool) {
	const most = 8
	looked := 0
	for _, e := range endpoints {
		if e.Doubt != "" || e.Own || !e.Resource.Ready || !slices.Contains(may.Products, e.Resource.Product) {
			continue
		}
		if looked++; looked > most {
			break
		}
		for _, k := range known {
			if p.Try(ctx, e, k).Verdict == Accepted {
				return e, true
			}
		}
	}
	return Endpoint{}, false
}

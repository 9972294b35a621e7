package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/safe"
)

// Result is an endpoint's row in one word.
type Result string

// Results.
const (
	OK       Result = "ok"           // refuses without a valid key, accepts every credential
	Open     Result = "open"         // lets in whoever comes
	Locked   Result = "locked"       // refuses a credential
	Unclear  Result = "inconclusive" // some answer told neither way
	Unproven Result = "unproven"     // refuses without a valid key; there is no credential to try
	Disabled Result = "disabled"     // the default endpoint is switched off
	Own      Result = "own"          // the function's own: refuses without a valid key
	Doubtful Result = "doubtful"     // its address is not one to send a key to: it was not asked
)

// KeyAnswer is what an endpoint answered to one credential.
type KeyAnswer struct {
	Key    Key
	Answer Answer
}

// Row is one endpoint with all its answers.
type Row struct {
	Endpoint Endpoint
	Refusals Refusals
	Keys     []KeyAnswer // of the keys that may call it
	Result   Result
	Detail   string
}

// retryEvery is how often a fresh key that was refused is tried again.
const retryEvery = 5 * time.Second

// Check asks every endpoint for its refusals, and then with every key that may
// call it. Where a fresh key is refused, it asks again until it is not, or the
// prober's patience ends: IAM is eventually consistent (FACTS section 2).
func (p *Prober) Check(ctx context.Context, endpoints []Endpoint, keys []Key) []Row {
	rows := make([]Row, len(endpoints))
	var all safe.Group
	for i, e := range endpoints {
		all.Go(func() { rows[i] = p.row(ctx, e, keys) })
	}
	all.Wait()
	start := p.clock.Now()
	for {
		again := refusedFresh(rows)
		if len(again) == 0 || p.clock.Now().Sub(start) >= p.patience || p.clock.Sleep(ctx, retryEvery) != nil {
			break
		}
		for _, f := range again {
			all.Go(func() { f.answer.Answer = p.Try(ctx, f.endpoint, f.answer.Key) })
		}
		all.Wait()
	}
	for i := range rows {
		rows[i].judge()
	}
	return rows
}

func (p *Prober) row(ctx context.Context, e Endpoint, keys []Key) Row {
	if e.Doubt != "" {
		never := Answer{Verdict: NotTried, Detail: e.Doubt}
		return Row{Endpoint: e, Refusals: Refusals{never, never, never}}
	}
	row := Row{Endpoint: e, Refusals: p.Refusals(ctx, e)}
	for _, k := range keys {
		for _, product := range k.Products {
			if product == e.Resource.Product {
				row.Keys = append(row.Keys, KeyAnswer{Key: k})
			}
		}
	}
	var all safe.Group
	for i := range row.Keys {
		all.Go(func() { row.Keys[i].Answer = p.Try(ctx, e, row.Keys[i].Key) })
	}
	all.Wait()
	return row
}

type freshRefusal struct {
	endpoint Endpoint
	answer   *KeyAnswer
}

func refusedFresh(rows []Row) []freshRefusal {
	var out []freshRefusal
	for i := range rows {
		for j := range rows[i].Keys {
			if a := &rows[i].Keys[j]; a.Key.Fresh && a.Answer.Verdict == Refused {
				out = append(out, freshRefusal{rows[i].Endpoint, a})
			}
		}
	}
	return out
}

// Opened tells whether any credential was accepted.
func (r *Row) Opened() bool { return r.has(Accepted) }

// LetIn names the applications whose keys were accepted.
func (r *Row) LetIn() (applications []string) {
	for _, k := range r.Keys {
		if k.Answer.Verdict == Accepted {
			applications = append(applications, k.Key.Application)
		}
	}
	return applications
}

// OutOfTime tells whether something was not asked since the time was over.
func (r *Row) OutOfTime() bool {
	late := func(a Answer) bool { return a.Verdict == NotTried && a.Detail == outOfTime }
	return late(r.Refusals.NoToken) || late(r.Refusals.Malformed) || late(r.Refusals.Unknown) ||
		slices.ContainsFunc(r.Keys, func(k KeyAnswer) bool { return late(k.Answer) })
}

func (r *Row) has(v Verdict) bool {
	for _, k := range r.Keys {
		if k.Answer.Verdict == v {
			return true
		}
	}
	return false
}

// judge says what the answers come to.
func (r *Row) judge() {
	switch {
	case r.Endpoint.Doubt != "":
		r.Result, r.Detail = Doubtful, r.Endpoint.Doubt+"; no request was sent there"
	case r.Endpoint.Resource.HostMayBeOff && !r.Endpoint.Custom && r.Refusals.Off():
		r.Result, r.Detail = Disabled, "the default endpoint is switched off"
	case r.Refusals.any(Accepted):
		r.Result, r.Detail = Open, "it answers requests without a valid key"
	case r.Refusals.any(Inconclusive):
		r.Result, r.Detail = Unclear, "without a valid key: "+r.why(Inconclusive)
	case r.Refusals.any(NotTried):
		r.Result, r.Detail = Unclear, "not asked: the run's time was over"
	case r.Endpoint.Own:
		r.Result, r.Detail = Own, "the function cannot call itself during its own run"
	case len(r.Keys) == 0:
		r.Result, r.Detail = Unproven, "there is no credential to try"
	case r.has(Refused):
		r.Result, r.Detail = Locked, "it refuses the key of "+r.who(Refused)
	case r.has(Inconclusive), r.has(NotTried):
		r.Result, r.Detail = Unclear, "no clear answer to the key of "+r.who(Inconclusive, NotTried)
	default:
		r.Result = OK
	}
}

func (r *Row) who(verdicts ...Verdict) string {
	var names []string
	for _, k := range r.Keys {
		if slices.Contains(verdicts, k.Answer.Verdict) {
			names = append(names, k.Key.Application)
		}
	}
	return strings.Join(names, ", ")
}

func (r *Row) why(v Verdict) string {
	for _, a := range []Answer{r.Refusals.NoToken, r.Refusals.Malformed, r.Refusals.Unknown} {
		if a.Verdict == v {
			return a.String()
		}
	}
	return ""
}

// String says what came back: its status, and what is to be known of it.
func (a Answer) String() string {
	switch {
	case a.Status == 0:
		return a.Detail
	case a.Detail == "":
		return fmt.Sprint(a.Status)
	default:
		return fmt.Sprintf("%d, %s", a.Status, a.Detail)
	}
}

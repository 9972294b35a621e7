package probe

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
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

const (
	// retryEvery is how often a fresh key that was refused is tried again.
	retryEvery = 5 * time.Second
	// warmUp is how long an endpoint that should be ready may take to answer.
	warmUp = time.Minute
)

// Check asks every endpoint for its refusals, and then with every key that may
// call it, but for those that ask once: each of these goes to one endpoint of
// each of its products, that has passed. The next endpoint is taken from the
// sequence once one in hand is done with. Rows are in the order of places and names.
func (p *Prober) Check(ctx context.Context, endpoints iter.Seq[Endpoint], keys []Key) []Row {
	var everywhere, once []Key
	for _, k := range keys {
		if k.Once {
			once = append(once, k)
		} else {
			everywhere = append(everywhere, k)
		}
	}
	var (
		all    safe.Group
		asked  []*Row
		inHand = make(chan struct{}, cap(p.slots)) // so that some are done when the time is over, and not each a little
	)
	for e := range endpoints {
		inHand <- struct{}{}
		row := new(Row)
		asked = append(asked, row)
		all.Go(func() {
			defer func() { <-inHand }()
			*row = p.row(ctx, e, everywhere)
		})
	}
	all.Wait()
	rows := make([]Row, len(asked))
	for i, row := range asked {
		rows[i] = *row
	}
	// Whichever came first: the same endpoints are asked once in each run.
	slices.SortStableFunc(rows, func(a, b Row) int {
		x, y := a.Endpoint.Resource, b.Endpoint.Resource
		return cmp.Or(-strings.Compare(string(x.Product), string(y.Product)), strings.Compare(x.Region, y.Region),
			strings.Compare(x.Namespace.Name, y.Namespace.Name), strings.Compare(x.Name, y.Name))
	})
	p.settle(ctx, rows, false)
	if len(once) > 0 {
		p.askOnce(ctx, rows, once)
		p.settle(ctx, rows, true)
	}
	for i := range rows {
		rows[i].judge()
	}
	return rows
}

// askOnce tries each key at the first endpoint of each product that has passed.
// One at a time: an endpoint that gives no answer in time gets no further key.
func (p *Prober) askOnce(ctx context.Context, rows []Row, keys []Key) {
	var all safe.Group
	for _, product := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		all.Go(func() {
			for _, k := range keys {
				if !slices.Contains(k.Products, product) {
					continue
				}
				for i := range rows {
					row := &rows[i]
					if row.Endpoint.Resource.Product == product && row.passed() && !p.slowFor(row.Endpoint, k) {
						row.Keys = append(row.Keys, KeyAnswer{Key: k, Answer: p.Try(ctx, row.Endpoint, k)})
						break
					}
				}
			}
		})
	}
	all.Wait()
}

// passed tells whether every key that asks everywhere was let in.
func (r *Row) passed() bool {
	asked := slices.DeleteFunc(slices.Clone(r.Keys), func(k KeyAnswer) bool { return k.Key.Once })
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(k KeyAnswer) bool { return k.Answer.Verdict != Accepted })
}

// settle asks again what may still change. A fresh key that was refused: until
// it is not, or the prober's patience ends (docs/scaleway.md, Eventual
// consistency). What should be ready and gave no answer, or one that passes: a
// few times within a minute, since it may be starting from zero. once tells
// whose turn it is: of the keys that ask once, or of all else.
func (p *Prober) settle(ctx context.Context, rows []Row, once bool) {
	start := p.clock.Now()
	for round := 1; ; round++ {
		elapsed := p.clock.Now().Sub(start)
		var fresh []freshRefusal
		if elapsed < p.patience {
			fresh = refusedFresh(rows, once)
		}
		var cold []*Row
		if elapsed < warmUp {
			cold = passing(rows, once)
		}
		if len(fresh)+len(cold) == 0 || p.clock.Sleep(ctx, retryEvery) != nil {
			return
		}
		var all safe.Group
		for _, f := range fresh {
			all.Go(func() { f.answer.Answer = p.Try(ctx, f.endpoint, f.answer.Key) })
		}
		if round&(round+1) == 0 || round == int(warmUp/retryEvery) { // after 5, 15, 35 and 60 seconds
			for _, r := range cold {
				all.Go(func() { p.warm(ctx, r) })
			}
		}
		all.Wait()
	}
}

// passing are the rows of ready endpoints with an answer that may pass.
func passing(rows []Row, once bool) []*Row {
	var out []*Row
	for i := range rows {
		r := &rows[i]
		if r.Endpoint.Doubt != "" || !r.Endpoint.Resource.Ready {
			continue
		}
		unclear := func(k KeyAnswer) bool { return k.Key.Once == once && k.Answer.passing() }
		if !once && r.Refusals.passing() || slices.ContainsFunc(r.Keys, unclear) {
			out = append(out, r)
		}
	}
	return out
}

// warm asks one endpoint again: first without a key, where that got no clear
// answer; then with the keys that got none, or were not shown for that reason.
func (p *Prober) warm(ctx context.Context, r *Row) {
	if r.Refusals.passing() {
		if r.Refusals = p.again(ctx, r.Endpoint); r.Refusals.passing() {
			return
		}
	}
	for i := range r.Keys {
		if a := &r.Keys[i].Answer; a.passing() || a.Verdict == NotTried {
			*a = p.Try(ctx, r.Endpoint, r.Keys[i].Key)
		}
	}
}

func (p *Prober) row(ctx context.Context, e Endpoint, keys []Key) Row {
	if e.Doubt != "" {
		never := Answer{Verdict: NotTried, Detail: e.Doubt}
		return Row{Endpoint: e, Refusals: Refusals{never, never, never}}
	}
	row := Row{Endpoint: e, Refusals: p.Refusals(ctx, e)}
	for _, k := range keys {
		if slices.Contains(k.Products, e.Resource.Product) {
			row.Keys = append(row.Keys, KeyAnswer{Key: k})
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

func refusedFresh(rows []Row, once bool) []freshRefusal {
	var out []freshRefusal
	for i := range rows {
		for j := range rows[i].Keys {
			if a := &rows[i].Keys[j]; a.Key.Once == once && a.Key.Fresh && a.Answer.Verdict == Refused {
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
		if i := slices.IndexFunc(r.Keys, func(k KeyAnswer) bool { return k.Answer.Verdict == Inconclusive || k.Answer.Verdict == NotTried }); r.Keys[i].Answer.String() != "" {
			r.Detail += ": " + r.Keys[i].Answer.String()
		}
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
		return a.Detail // or nothing, where it was not asked
	case a.Detail == "":
		return fmt.Sprint(a.Status)
	default:
		return fmt.Sprintf("%d, %s", a.Status, a.Detail)
	}
}

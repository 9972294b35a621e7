package run

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// tokenLists are the legacy tokens of a project, while they are read. The API
// wants to be asked for each namespace, function and container by itself: two
// calls of three in a large project. Nothing but the purge waits for them.
type tokenLists struct {
	client *scaleway.Client
	group  safe.Group
	read   chan struct{} // closed once all are

	mu     sync.Mutex
	tokens []scaleway.Token
	// none is why legacy tokens cannot be listed any more, by product and region,
	// and untold whether the number of them is unknown for another reason.
	none   map[productRegion]error
	untold bool
	cut    bool            // the run's time was over before all were read
	gone   map[string]bool // IDs of namespaces, functions and containers that went meanwhile
	errs   []error
}

// productRegion is where a product's lists are read.
type productRegion struct {
	product scaleway.Product
	region  string
}

// listTokens begins to read them. It leaves a slot for what goes on meanwhile, and
// a third of the run's time for what comes after: lists that hang must keep no key
// from being retired, nor the function's own from being replaced.
func (s *discovered) listTokens(ctx context.Context) *tokenLists {
	ctx, cancel := clock.WithTimeout(ctx, s.clock, s.remaining()*2/3)
	l := &tokenLists{client: s.client, read: make(chan struct{})}
	var scopes []scaleway.Scope
	if s.asked(StepPurge) {
		scopes = s.world.scopes
	}
	var next atomic.Int64
	l.group.Go(func() {
		defer close(l.read)
		var workers safe.Group
		for range max(s.cfg.Concurrency-1, 1) {
			workers.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(scopes)); i = next.Add(1) - 1 {
					l.list(ctx, scopes[i])
				}
			})
		}
		workers.Wait()
		cancel()
		l.conclude(s.world.unseen)
	})
	if s.clock.Emulated { // it jumps over waiting, and would end the requests that are under way
		l.group.Wait()
	}
	return l
}

// list reads those of one namespace, function or container.
func (l *tokenLists) list(ctx context.Context, s scaleway.Scope) {
	at := productRegion{s.Product, s.Region}
	if !slices.Contains(l.client.TokenRegions(s.Product), s.Region) || l.unlisted(at) {
		return
	}
	tokens, err := l.client.Tokens(ctx, s)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		l.cut, l.untold = true, true
	case err == nil:
		l.tokens = append(l.tokens, tokens...)
	case errors.Is(err, scaleway.ErrNotFound):
		l.gone = set(l.gone, cmp.Or(s.ResourceID, s.Namespace.ID), true)
	case errors.Is(err, scaleway.ErrNoRoute):
		l.none = set(l.none, at, err)
	default:
		l.errs, l.untold = append(l.errs, err), true
	}
}

// unlisted tells whether it is known that tokens cannot be listed there.
func (l *tokenLists) unlisted(at productRegion) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.none[at] != nil
}

// conclude takes out what is gone: its tokens went with it; and those that open
// what could not all be found, which are left alone. The rest it puts into an
// order that a person expects, and that is the same in each run.
func (l *tokenLists) conclude(unseen []scaleway.Resource) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = slices.DeleteFunc(l.tokens, func(t scaleway.Token) bool { return l.gone[t.Scope.ResourceID] || l.gone[t.Scope.Namespace.ID] })
	for _, r := range unseen {
		l.untold = true
		l.tokens = slices.DeleteFunc(l.tokens, func(t scaleway.Token) bool { return t.Scope.Covers(r) })
	}
	slices.SortStableFunc(l.tokens, func(a, b scaleway.Token) int {
		return strings.Compare(
			place(a.Scope.Product, a.Scope.Region, a.Scope.Namespace.Name, a.Scope.ResourceID+a.ID),
			place(b.Scope.Product, b.Scope.Region, b.Scope.Namespace.Name, b.Scope.ResourceID+b.ID))
	})
	slices.SortStableFunc(l.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
}

// known returns those that were read, if all were.
func (l *tokenLists) known() (tokens []scaleway.Token, all bool) {
	select {
	case <-l.read:
		return l.tokens, true
	default:
		return nil, false
	}
}

// forgetGone waits for the lists. What they showed to be gone is so for all else, too:
// gone is gone, and no failure.
func (s *checked) forgetGone() {
	l := s.lists
	l.group.Wait()
	gone := func(r scaleway.Resource) bool { return l.gone[r.ID] || l.gone[r.Namespace.ID] }
	s.world.namespaces = slices.DeleteFunc(s.world.namespaces, func(n scaleway.Namespace) bool { return l.gone[n.ID] })
	s.world.resources = slices.DeleteFunc(s.world.resources, gone)
	s.rows = slices.DeleteFunc(s.rows, func(r probe.Row) bool { return gone(r.Endpoint.Resource) })
}

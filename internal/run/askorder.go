package run

import (
	"cmp"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// tokensFirst are the endpoints in the order in which they are asked: those that
// legacy tokens open come first. Where there is not time for all, it is the same
// that are left in each run, and their tokens would be held for ever.
func (s *session) tokensFirst(endpoints []probe.Endpoint) []probe.Endpoint {
	ordered := slices.Clone(endpoints)
	opened := func(e probe.Endpoint) int {
		if slices.ContainsFunc(s.world.tokens, func(t scaleway.Token) bool { return t.Scope.Covers(e.Resource) }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ordered, func(a, b probe.Endpoint) int { return cmp.Compare(opened(a), opened(b)) })
	return ordered
}

// inOrder puts the rows into the order of the endpoints, for the report.
func (s *session) inOrder(endpoints []probe.Endpoint) {
	place := make(map[string]int, len(endpoints))
	for i, e := range endpoints {
		place[e.URL] = i
	}
	slices.SortStableFunc(s.rows, func(a, b probe.Row) int { return cmp.Compare(place[a.Endpoint.URL], place[b.Endpoint.URL]) })
}

package run

import (
	"cmp"
	"iter"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// tokensFirst are the endpoints in the order in which they are asked: once it is
// known which legacy tokens there are, those that they open come first. Where there
// is not time for all, it is the same that are left in each run, and their tokens
// would be held for ever.
func tokensFirst(endpoints []probe.Endpoint, lists *tokenLists) iter.Seq[probe.Endpoint] {
	return func(yield func(probe.Endpoint) bool) {
		left, sorted := slices.Clone(endpoints), false
		for len(left) > 0 {
			if tokens, known := lists.known(); known && !sorted {
				opened := func(e probe.Endpoint) int {
					if slices.ContainsFunc(tokens, func(t scaleway.Token) bool { return t.Scope.Covers(e.Resource) }) {
						return 0
					}
					return 1
				}
				slices.SortStableFunc(left, func(a, b probe.Endpoint) int { return cmp.Compare(opened(a), opened(b)) })
				sorted = true
			}
			if !yield(left[0]) {
				return
			}
			left = left[1:]
		}
	}
}

// inOrder puts the rows into the order of the endpoints, for the report.
func (s *checked) inOrder(endpoints []probe.Endpoint) {
	place := make(map[string]int, len(endpoints))
	for i, e := range endpoints {
		place[e.URL] = i
	}
	slices.SortStableFunc(s.rows, func(a, b probe.Row) int { return cmp.Compare(place[a.Endpoint.URL], place[b.Endpoint.URL]) })
}

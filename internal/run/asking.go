package run

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/safe"
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

// deleting is the status of what somebody deletes, and gone that of what the API
// does not know any more: ours, it has none.
const (
	deleting = "deleting"
	gone     = "deleted"
)

// lookAgain asks the API once more about what should be ready and gave no clear
// answer, or answers as if it were switched off though nobody says so: it may
// have been deleted since it was listed. Gone is gone, and no failure.
func (s *checked) lookAgain(ctx context.Context) {
	status, there := map[string]string{}, map[string]bool{} // by ID
	for i := range s.rows {
		if s.rows[i].Refusals.Closed() {
			there[s.rows[i].Endpoint.Resource.ID] = true
		}
	}
	var asked []string
	var all safe.Group
	found := make([]string, len(s.rows))
	for i := range s.rows {
		row := &s.rows[i]
		r := row.Endpoint.Resource
		unclear := row.Result == probe.Unclear && !row.OutOfTime()
		off := row.Result == probe.Disabled && !there[r.ID] && !s.tellsOff()
		if !unclear && !off || !r.Ready || slices.Contains(asked, r.ID) {
			continue
		}
		asked = append(asked, r.ID)
		all.Go(func() {
			switch now, err := s.client.ReadEnvironment(ctx, r.Environment); {
			case errors.Is(err, scaleway.ErrNotFound):
				found[i] = gone
			case err == nil && now.Status == deleting:
				found[i] = deleting
			}
		})
	}
	all.Wait()
	for i := range found {
		if found[i] != "" {
			status[s.rows[i].Endpoint.Resource.ID] = found[i]
		}
	}
	mark := func(r *scaleway.Resource) {
		if status[r.ID] != "" {
			r.Ready, r.Status = false, status[r.ID]
		}
	}
	for i := range s.world.resources {
		mark(&s.world.resources[i])
	}
	for i := range s.endpoints {
		mark(&s.endpoints[i].Resource)
	}
	for i := range s.rows {
		mark(&s.rows[i].Endpoint.Resource)
	}
}

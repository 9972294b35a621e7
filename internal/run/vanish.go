package run

import (
	"context"
	"errors"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// deleting is the status of what somebody deletes, and here of what is gone.
const deleting = "deleting"

// lookAgain asks the API once more about what should be ready and gave no clear
// answer, or answers as if it were switched off though nobody says so: it may
// have been deleted since it was listed. Gone is gone, and no failure.
func (s *session) lookAgain(ctx context.Context) {
	gone, there := map[string]bool{}, map[string]bool{} // by ID
	for i := range s.rows {
		if s.rows[i].Refusals.Closed() {
			there[s.rows[i].Endpoint.Resource.ID] = true
		}
	}
	var asked []string
	var all safe.Group
	found := make([]bool, len(s.rows))
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
			now, err := s.client.ReadEnvironment(ctx, r.Environment)
			found[i] = errors.Is(err, scaleway.ErrNotFound) || err == nil && now.Status == deleting
		})
	}
	all.Wait()
	for i := range found {
		if found[i] {
			gone[s.rows[i].Endpoint.Resource.ID] = true
		}
	}
	mark := func(r *scaleway.Resource) {
		if gone[r.ID] {
			r.Ready, r.Status = false, deleting
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

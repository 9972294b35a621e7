package run

import (
	"context"
	"errors"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

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

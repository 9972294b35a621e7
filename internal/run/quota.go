package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// longestFirst puts what is due longest first, since there may be room for few
// keys, and returns the plans in that order.
func (s *discovered) longestFirst(due []*credential) []*rotate.Plan {
	slices.SortStableFunc(due, func(a, b *credential) int {
		return a.plan.DueSince(s.policy, s.world.now).Compare(b.plan.DueSince(s.policy, s.world.now))
	})
	plans := make([]*rotate.Plan, 0, len(due))
	for _, c := range due {
		plans = append(plans, &c.plan)
	}
	return plans
}

// crowded reports, in one finding, that there was no room for a new key, and
// which keys could go.
func (s *discovered) crowded(due []*credential) {
	var (
		waiting []string
		first   *credential
	)
	for _, c := range due {
		if c.rotation != nil && errors.Is(c.rotation.Err, scaleway.ErrQuota) {
			waiting = append(waiting, c.member.app.Name)
			if first == nil {
				first = c
			}
		}
	}
	if first == nil {
		return
	}
	most, have := scaleway.Quota(first.rotation.Err)
	text := "there is no room for another one"
	if most > 0 {
		text += fmt.Sprintf(" (%d of %d)", have, most)
	}
	hint := "have the quota raised"
	if could := s.couldGo(first); len(could) > 0 {
		hint = "delete keys that nobody needs: " + strings.Join(could, ", ") + "; or " + hint
	}
	s.find(report.Error, "API keys", text+": not rotated in this run: "+strings.Join(waiting, ", ")+"; what is due longest goes first", hint)
}

// movedProject says that a new key has another default project than the one that
// it replaces.
func (s *discovered) movedProject(subject string, r *rotate.Rotation) {
	if r.NoProject != "" && r.Err == nil {
		s.find(report.Note, subject, fmt.Sprintf("the default project of its key, %s, is gone: the new key has the rotator's, %s", r.NoProject, s.cfg.ProjectID), "")
	}
}

// couldGoMax is how many keys are listed at most.
const couldGoMax = 20

// couldGo lists the keys that could make room for one of an application: the
// expired ones first, its own before others', then the superseded ones.
func (s *discovered) couldGo(of *credential) []string {
	type candidate struct {
		key  scaleway.APIKey
		rank int
		text string
	}
	var all []candidate
	for _, k := range s.world.keys {
		if k.Managed || !k.Deletable || s.gone(k.AccessKey) || !k.Expired(s.world.now) {
			continue
		}
		c := candidate{key: k, rank: 1, text: "expired on " + k.ExpiresAt.UTC().Format(time.DateOnly)}
		if k.ApplicationID == of.member.app.ID {
			c.rank = 0
		}
		all = append(all, c)
	}
	for _, c := range s.world.credentials {
		for _, k := range c.plan.Keys {
			if k.State == rotate.Superseded && !k.Key.Expired(s.world.now) && !s.gone(k.Key.AccessKey) {
				all = append(all, candidate{key: k.Key, rank: 2, text: "superseded"})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.rank - b.rank })
	var out []string
	for i, c := range all {
		if i == couldGoMax {
			out = append(out, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s (of %s, %s)", c.key.AccessKey, s.bearer(c.key), c.text))
	}
	return out
}

// gone tells whether this run deleted a key already.
func (s *session) gone(accessKey string) bool {
	return slices.ContainsFunc(s.journal.Changes(), func(c report.Change) bool {
		return c.Kind == "delete_key" && c.Object == accessKey && c.Result == report.Done
	})
}

// bearer says whose a key is.
func (s *discovered) bearer(k scaleway.APIKey) string {
	for _, a := range s.world.applications {
		if a.ID == k.ApplicationID {
			return report.Line(a.Name)
		}
	}
	return "a person"
}

package run

import (
	"fmt"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// lastMade is the youngest key that this project's rotator made for an
// application, or nil.
func (s *discovered) lastMade(application string) (last *scaleway.APIKey) {
	for i := range s.world.keys {
		k := &s.world.keys[i]
		if k.ApplicationID == application && rotate.MintedBy(*k, s.cfg.ProjectID) && (last == nil || k.CreatedAt.After(last.CreatedAt)) {
			last = k
		}
	}
	return last
}

// observeLeftAlone says when the keys die that this rotator made or published, and
// that it replaces no more: somebody may call with them to the end.
func (s *discovered) observeLeftAlone() {
	if !s.world.attributable {
		return
	}
	for _, m := range s.world.members {
		if !m.in && m.app.ID != s.world.own.app.ID {
			s.toDie(m.app, s.lastMade(m.app.ID), m.reason, "list "+m.app.ID+" in ROTATOR_APPLICATIONS of one project to have it rotated again")
		}
	}
	for _, c := range s.world.credentials {
		if c.plan.LeftAlone == "" {
			continue
		}
		last := s.lastMade(c.member.app.ID)
		if k := c.plan.Key(rotate.VersionKey(publishedOf(c).Description)); k != nil { // whoever made it
			last = &k.Key
		}
		s.toDie(c.member.app, last, c.plan.LeftAlone, "decide who publishes this key")
	}
}

func publishedOf(c *credential) scaleway.Version {
	if v := c.state.Published(); v != nil {
		return *v
	}
	return scaleway.Version{}
}

// toDie is a finding if a key that is left alone is to die soon, and an error once
// it has.
func (s *discovered) toDie(app scaleway.Application, k *scaleway.APIKey, why, hint string) {
	if k == nil || k.ExpiresAt.IsZero() {
		return
	}
	subject, hint := "application "+app.Name, hint+"; or delete the key, if nobody calls with it any more"
	level, verb := report.Warning, "expires"
	switch {
	case k.Expired(s.world.now):
		level, verb = report.Error, "expired"
	case notice(k.ExpiresAt.Sub(s.world.now)) == 0:
		return
	default:
		verb += " " + noticed(k.ExpiresAt.Sub(s.world.now)) + ","
	}
	s.find(level, subject, fmt.Sprintf("its key %s, which is replaced no more (%s), %s on %s: whoever calls with it is refused from then on",
		k.AccessKey, why, verb, report.Date(k.ExpiresAt)), hint)
}

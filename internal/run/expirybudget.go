package run

import (
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scope"
)

// keysOf are the living keys of a caller, those that this run made among them.
func (s *discovered) keysOf(c scope.Caller) []scaleway.APIKey {
	all := slices.Clone(s.world.keys)
	made := func(r *rotate.Rotation) {
		if r != nil && r.Err == nil && !r.Overtaken && !s.req.DryRun && r.New.AccessKey != "" {
			all = append(all, r.New.APIKey)
		}
	}
	for _, cr := range s.world.credentials {
		made(cr.rotation)
	}
	made(s.world.own.made)
	return slices.DeleteFunc(all, func(k scaleway.APIKey) bool {
		return k.ApplicationID+k.UserID != c.ID || k.Expired(s.world.now) || s.gone(k.AccessKey)
	})
}

// callerKey is the line of the expiry budget for one of them.
func (s *discovered) callerKey(c scope.Caller, k scaleway.APIKey) report.CallerKey {
	line := report.CallerKey{AccessKey: k.AccessKey, ExpiresAt: report.Expiry(k.ExpiresAt), Rotated: s.replaces(c, k), Managed: k.Managed}
	if !k.ExpiresAt.IsZero() {
		days := report.Days(k.ExpiresAt.Sub(s.world.now))
		line.DaysLeft = &days
		if !line.Rotated && !k.Managed {
			line.Notice = notice(k.ExpiresAt.Sub(s.world.now))
		}
	}
	return line
}

// replaces tells whether a run replaces a key of a caller before it dies, or has: that
// of an application in scope, whichever it is by then, and the function's own, the one
// on which the next run comes and those that it had before among them.
func (s *discovered) replaces(c scope.Caller, k scaleway.APIKey) bool {
	own := &s.world.own
	before := own.plan.Key(k.AccessKey)
	switch {
	case k.AccessKey == s.cfg.AccessKey,
		len(own.given) > 0 && k.AccessKey == own.made.New.AccessKey,
		before != nil && !before.Theirs:
		return s.cfg.OwnKey == config.OwnKeyRotate && own.app.ID != ""
	}
	return slices.ContainsFunc(s.world.credentials, func(cr *credential) bool {
		return cr.member.App.ID == c.ID && cr.plan.LeftAlone == "" && cr.broken == nil
	})
}

// notices are how many days before its death a key is named that nobody replaces, with
// words for the time that is left: each is news, so whoever is told of new findings is
// told four times.
func notices() []struct {
	days int
	text string
} {
	return []struct {
		days int
		text string
	}{{1, "within a day"}, {7, "within a week"}, {14, "within two weeks"}, {30, "within a month"}}
}

// notice is the narrowest of them that holds so much time, in days; 0: none does.
func notice(left time.Duration) int {
	for _, n := range notices() {
		if left < time.Duration(n.days)*24*time.Hour {
			return n.days
		}
	}
	return 0
}

// noticed says it.
func noticed(left time.Duration) string {
	for _, n := range notices() {
		if n.days == notice(left) {
			return n.text
		}
	}
	return ""
}

// observeExpiry names the keys that can call this project's private endpoints, that
// no run replaces, and that die soon. What the rotator made once is named by
// observeLeftAlone, and the key that it runs on by observeOwnKey.
func (s *discovered) observeExpiry() {
	if !s.world.attributable {
		return
	}
	for _, c := range s.world.callers {
		for _, k := range s.keysOf(c) {
			left := k.ExpiresAt.Sub(s.world.now)
			if k.ExpiresAt.IsZero() || notice(left) == 0 || s.replaces(c, k) || k.Managed || k.AccessKey == s.cfg.AccessKey || rotate.MintedBy(k, s.cfg.ProjectID) {
				continue
			}
			s.find(report.Warning, c.Kind+" "+c.Name, fmt.Sprintf("its key %s, which can call private endpoints of this project, expires on %s, in %s, so %s, and no run replaces it",
				k.AccessKey, report.Date(k.ExpiresAt), inDays(left), noticed(left)), "give whoever calls with it another, or delete it, if nobody does")
		}
	}
}

// inDays is a time in whole days.
func inDays(d time.Duration) string {
	switch n := report.Days(d); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprint(n, " days")
	}
}

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
		if !m.In && m.App.ID != s.world.own.app.ID {
			s.toDie(m.App, s.lastMade(m.App.ID), m.Reason, "list "+m.App.ID+" in ROTATOR_APPLICATIONS of one project to have it rotated again")
		}
	}
	for _, c := range s.world.credentials {
		if c.plan.LeftAlone == "" {
			continue
		}
		last := s.lastMade(c.member.App.ID)
		if k := c.plan.Key(rotate.VersionKey(publishedOf(c).Description)); k != nil { // whoever made it
			last = &k.Key
		}
		s.toDie(c.member.App, last, c.plan.LeftAlone, "decide who publishes this key")
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

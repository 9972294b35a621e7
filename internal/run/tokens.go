package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// purge deletes legacy tokens. It rests on the check: where that was not asked
// for, it asks the endpoints that the tokens open.
func (s *checked) purge(ctx context.Context) (*purged, []error) {
	lists := s.lists
	s.forgetGone()
	done := &purged{checked: s}
	if lists.cut {
		s.leave("read the lists of legacy tokens")
	}
	if len(lists.tokens) == 0 {
		return done, lists.errs
	}
	if !s.asked(StepCheck) {
		var opened []probe.Endpoint
		for _, e := range s.endpoints {
			if slices.ContainsFunc(lists.tokens, func(t scaleway.Token) bool { return t.Scope.Covers(e.Resource) }) {
				opened = append(opened, e)
			}
		}
		done.checked = s.askEndpoints(ctx, opened)
	}
	if ctx.Err() != nil {
		s.leave("purge: the endpoints could not all be checked in time")
		return done, lists.errs
	}
	mode := purge.Mode(s.cfg.LegacyTokens)
	now := s.client.Now()
	seen := purge.Evidence{Doors: done.doors(), Grace: s.graceOfTokens(), Next: now.Add(s.cfg.Interval)}
	applier := &purge.Applier{Client: s.client, Journal: s.journal, Clock: s.clock, Seen: seen, Mode: mode}
	var err error
	done.decisions, err = applier.Apply(ctx, purge.Plan(lists.tokens, seen, mode, now))
	n := map[purge.Verdict]int{}
	waiting, acting := 0, 0
	for i := range done.decisions {
		d := &done.decisions[i]
		n[d.Verdict]++
		switch {
		case d.Verdict == purge.Left:
			s.leave("wait for legacy token " + d.Token.ID + " to go")
		case d.Verdict != purge.Held:
		case d.From.IsZero():
			acting++
		default:
			d.From = s.at(d.From) // by the run that comes then
			waiting++
		}
	}
	if acting > 0 {
		s.find(report.Error, "legacy tokens", are(acting)+" held, since their callers would be locked out, or may be for all that this run saw",
			"see why at each of them; it goes once an IAM key opens what it opens, for a grace period; ROTATOR_LEGACY_TOKENS=delete-all deletes without asking for that")
		err = errors.Join(err, fmt.Errorf("%d legacy tokens are held until a person acts", acting))
	}
	if waiting > 0 {
		s.find(report.Note, "legacy tokens", are(waiting)+" held until their callers have had time to move to IAM keys",
			"give each caller a published key before the day that stands at its token")
	}
	if reported := n[purge.Reported]; reported > 0 {
		s.find(report.Warning, "legacy tokens", are(reported)+" still there", "set ROTATOR_LEGACY_TOKENS=delete to delete them")
	}
	return done, append(lists.errs, err)
}

// graceOfTokens is the time that callers have had a key for. As with keys, the
// run that comes a little early for its own schedule still does the work.
func (s *discovered) graceOfTokens() time.Duration {
	var start time.Time
	return s.policy.RetireFrom(start.Add(s.policy.Grace)).Sub(start)
}

// doors are what this run saw of every private function and container, for the
// purge. What it did not see holds the tokens that open it.
func (s *checked) doors() []purge.Door {
	var doors []purge.Door
	since := map[scaleway.Product]time.Time{}
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		since[p] = s.movedSince(p)
	}
	for _, r := range s.world.resources {
		if !r.Private {
			continue
		}
		door := s.door(r)
		door.Since = since[r.Product]
		doors = append(doors, door)
	}
	for _, r := range s.world.unseen { // whatever else was seen of them
		doors = append(doors, purge.Door{Resource: r, Shut: "its custom domains could not be read"})
	}
	return doors
}

// unready are the statuses in which a function or container is not ready and
// stays so, as far as the API's reference says. The passing ones are those of a
// deployment: the revision before it goes on serving, and its callers with it.
var (
	unready = []string{"creating", "created", "locking", "locked", "error", deleting} //nolint:gochecknoglobals // a table, never changed
	passing = []string{"pending", "updating", "upgrading"}                            //nolint:gochecknoglobals // a table, never changed
)

// door sees whether a key was let in at each endpoint of a resource.
func (s *checked) door(r scaleway.Resource) purge.Door {
	door := purge.Door{Resource: r}
	switch {
	case s.isOwn(r.Environment):
		door.Nothing = "it is this function, which cannot call itself during its own run"
		return door
	case !r.Ready && slices.Contains(unready, r.Status):
		door.Nothing = "it is in status " + r.Status
		return door
	case !r.Ready && slices.Contains(passing, r.Status):
		door.Shut, door.Later = "it is being deployed: status "+r.Status, true
		return door
	case !r.Ready && r.Status == gone:
		// Its tokens went with it; if they did not, the next run sees what is there.
		door.Shut, door.Later = "it was deleted since it was listed", true
		return door
	case !r.Ready:
		door.Shut = fmt.Sprintf("it is in status %q, which is not known here", r.Status)
		return door
	}
	var keys []string
	endpoints, off := 0, 0
	for _, e := range s.endpoints {
		if e.Resource.Product != r.Product || e.Resource.ID != r.ID {
			continue
		}
		endpoints++
		i := slices.IndexFunc(s.rows, func(row probe.Row) bool { return row.Endpoint.URL == e.URL })
		if i < 0 {
			door.Shut = "its endpoints were not asked"
			return door
		}
		row := &s.rows[i]
		switch {
		case row.Result == probe.Disabled:
			off++
		case row.Opened():
			keys = append(keys, row.LetIn()...)
		case row.Result == probe.Unproven && s.expected(r):
			keys = append(keys, "that a run would publish")
		default:
			door.Shut, door.Later = row.Endpoint.URL+" is "+string(row.Result)+": "+row.Detail, row.OutOfTime()
			return door
		}
	}
	switch {
	case endpoints == 0, off == endpoints && s.tellsOff():
		door.Nothing = "it is switched off"
		return door
	case off == endpoints:
		door.Shut = "its default endpoint answers 404, and the API does not tell whether it is switched off"
		return door
	}
	slices.Sort(keys)
	door.Opened = fmt.Sprintf("the key of %s was let in to %s %s in this run", strings.Join(slices.Compact(keys), ", "), r.Product.One(), r.Name)
	return door
}

// tellsOff tells whether the API says of default endpoints that they are switched
// off: old answers leave it out, of every container alike.
func (s *discovered) tellsOff() bool {
	return slices.ContainsFunc(s.world.resources, func(r scaleway.Resource) bool {
		return r.Product == scaleway.Containers && !r.HostMayBeOff
	})
}

// movedSince tells from when on callers could have moved to an IAM key: since
// when an application that was let in in this run, and was not made for checking,
// has a key that lives and that somebody can have. Zero: there is none. Private
// access is granted by project and product, so where in a product a key was let
// in does not matter.
func (s *checked) movedSince(p scaleway.Product) time.Time {
	var since time.Time
	for _, c := range s.world.credentials {
		if c.member.App.ID == s.cfg.ProbeApplication || !slices.Contains(c.member.Products, p) || !(s.letIn(c, p) || s.wouldOpen(c)) {
			continue
		}
		for _, k := range s.callersKeys(c) {
			dies := k.ExpiresAt
			if !dies.IsZero() && !dies.After(k.CreatedAt.Add(s.policy.Grace)) {
				continue // it is no way in for a whole grace period
			}
			if since.IsZero() || k.CreatedAt.Before(since) {
				since = k.CreatedAt
			}
		}
	}
	return since
}

// letIn tells whether the key of an application was let in to a product.
func (s *checked) letIn(c *credential, p scaleway.Product) bool {
	return slices.ContainsFunc(s.rows, func(row probe.Row) bool {
		return row.Endpoint.Resource.Product == p && slices.ContainsFunc(row.Keys, func(k probe.KeyAnswer) bool {
			return k.Key.ApplicationID == c.member.App.ID && k.Answer.Verdict == probe.Accepted
		})
	})
}

// wouldOpen tells whether a dry run would publish a key of an application, as
// the real run does before it looks.
func (s *discovered) wouldOpen(c *credential) bool {
	return s.req.DryRun && c.rotation != nil && c.rotation.Err == nil && c.member.Only
}

// callersKeys are the keys of an application that live and that its callers may have:
// no orphan, which nobody holds, and none that was rolled back from.
func (s *discovered) callersKeys(c *credential) (keys []scaleway.APIKey) {
	now := s.client.Now()
	for _, k := range c.plan.Keys {
		callers := k.State == rotate.Current || k.State == rotate.Superseded || k.State == rotate.Unpublished
		if callers && !k.Bad() && !k.Key.Expired(now) && !s.deleted(k.Key.AccessKey) {
			keys = append(keys, k.Key)
		}
	}
	if r := c.rotation; r != nil && r.Err == nil && !r.Overtaken {
		if k := r.New.APIKey; !s.req.DryRun {
			keys = append(keys, k)
		} else {
			keys = append(keys, scaleway.APIKey{CreatedAt: now})
		}
	}
	return keys
}

// deleted tells whether this run deleted a key, or may have.
func (s *session) deleted(accessKey string) bool {
	return slices.ContainsFunc(s.journal.Changes(), func(c report.Change) bool {
		return c.Kind == "delete_key" && c.Object == accessKey && c.Result != report.Refused
	})
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

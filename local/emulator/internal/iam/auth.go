package iam

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Identify finds the bearer of a secret key. needs is only what a refusal
// names.
func (s *IAM) Identify(secret string, needs permission.Need, now time.Time) (*api.Caller, error) {
	key := s.keyBySecret(secret)
	if key == nil {
		key = s.lingering(secret, s.base.Settings.DeadLag, now)
	}
	switch {
	case !wire.IsUUID(secret):
		return nil, wire.Denied("invalid_argument") // the SDK knows the reason; that it means this is A11
	case key == nil:
		return nil, wire.Denied("not_found")
	case key.Expired(now):
		return nil, wire.Denied("expired")
	case flickers(key.AccessKey, key.CreatedAt.Age(now), s.base.Settings.KeyLag):
		return nil, wire.Forbidden(needs.Action, needs.Resource)
	}
	return &api.Caller{AccessKey: key.AccessKey, Application: key.ApplicationID, User: key.UserID}, nil
}

// PrivateCaller is what the gateway asks of IAM: who bears the X-Auth-Token,
// and may they call private endpoints of product (functions or containers) in
// project? The refusal is a *wire.Error: 401 for an unknown or expired key,
// else 403.
//
// The gateway tells IAM neither the request nor the resource: a condition on
// either grants nothing here (A10).
func (s *IAM) PrivateCaller(secret, product, project string, now time.Time) (*api.Caller, error) {
	needs := permission.CallFunction
	if product == "containers" {
		needs = permission.CallContainer
	}
	who, err := s.Identify(secret, needs, now)
	if err != nil {
		return nil, err
	}
	if !s.Grants(api.Question{Who: who, Sets: needs.Sets, Project: project, Now: now}) {
		return nil, wire.Forbidden(needs.Action, needs.Resource)
	}
	return who, nil
}

// flickers tells whether some cache does not know yet what came to be so long
// ago. It is not monotonic: a fresh key is refused, accepted and refused again
// until the lag is over (docs/scaleway.md, Eventual consistency; A67).
func flickers(id string, age, lag time.Duration) bool {
	if age >= lag {
		return false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write([]byte{byte(age / time.Second)}) //nolint:gosec // any byte does
	return h.Sum32()%3 != 0
}

// Grants answers a question by the rules of the policies that reach the
// caller, directly or through a group.
func (s *IAM) Grants(q api.Question) bool {
	if q.Who.User != "" && q.Who.User == s.owner {
		return true // an owner holds everything, without a policy
	}
	for _, p := range s.policies.All(nil) {
		since, reached := s.reaches(p, q.Who)
		if !reached {
			continue
		}
		for _, r := range p.Rules {
			if s.ruleGrants(r, since, q) {
				return true
			}
		}
	}
	return false
}

func (s *IAM) ruleGrants(r *rule, since time.Time, q api.Question) bool {
	holds := slices.ContainsFunc(r.PermissionSetNames, func(set string) bool { return slices.Contains(q.Sets, set) })
	if !holds || !r.covers(q) {
		return false
	}
	if r.granted.After(since) {
		since = r.granted
	}
	if flickers(q.Who.AccessKey+r.ID, q.Now.Sub(since), s.base.Settings.GrantLag) {
		return false
	}
	return s.conditions.hold(r.Condition, q)
}

// covers tells whether the rule's scope holds what is asked about. A rule on
// the organization covers all its projects.
func (r *rule) covers(q api.Question) bool {
	if r.OrganizationID != "" {
		return true
	}
	return q.Anywhere && len(r.ProjectIDs) > 0 || slices.Contains(r.ProjectIDs, q.Project)
}

// reaches tells whether the policy's principal is the caller or a group that
// the caller belongs to, and since when it has been.
func (s *IAM) reaches(p *Policy, who *api.Caller) (since time.Time, reached bool) {
	switch {
	case p.ApplicationID != "":
		return p.attached, p.ApplicationID == who.Application
	case p.UserID != "":
		return p.attached, p.UserID == who.User
	case p.GroupID == "":
		return time.Time{}, false
	}
	g := s.groups.Get(p.GroupID)
	if g == nil {
		return time.Time{}, false
	}
	joined, member := s.membership(g, who)
	if p.attached.After(joined) {
		joined = p.attached
	}
	return joined, member
}

// membership tells whether the caller is in the group, and since when.
func (s *IAM) membership(g *group, who *api.Caller) (since time.Time, member bool) {
	id := who.Application
	all := g.AllApplications
	if who.User != "" {
		id, all = who.User, g.AllUsers
	}
	if a := s.applications.Get(who.Application); a != nil && a.Managed {
		all = false // "contains all non-managed applications" (the SDK on all_applications)
	}
	since, member = g.joined[id]
	return since, member || all
}

package emulator

import (
	"hash/fnv"
	"regexp"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// caller is who sent a request: the bearer of an API key.
type caller struct {
	accessKey   string
	application string // one of the two is ""
	user        string
}

// authenticate finds the caller by secret key.
func (c *call) authenticate(secret string) (*caller, error) {
	return c.identify(secret, c.needs, c.now)
}

// identify finds the bearer of a secret key. needs is only what a refusal
// names.
func (e *Emulator) identify(secret string, needs need, now time.Time) (*caller, error) {
	key := e.iam.keyBySecret(secret)
	if key == nil {
		key = e.iam.lingering(secret, e.options.DeadLag, now)
	}
	switch {
	case !secretForm.MatchString(secret):
		return nil, wire.Denied("invalid_argument") // the SDK knows the reason; that it means this is A11
	case key == nil:
		return nil, wire.Denied("not_found")
	case key.expired(now):
		return nil, wire.Denied("expired")
	case flickers(key.AccessKey, key.CreatedAt.Age(now), e.options.KeyLag):
		return nil, wire.Forbidden(needs.action, needs.resource)
	}
	return &caller{accessKey: key.AccessKey, application: key.ApplicationID, user: key.UserID}, nil
}

// secretForm is what a secret key looks like: a UUID.
var secretForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// privateCaller is what the gateway asks of IAM: who bears the X-Auth-Token,
// and may they call private endpoints of product (functions or containers) in
// project? The refusal is an *apiError: 401 for an unknown or expired key,
// else 403. e.mu is held.
//
// The gateway tells IAM neither the request nor the resource: a condition on
// either grants nothing here (A10).
func (e *Emulator) privateCaller(secret, product, project string, now time.Time) (*caller, error) {
	needs := needCallFunction
	if product == "containers" {
		needs = needCallContainer
	}
	who, err := e.identify(secret, needs, now)
	if err != nil {
		return nil, err
	}
	if !e.grants(question{who: who, sets: needs.sets, project: project, now: now}) {
		return nil, wire.Forbidden(needs.action, needs.resource)
	}
	return who, nil
}

// flickers tells whether some cache does not know yet what came to be so long
// ago. It is not monotonic: a fresh key is refused, accepted and refused again
// until the lag is over (FACTS section 2, eventual consistency; A67).
func flickers(id string, age, lag time.Duration) bool {
	if age >= lag {
		return false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write([]byte{byte(age / time.Second)}) //nolint:gosec // any byte does
	return h.Sum32()%3 != 0
}

// authorize tells whether the caller may use the route on something of
// project; "" means the organization. It returns the 403 if not.
func (c *call) authorize(project string) error { return c.authorizeOn(project, "", "") }

// authorizeOn is authorize for one resource, which conditions may name.
func (c *call) authorizeOn(project, id, name string) error {
	if c.allowedOn(project, id, name) {
		return nil
	}
	return c.forbidden()
}

func (c *call) forbidden() error { return wire.Forbidden(c.needs.action, c.needs.resource) }

func (c *call) allowed(project string) bool { return c.allowedOn(project, "", "") }

func (c *call) allowedOn(project, id, name string) bool {
	q := c.question()
	q.project, q.id, q.name = project, id, name
	return c.grants(q)
}

// allowedSomewhere tells whether the caller may use the route in any project:
// a list is a 403 for those who may not, and for all others holds what they
// may see.
func (c *call) allowedSomewhere() bool {
	q := c.question()
	q.anywhere = true
	return c.grants(q)
}

func (c *call) question() question {
	return question{who: c.who, sets: c.needs.sets, userAgent: c.r.UserAgent(), ip: c.address(), fromAPI: true, now: c.now}
}

// question is what is asked of IAM: may who do something that one of sets
// allows, in project?
type question struct {
	who      *caller
	sets     []string
	project  string // "" means the organization itself
	anywhere bool   // in any project will do

	// What conditions can see.
	id, name  string // of the resource; "" where there is none
	fromAPI   bool   // the user agent and the address are known
	userAgent string
	ip        string
	now       time.Time
}

// grants answers a question by the rules of the policies that reach the
// caller, directly or through a group.
func (e *Emulator) grants(q question) bool {
	if q.who.user != "" && q.who.user == e.iam.owner {
		return true // an owner holds everything, without a policy
	}
	for _, p := range e.iam.policies.All(nil) {
		since, reached := e.iam.reaches(p, q.who)
		if !reached {
			continue
		}
		for _, r := range p.rules {
			if e.ruleGrants(r, since, q) {
				return true
			}
		}
	}
	return false
}

func (e *Emulator) ruleGrants(r *rule, since time.Time, q question) bool {
	holds := slices.ContainsFunc(r.PermissionSetNames, func(set string) bool { return slices.Contains(q.sets, set) })
	if !holds || !r.covers(q) {
		return false
	}
	if r.granted.After(since) {
		since = r.granted
	}
	if flickers(q.who.accessKey+r.ID, q.now.Sub(since), e.options.GrantLag) {
		return false
	}
	return e.iam.conditions.hold(r.Condition, q)
}

// covers tells whether the rule's scope holds what is asked about. A rule on
// the organization covers all its projects.
func (r *rule) covers(q question) bool {
	if r.OrganizationID != "" {
		return true
	}
	return q.anywhere && len(r.ProjectIDs) > 0 || slices.Contains(r.ProjectIDs, q.project)
}

// reaches tells whether the policy's principal is the caller or a group that
// the caller belongs to, and since when it has been.
func (s *iamState) reaches(p *policy, who *caller) (since time.Time, reached bool) {
	switch {
	case p.ApplicationID != "":
		return p.attached, p.ApplicationID == who.application
	case p.UserID != "":
		return p.attached, p.UserID == who.user
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
func (s *iamState) membership(g *group, who *caller) (since time.Time, member bool) {
	id := who.application
	all := g.AllApplications
	if who.user != "" {
		id, all = who.user, g.AllUsers
	}
	if a := s.applications.Get(who.application); a != nil && a.Managed {
		all = false // "contains all non-managed applications" (the SDK on all_applications)
	}
	since, member = g.joined[id]
	return since, member || all
}

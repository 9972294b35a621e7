package run

import (
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// member is one application with what its policies give it.
type member struct {
	app      scaleway.Application
	in       bool   // its key is rotated here
	reason   string // why, or why not
	notable  bool   // it is worth a line of the report though it is not in scope
	products []scaleway.Product
	// only: it may do nothing else than call private endpoints, so its key may
	// go to them.
	only bool
}

// scoping is what scope needs to know.
type scoping struct {
	applications []scaleway.Application
	policies     []scaleway.Principal
	groups       []scaleway.Group
	rules        map[string][]scaleway.Grant // by policy; absent: could not be read
	listed       []string                    // application IDs of the configuration; empty: found by policy
	project      string
	own          string // the function's own application
}

// reaches tells whether a policy's principal includes an application.
func (s *scoping) reaches(p scaleway.Principal, app string) bool {
	if p.ApplicationID != "" {
		return p.ApplicationID == app
	}
	return slices.ContainsFunc(s.groups, func(g scaleway.Group) bool {
		return p.GroupID != "" && g.ID == p.GroupID && (g.AllApplications || slices.Contains(g.ApplicationIDs, app))
	})
}

// relevant returns the policies whose rules matter: those that reach an
// application which may be in scope.
func (s *scoping) relevant() []scaleway.Principal {
	return slices.DeleteFunc(slices.Clone(s.policies), func(p scaleway.Principal) bool {
		return !slices.ContainsFunc(s.applications, func(a scaleway.Application) bool {
			return s.eligible(a) && s.reaches(p, a.ID)
		})
	})
}

func (s *scoping) eligible(a scaleway.Application) bool {
	return a.ID != s.own && !a.Managed && (len(s.listed) == 0 || slices.Contains(s.listed, a.ID))
}

// members decides about every application of the organization.
func (s *scoping) members() []member {
	out := make([]member, 0, len(s.applications))
	for _, a := range s.applications {
		out = append(out, s.member(a))
	}
	return out
}

func (s *scoping) member(a scaleway.Application) member {
	m := member{app: a}
	switch {
	case a.ID == s.own:
		m.reason, m.notable = "the function's own application", true
		return m
	case a.Managed:
		m.reason = "managed by Scaleway"
		return m
	case !s.eligible(a):
		m.reason = "not listed in ROTATOR_APPLICATIONS"
		return m
	}
	grants, complete := s.grants(a.ID)
	private := s.privateAccess(&m, grants)
	m.only = complete && private
	listed := len(s.listed) > 0
	switch {
	case listed:
		m.in, m.reason = true, "listed in ROTATOR_APPLICATIONS"
	case !complete:
		m.reason, m.notable = "its policies could not be read", len(m.products) > 0
	case len(m.products) == 0:
		m.reason = "no policy grants it private access to this project"
	case s.elsewhere(grants):
		m.reason, m.notable = "it reaches more than this project", true
	default:
		m.in, m.reason = true, "granted "+strings.Join(sets(m.products), " and ")+" on this project alone"
	}
	return m
}

// grants collects what an application's policies give it; complete is false
// where the rules of one could not be read.
func (s *scoping) grants(app string) (grants []scaleway.Grant, complete bool) {
	complete = true
	for _, p := range s.policies {
		if !s.reaches(p, app) {
			continue
		}
		rules, read := s.rules[p.PolicyID]
		complete = complete && read
		grants = append(grants, rules...)
	}
	return grants, complete
}

// privateAccess notes whose private endpoints the grants open in this project,
// and tells whether they give nothing else. A conditional rule may not apply to
// a call: it is not counted as granted, but as something else that it may do.
func (s *scoping) privateAccess(m *member, grants []scaleway.Grant) (only bool) {
	only = true
	for _, g := range grants {
		for _, set := range g.PermissionSets {
			product, private := productOf(set)
			if !private {
				only = false
				continue
			}
			if g.Condition == "" && g.Reaches(s.project) && !slices.Contains(m.products, product) {
				m.products = append(m.products, product)
			}
		}
	}
	slices.Sort(m.products)
	slices.Reverse(m.products) // functions first
	return only
}

func productOf(set string) (scaleway.Product, bool) {
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		if set == p.PrivateAccess() {
			return p, true
		}
	}
	return "", false
}

// elsewhere tells whether grants give anything in another project, even on a
// condition.
func (s *scoping) elsewhere(grants []scaleway.Grant) bool {
	return slices.ContainsFunc(grants, func(g scaleway.Grant) bool {
		if g.OrganizationSets {
			return false
		}
		return g.Organization || slices.ContainsFunc(g.ProjectIDs, func(id string) bool { return id != s.project })
	})
}

func sets(products []scaleway.Product) []string {
	out := make([]string, 0, len(products))
	for _, p := range products {
		out = append(out, p.PrivateAccess())
	}
	return out
}

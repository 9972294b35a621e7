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
	doubtful bool   // whether it is in scope cannot be told
	quiet    bool   // that it is not in scope is a line of the report, and no warning
	products []scaleway.Product
	// only: it may do nothing else than call private endpoints, so its key may
	// go to them.
	only bool
}

// scoping is what scope needs to know.
type scoping struct {
	applications []scaleway.Application
	users        []scaleway.User
	policies     []scaleway.Principal
	groups       []scaleway.Group
	rules        map[string][]scaleway.Grant // by policy; absent: could not be read
	listed       []string                    // application IDs of the configuration; empty: found by policy
	project      string
	ownID        string // the function's own application
}

// reaches tells whether a policy's principal includes an application, or may.
func (s *scoping) reaches(p scaleway.Principal, app string) bool {
	if p.Unknown {
		return true
	}
	if p.ApplicationID != "" {
		return p.ApplicationID == app
	}
	return slices.ContainsFunc(s.groups, func(g scaleway.Group) bool {
		return p.GroupID != "" && g.ID == p.GroupID && (g.AllApplications || slices.Contains(g.ApplicationIDs, app))
	})
}

// relevant returns the policies whose rules matter: those that reach anybody, or
// may. What gives nothing to anybody now gives no access to report.
func (s *scoping) relevant() []scaleway.Principal {
	return slices.DeleteFunc(slices.Clone(s.policies), func(p scaleway.Principal) bool {
		return !p.Unknown && p.ApplicationID == "" && p.GroupID == "" && p.UserID == ""
	})
}

func (s *scoping) eligible(a scaleway.Application) bool {
	return a.ID != s.ownID && !a.Managed && (len(s.listed) == 0 || slices.Contains(s.listed, a.ID))
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
	grants, possible, complete := s.grants(a.ID)
	able := s.access(grants)
	switch {
	case a.ID == s.ownID:
		m.reason, m.notable, m.quiet = "the function's own application", true, true
		return m
	case a.Managed:
		m.reason, m.notable, m.quiet = "managed by Scaleway", able.some(), true
		return m
	case !s.eligible(a):
		m.reason, m.notable, m.quiet = "not listed in ROTATOR_APPLICATIONS", able.some(), true
		return m
	}
	m.products = s.privateAccess(grants)
	m.only = complete && !slices.ContainsFunc(slices.Concat(grants, possible), beyondPrivate)
	sometimes := s.conditionalAccess(grants)
	switch administers := administers(grants); {
	case len(s.listed) > 0:
		m.in, m.reason = true, "listed in ROTATOR_APPLICATIONS"
	case !complete:
		m.reason, m.notable = "its policies could not be read", able.some()
	case !able.some():
		m.reason = "no policy grants it private access to this project"
	case administers != "":
		m.reason, m.notable, m.quiet = "an administrator's: it has "+administers, true, true
	case s.elsewhere(grants):
		m.reason, m.notable = "it reaches more than this project", true
	case len(sometimes) == 0:
		m.reason, m.notable = "what lets it ("+strings.Join(able.sets, ", ")+") gives more than that", true
	case s.elsewhere(possible):
		m.reason, m.notable, m.doubtful = "a policy that does not say whose it is reaches more than this project, and may be its own", true, true
	case len(m.products) == 0:
		// A condition narrows when a grant holds, not whose key it is. Whether it
		// holds at an endpoint nobody can tell, so the key is tried at none.
		m.in, m.reason = true, "granted "+strings.Join(sets(sometimes), " and ")+" on this project alone, on a condition"
	default:
		m.in, m.reason = true, "granted "+strings.Join(sets(m.products), " and ")+" on this project alone"
	}
	return m
}

// grants collects what an application's policies give it, and what those give
// that may be its own; complete is false where the rules of one could not be read.
func (s *scoping) grants(app string) (grants, possible []scaleway.Grant, complete bool) {
	complete = true
	for _, p := range s.policies {
		if !s.reaches(p, app) {
			continue
		}
		rules, read := s.rules[p.PolicyID]
		complete = complete && read
		if p.Unknown {
			possible = append(possible, rules...)
		} else {
			grants = append(grants, rules...)
		}
	}
	return grants, possible, complete
}

// privateAccess tells whose private endpoints the grants open in this project. A
// conditional rule may not apply to a call: it is not counted as granted, but as
// something else that it may do.
func (s *scoping) privateAccess(grants []scaleway.Grant) (products []scaleway.Product) {
	for _, g := range grants {
		for _, set := range g.PermissionSets {
			product, private := productOf(set)
			if private && g.Condition == "" && g.Reaches(s.project) && !slices.Contains(products, product) {
				products = append(products, product)
			}
		}
	}
	slices.Sort(products)
	slices.Reverse(products) // functions first
	return products
}

// conditionalAccess tells whose private endpoints the grants open in this project,
// sometimes.
func (s *scoping) conditionalAccess(grants []scaleway.Grant) []scaleway.Product {
	always := slices.Clone(grants)
	for i := range always {
		always[i].Condition = ""
	}
	return s.privateAccess(always)
}

// beyondPrivate tells whether a rule gives more than calling private endpoints.
func beyondPrivate(g scaleway.Grant) bool {
	return slices.ContainsFunc(g.PermissionSets, func(set string) bool {
		_, private := productOf(set)
		return !private
	})
}

func productOf(set string) (scaleway.Product, bool) {
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		if set == p.PrivateAccess() {
			return p, true
		}
	}
	return "", false
}

// elsewhere tells whether grants give anything beyond this project, even on a
// condition: in another one, or on the organization, of whatever kind.
func (s *scoping) elsewhere(grants []scaleway.Grant) bool {
	return slices.ContainsFunc(grants, func(g scaleway.Grant) bool {
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

// Package scope decides, by the policies of an organization, whose API keys are
// rotated in a project, and tells who can call its private endpoints
// (docs/scaleway.md, Policies and rules). It asks
// nothing, and changes nothing.
package scope

import (
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Member is one application with what its policies give it.
type Member struct {
	App      scaleway.Application
	In       bool   // its key is rotated here
	Reason   string // why, or why not
	Notable  bool   // it is worth a line of the report though it is not in scope
	Doubtful bool   // whether it is in scope cannot be told
	Quiet    bool   // that it is not in scope is a line of the report, and no warning
	Products []scaleway.Product
	// Only: it may do nothing else than call private endpoints, so its key may
	// go to them.
	Only bool
}

// Facts are what IAM says of an organization, and which project it is about.
type Facts struct {
	Applications []scaleway.Application
	Users        []scaleway.User
	Policies     []scaleway.Principal
	Groups       []scaleway.Group
	Rules        map[string][]scaleway.Grant // by the ID of the policy; absent: could not be read
	Listed       []string                    // application IDs of the configuration; empty: found by policy
	Project      string
	OwnID        string // the function's own application
}

// reaches tells whether a policy's principal includes an application, or may.
func (s *Facts) reaches(p scaleway.Principal, app string) bool {
	if p.Unknown {
		return true
	}
	if p.ApplicationID != "" {
		return p.ApplicationID == app
	}
	return slices.ContainsFunc(s.Groups, func(g scaleway.Group) bool {
		return p.GroupID != "" && g.ID == p.GroupID && (g.AllApplications || slices.Contains(g.ApplicationIDs, app))
	})
}

// Relevant returns the policies whose rules matter: those that reach anybody, or
// may. What gives nothing to anybody now gives no access to report.
func (s *Facts) Relevant() []scaleway.Principal {
	return slices.DeleteFunc(slices.Clone(s.Policies), func(p scaleway.Principal) bool {
		return !p.Unknown && p.ApplicationID == "" && p.GroupID == "" && p.UserID == ""
	})
}

func (s *Facts) eligible(a scaleway.Application) bool {
	return a.ID != s.OwnID && !a.Managed && (len(s.Listed) == 0 || slices.Contains(s.Listed, a.ID))
}

// Members decides about every application of the organization.
func (s *Facts) Members() []Member {
	out := make([]Member, 0, len(s.Applications))
	for _, a := range s.Applications {
		out = append(out, s.member(a))
	}
	return out
}

func (s *Facts) member(a scaleway.Application) Member {
	m := Member{App: a}
	grants, possible, complete := s.Grants(a.ID)
	able := s.access(grants)
	switch {
	case a.ID == s.OwnID:
		m.Reason, m.Notable, m.Quiet = "the function's own application", true, true
		return m
	case a.Managed:
		m.Reason, m.Notable, m.Quiet = "managed by Scaleway", able.some(), true
		return m
	case !s.eligible(a):
		m.Reason, m.Notable, m.Quiet = "not listed in ROTATOR_APPLICATIONS", able.some(), true
		return m
	}
	m.Products = s.privateAccess(grants)
	m.Only = complete && !slices.ContainsFunc(slices.Concat(grants, possible), beyondPrivate)
	sometimes := s.conditionalAccess(grants)
	switch administers := administers(grants); {
	case len(s.Listed) > 0:
		m.In, m.Reason = true, "listed in ROTATOR_APPLICATIONS"
	case !complete:
		m.Reason, m.Notable = "its policies could not be read", able.some()
	case !able.some():
		m.Reason = "no policy grants it private access to this project"
	case administers != "":
		m.Reason, m.Notable, m.Quiet = "an administrator's: it has "+administers, true, true
	case s.elsewhere(grants):
		m.Reason, m.Notable = "it reaches more than this project", true
	case len(sometimes) == 0:
		m.Reason, m.Notable = "what lets it ("+strings.Join(able.Sets, ", ")+") gives more than that", true
	case s.elsewhere(possible):
		m.Reason, m.Notable, m.Doubtful = "a policy that does not say whose it is reaches more than this project, and may be its own", true, true
	case len(m.Products) == 0:
		// A condition narrows when a grant holds, not whose key it is. Whether it
		// holds at an endpoint nobody can tell, so the key is tried at none.
		m.In, m.Reason = true, "granted "+strings.Join(sets(sometimes), " and ")+" on this project alone, on a condition"
	default:
		m.In, m.Reason = true, "granted "+strings.Join(sets(m.Products), " and ")+" on this project alone"
	}
	return m
}

// Grants collects what an application's policies give it, and what those give
// that may be its own; complete is false where the rules of one could not be read.
func (s *Facts) Grants(app string) (grants, possible []scaleway.Grant, complete bool) {
	complete = true
	for _, p := range s.Policies {
		if !s.reaches(p, app) {
			continue
		}
		rules, read := s.Rules[p.PolicyID]
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
func (s *Facts) privateAccess(grants []scaleway.Grant) (products []scaleway.Product) {
	for _, g := range grants {
		for _, set := range g.PermissionSets {
			product, private := productOf(set)
			if private && g.Condition == "" && g.Reaches(s.Project) && !slices.Contains(products, product) {
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
func (s *Facts) conditionalAccess(grants []scaleway.Grant) []scaleway.Product {
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
func (s *Facts) elsewhere(grants []scaleway.Grant) bool {
	return slices.ContainsFunc(grants, func(g scaleway.Grant) bool {
		return g.Organization || slices.ContainsFunc(g.ProjectIDs, func(id string) bool { return id != s.Project })
	})
}

func sets(products []scaleway.Product) []string {
	out := make([]string, 0, len(products))
	for _, p := range products {
		out = append(out, p.PrivateAccess())
	}
	return out
}

package run

import (
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// access is what grants give at this project's private endpoints.
type access struct {
	products    []scaleway.Product
	sets        []string // that give it, in the order of the grants
	conditional bool     // all of them on a condition
}

func (a access) some() bool { return len(a.sets) > 0 }

// caller is one principal that can call private endpoints of this project.
type caller struct {
	kind string // application or user
	id   string
	name string
	access
	owner bool // of the organization, who needs no grant
}

// opens tells whose private endpoints a permission set may open. Which sets do
// beside the two that are made for it is not documented (A09): so every set of
// these products that is not for reading alone counts. It is reported who can
// call, and nobody is put in scope by it.
func opens(set string) []scaleway.Product {
	if strings.HasSuffix(set, "ReadOnly") {
		return nil
	}
	switch {
	case strings.HasPrefix(set, "AllProducts"), strings.HasPrefix(set, "Serverless") && !strings.HasPrefix(set, "ServerlessJobs"):
		return []scaleway.Product{scaleway.Functions, scaleway.Containers}
	case strings.HasPrefix(set, "Functions"):
		return []scaleway.Product{scaleway.Functions}
	case strings.HasPrefix(set, "Containers"):
		return []scaleway.Product{scaleway.Containers}
	}
	return nil
}

// access tells what grants give at this project's private endpoints.
func (s *scoping) access(grants []scaleway.Grant) access {
	a := access{conditional: true}
	for _, g := range grants {
		if !g.Reaches(s.project) {
			continue
		}
		for _, set := range g.PermissionSets {
			products := opens(set)
			if len(products) == 0 {
				continue
			}
			a.conditional = a.conditional && g.Condition != ""
			if !slices.Contains(a.sets, set) {
				a.sets = append(a.sets, set)
			}
			for _, p := range products {
				if !slices.Contains(a.products, p) {
					a.products = append(a.products, p)
				}
			}
		}
	}
	slices.Sort(a.products)
	slices.Reverse(a.products) // functions first
	a.conditional = a.conditional && a.some()
	return a
}

// administers says what makes an application an administrator's, or "": a right
// on the organization other than that to call private endpoints, or one to
// everything in a project.
func administers(grants []scaleway.Grant) string {
	for _, g := range grants {
		for _, set := range g.PermissionSets {
			_, private := productOf(set)
			switch {
			case g.Organization && !private:
				return set + " on the organization"
			case strings.HasPrefix(set, "AllProducts") && !strings.HasSuffix(set, "ReadOnly"):
				return set
			}
		}
	}
	return ""
}

// callers are all who can call private endpoints of this project, whatever lets
// them: the applications as they were listed, then the users.
func (s *scoping) callers() []caller {
	var out []caller
	for _, a := range s.applications {
		grants, _, _ := s.grants(a.ID)
		if able := s.access(grants); able.some() {
			out = append(out, caller{kind: "application", id: a.ID, name: a.Name, access: able})
		}
	}
	for _, u := range s.everyUser() {
		var grants []scaleway.Grant
		for _, p := range s.policies {
			if s.reachesUser(p, u.ID) {
				grants = append(grants, s.rules[p.PolicyID]...)
			}
		}
		able := s.access(grants)
		if u.Owner {
			able.products, able.conditional = []scaleway.Product{scaleway.Functions, scaleway.Containers}, false
		}
		if u.Owner || able.some() {
			out = append(out, caller{kind: "user", id: u.ID, name: u.Name, access: able, owner: u.Owner})
		}
	}
	return out
}

// everyUser are the users that were listed, and those that only a policy or a
// group names.
func (s *scoping) everyUser() []scaleway.User {
	all := slices.Clone(s.users)
	add := func(id string) {
		if id != "" && !slices.ContainsFunc(all, func(u scaleway.User) bool { return u.ID == id }) {
			all = append(all, scaleway.User{ID: id, Name: id})
		}
	}
	for _, p := range s.policies {
		add(p.UserID)
	}
	for _, g := range s.groups {
		for _, id := range g.UserIDs {
			add(id)
		}
	}
	return all
}

func (s *scoping) reachesUser(p scaleway.Principal, user string) bool {
	if p.UserID != "" {
		return p.UserID == user
	}
	return slices.ContainsFunc(s.groups, func(g scaleway.Group) bool {
		return p.GroupID != "" && g.ID == p.GroupID && (g.AllUsers || slices.Contains(g.UserIDs, user))
	})
}

// callers are the lines of the report on who can call private endpoints.
func (s *discovered) callers() []report.Caller {
	out := []report.Caller{}
	for _, c := range s.world.callers {
		line := report.Caller{
			Kind: c.kind, ID: c.id, Name: c.name, PermissionSets: append([]string{}, c.sets...), Products: []string{}, Conditional: c.conditional, Keys: []report.CallerKey{},
			Why: "a person's keys are never rotated",
		}
		if c.owner {
			line.Why = "the organization's owner: " + line.Why
		}
		for _, p := range c.products {
			line.Products = append(line.Products, string(p))
		}
		for _, m := range s.world.members {
			if c.kind == "application" && m.app.ID == c.id {
				line.InScope, line.Why = m.in, m.reason
			}
		}
		for _, k := range s.keysOf(c) {
			line.Keys = append(line.Keys, s.callerKey(c, k))
		}
		out = append(out, line)
	}
	return out
}

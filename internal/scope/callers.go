package scope

import (
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Access is what grants give at a project's private endpoints.
type Access struct {
	Products    []scaleway.Product
	Sets        []string // permission sets that give it, in the order of the grants
	Conditional bool     // all of them on a condition
}

func (a Access) some() bool { return len(a.Sets) > 0 }

// Caller is one principal that can call private endpoints of the project.
type Caller struct {
	Kind string // application or user
	ID   string
	Name string
	Access
	Owner bool // of the organization, who needs no grant
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
func (s *Facts) access(grants []scaleway.Grant) Access {
	a := Access{Conditional: true}
	for _, g := range grants {
		if !g.Reaches(s.Project) {
			continue
		}
		for _, set := range g.PermissionSets {
			products := opens(set)
			if len(products) == 0 {
				continue
			}
			a.Conditional = a.Conditional && g.Condition != ""
			if !slices.Contains(a.Sets, set) {
				a.Sets = append(a.Sets, set)
			}
			for _, p := range products {
				if !slices.Contains(a.Products, p) {
					a.Products = append(a.Products, p)
				}
			}
		}
	}
	slices.Sort(a.Products)
	slices.Reverse(a.Products) // functions first
	a.Conditional = a.Conditional && a.some()
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

// Callers are all who can call private endpoints of this project, whatever lets
// them: the applications as they were listed, then the users.
func (s *Facts) Callers() []Caller {
	var out []Caller
	for _, a := range s.Applications {
		grants, _, _ := s.Grants(a.ID)
		if able := s.access(grants); able.some() {
			out = append(out, Caller{Kind: "application", ID: a.ID, Name: a.Name, Access: able})
		}
	}
	for _, u := range s.everyUser() {
		var grants []scaleway.Grant
		for _, p := range s.Policies {
			if s.reachesUser(p, u.ID) {
				grants = append(grants, s.Rules[p.PolicyID]...)
			}
		}
		able := s.access(grants)
		if u.Owner {
			able.Products, able.Conditional = []scaleway.Product{scaleway.Functions, scaleway.Containers}, false
		}
		if u.Owner || able.some() {
			out = append(out, Caller{Kind: "user", ID: u.ID, Name: u.Name, Access: able, Owner: u.Owner})
		}
	}
	return out
}

// everyUser are the users that were listed, and those that only a policy or a
// group names.
func (s *Facts) everyUser() []scaleway.User {
	all := slices.Clone(s.Users)
	add := func(id string) {
		if id != "" && !slices.ContainsFunc(all, func(u scaleway.User) bool { return u.ID == id }) {
			all = append(all, scaleway.User{ID: id, Name: id})
		}
	}
	for _, p := range s.Policies {
		add(p.UserID)
	}
	for _, g := range s.Groups {
		for _, id := range g.UserIDs {
			add(id)
		}
	}
	return all
}

func (s *Facts) reachesUser(p scaleway.Principal, user string) bool {
	if p.UserID != "" {
		return p.UserID == user
	}
	return slices.ContainsFunc(s.Groups, func(g scaleway.Group) bool {
		return p.GroupID != "" && g.ID == p.GroupID && (g.AllUsers || slices.Contains(g.UserIDs, user))
	})
}

package iam

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// group is a set of users and applications that a policy can have as its
// principal. Two special ones hold everybody of a kind (the SDK on all_users
// and all_applications); who that is, their id lists do not say (A18).
type group struct {
	ID              string     `json:"id"`
	CreatedAt       wire.Stamp `json:"created_at"`
	UpdatedAt       wire.Stamp `json:"updated_at"`
	OrganizationID  string     `json:"organization_id"`
	Name            string     `json:"name"`
	Description     string     `json:"description"`
	UserIDs         []string   `json:"user_ids"`
	ApplicationIDs  []string   `json:"application_ids"`
	Tags            []string   `json:"tags"`
	Editable        bool       `json:"editable"`
	Deletable       bool       `json:"deletable"`
	Managed         bool       `json:"managed"`
	AllUsers        bool       `json:"all_users"`
	AllApplications bool       `json:"all_applications"`

	joined map[string]time.Time // every member, and since when
}

func (s *IAM) routeGroups(mux *http.ServeMux) {
	const base = root + "/groups"
	s.handle(mux, "GET "+base, permission.ReadGroup, listGroups)
	s.handle(mux, "POST "+base, permission.CreateGroup, createGroup)
	s.handle(mux, "GET "+base+"/{id}", permission.ReadGroup, getGroup)
	s.handle(mux, "PATCH "+base+"/{id}", permission.WriteGroup, updateGroup)
	s.handle(mux, "DELETE "+base+"/{id}", permission.DeleteGroup, deleteGroup)
	s.routeMembers(mux, base+"/{id}")
}

func listGroups(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	rows := c.iam.groups.All(func(g *group) bool {
		return c.Passes("name", g.Name) && c.Passes("group_ids", g.ID) && c.PassesTag(g.Tags) &&
			c.PassesAny("application_ids", g.ApplicationIDs) && c.PassesAny("user_ids", g.UserIDs)
	})
	rows = api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *group) int{
		"created_at": wire.ByTime(func(g *group) wire.Stamp { return g.CreatedAt }),
		"updated_at": wire.ByTime(func(g *group) wire.Stamp { return g.UpdatedAt }),
		"name":       wire.ByText(func(g *group) string { return g.Name }),
	})
	return c.List("groups", wire.Views(rows, func(g *group) any { return g }), api.IAMPaging)
}

func createGroup(c *call) (any, error) {
	var in struct {
		OrganizationID string   `json:"organization_id"`
		Name           string   `json:"name"`
		Description    string   `json:"description"`
		Tags           []string `json:"tags"`
	}
	if err := c.Begin(&in, &in.OrganizationID); err != nil {
		return nil, err
	}
	if err := api.CheckTexts(&in.Name, &in.Description, &in.Tags); err != nil {
		return nil, err
	}
	if err := c.iam.groupNameFree(in.Name, ""); err != nil {
		return nil, err
	}
	g := c.iam.addGroup(c.Mint.UUID(), in.Name, in.Description, wire.At(c.Now))
	g.Tags = wire.OrEmpty(in.Tags)
	return g, nil
}

func (s *IAM) addGroup(id, name, description string, now wire.Stamp) *group {
	g := &group{
		ID: id, CreatedAt: now, UpdatedAt: now, OrganizationID: s.base.OrganizationID, Name: name, Description: description,
		UserIDs: []string{}, ApplicationIDs: []string{}, Tags: []string{}, Editable: true, Deletable: true,
		joined: map[string]time.Time{},
	}
	s.groups.Put(id, g)
	return g
}

// groupNameFree holds "MUST be unique inside an Organization" (the SDK). Which
// error says so was never recorded.
func (s *IAM) groupNameFree(name, except string) error {
	for _, g := range s.groups.All(func(g *group) bool { return g.Name == name && g.ID != except }) {
		return wire.Exists("group", g.ID, "a group of this name exists")
	}
	return nil
}

// group finds the one that the path names.
func (c *call) group() (*group, error) {
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	id := c.Request.PathValue("id")
	if g := c.iam.groups.Get(id); g != nil {
		return g, nil
	}
	return nil, wire.NotFound("group", id)
}

// editableGroup is group, with the request's body read.
func (c *call) editableGroup(in any) (*group, error) {
	g, err := c.group()
	if err != nil {
		return nil, err
	}
	if err := c.Decode(in); err != nil {
		return nil, err
	}
	if !g.Editable {
		return nil, c.Forbidden()
	}
	return g, nil
}

func getGroup(c *call) (any, error) {
	g, err := c.group()
	if err != nil {
		return nil, err
	}
	return g, nil
}

func updateGroup(c *call) (any, error) {
	var in struct {
		Name        *string   `json:"name"`
		Description *string   `json:"description"`
		Tags        *[]string `json:"tags"`
	}
	g, err := c.editableGroup(&in)
	if err != nil {
		return nil, err
	}
	if err := api.CheckTexts(in.Name, in.Description, in.Tags); err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := c.iam.groupNameFree(*in.Name, g.ID); err != nil {
			return nil, err
		}
	}
	wire.Set(&g.Name, in.Name)
	wire.Set(&g.Description, in.Description)
	wire.Set(&g.Tags, in.Tags)
	g.UpdatedAt = wire.At(c.Now)
	return g, nil
}

func deleteGroup(c *call) (any, error) {
	g, err := c.group()
	if err != nil {
		if c.Allowed("") {
			return c.goneAgain("group", c.Request.PathValue("id"))
		}
		return nil, err
	}
	if !g.Deletable {
		return nil, c.Forbidden()
	}
	for _, p := range c.iam.policies.All(func(p *Policy) bool { return p.GroupID == g.ID }) {
		p.principal = principal{NoPrincipal: true}
	}
	c.iam.groups.Remove(g.ID)
	c.iam.gone[g.ID] = true
	return nil, nil
}

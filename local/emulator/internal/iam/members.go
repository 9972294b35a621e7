package iam

import (
	"net/http"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// routeMembers registers what changes a group's members; group is its path.
func (s *IAM) routeMembers(mux *http.ServeMux, group string) {
	s.handle(mux, "PUT "+group+"/members", permission.WriteGroup, setMembers)
	s.handle(mux, "POST "+group+"/add-member", permission.WriteGroup, addMember)
	s.handle(mux, "POST "+group+"/add-members", permission.WriteGroup, addMembers)
	s.handle(mux, "POST "+group+"/remove-member", permission.WriteGroup, removeMember)
}

func (g *group) join(application, user string, now time.Time) {
	if application != "" && !slices.Contains(g.ApplicationIDs, application) {
		g.ApplicationIDs = append(g.ApplicationIDs, application)
		g.joined[application] = now
	}
	if user != "" && !slices.Contains(g.UserIDs, user) {
		g.UserIDs = append(g.UserIDs, user)
		g.joined[user] = now
	}
}

func (g *group) leave(id string) {
	is := func(member string) bool { return member == id }
	g.ApplicationIDs = slices.DeleteFunc(g.ApplicationIDs, is)
	g.UserIDs = slices.DeleteFunc(g.UserIDs, is)
	delete(g.joined, id)
}

// members are those that a request names.
type members struct {
	UserID         string   `json:"user_id"`
	ApplicationID  string   `json:"application_id"`
	UserIDs        []string `json:"user_ids"`
	ApplicationIDs []string `json:"application_ids"`
}

func (m members) applications() []string { return compact(append(m.ApplicationIDs, m.ApplicationID)) }
func (m members) users() []string        { return compact(append(m.UserIDs, m.UserID)) }

// compact drops the empty ones.
func compact(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

func (s *IAM) known(m members) error {
	for _, id := range m.applications() {
		if s.applications.Get(id) == nil {
			return wire.NotFound("application", id)
		}
	}
	for _, id := range m.users() {
		if s.users.Get(id) == nil {
			return wire.NotFound("user", id)
		}
	}
	return nil
}

func setMembers(c *call) (any, error) {
	var in members
	g, err := c.editableGroup(&in)
	if err != nil {
		return nil, err
	}
	if err := c.iam.known(in); err != nil {
		return nil, err
	}
	before := g.joined
	g.ApplicationIDs, g.UserIDs, g.joined = []string{}, []string{}, map[string]time.Time{}
	c.join(g, in)
	for id := range g.joined {
		if since, stayed := before[id]; stayed {
			g.joined[id] = since
		}
	}
	g.UpdatedAt = wire.At(c.Now)
	return g, nil
}

func (c *call) join(g *group, m members) {
	for _, id := range m.applications() {
		g.join(id, "", c.Now)
	}
	for _, id := range m.users() {
		g.join("", id, c.Now)
	}
}

func addMember(c *call) (any, error) {
	var in members
	g, err := c.editableGroup(&in)
	if err != nil {
		return nil, err
	}
	if (in.ApplicationID == "") == (in.UserID == "") {
		return nil, wire.Invalid("member", "required", "exactly one of user_id and application_id must be set")
	}
	return c.joined(g, in)
}

func addMembers(c *call) (any, error) {
	var in members
	g, err := c.editableGroup(&in)
	if err != nil {
		return nil, err
	}
	return c.joined(g, in)
}

func (c *call) joined(g *group, m members) (any, error) {
	if err := c.iam.known(m); err != nil {
		return nil, err
	}
	c.join(g, m)
	g.UpdatedAt = wire.At(c.Now)
	return g, nil
}

func removeMember(c *call) (any, error) {
	var in members
	g, err := c.editableGroup(&in)
	if err != nil {
		return nil, err
	}
	if (in.ApplicationID == "") == (in.UserID == "") {
		return nil, wire.Invalid("member", "required", "exactly one of user_id and application_id must be set")
	}
	g.leave(in.ApplicationID + in.UserID)
	g.UpdatedAt = wire.At(c.Now)
	return g, nil
}

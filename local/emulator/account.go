package emulator

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// project is the account API's (FACTS section 7). The one named default has
// the organization's id.
type project struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	OrganizationID string         `json:"organization_id"`
	CreatedAt      wire.Stamp     `json:"created_at"`
	UpdatedAt      wire.Stamp     `json:"updated_at"`
	Description    string         `json:"description"`
	Qualification  *qualification `json:"qualification"` // null in the answer to its creation only

	removed time.Time // when its DELETE takes effect; zero: never
}

type qualification struct {
	ArchitectureType string `json:"architecture_type"`
}

func (e *Emulator) routeAccount(mux *http.ServeMux) {
	const base = "/account/v3/projects"
	e.handle(mux, "GET "+base, permission.ReadProject, listProjects)
	e.handle(mux, "POST "+base, permission.CreateProject, createProject)
	e.handle(mux, "GET "+base+"/{id}", permission.ReadProject, getProject)
	e.handle(mux, "PATCH "+base+"/{id}", permission.WriteProject, updateProject)
	e.handle(mux, "DELETE "+base+"/{id}", permission.DeleteProject, deleteProject)
}

func (p *project) view() any {
	shown := *p
	shown.Qualification = &qualification{ArchitectureType: "unknown_architecture_type"}
	return &shown
}

// settleProjects removes the projects whose time has come.
func (c *call) settleProjects() {
	for _, p := range c.iam.projects.All(func(p *project) bool { return !p.removed.IsZero() && !p.removed.After(c.Now) }) {
		c.iam.projects.Remove(p.ID)
		c.iam.forgetProject(p.ID)
		c.iam.gone[p.ID] = true
	}
}

func listProjects(c *call) (any, error) {
	c.settleProjects()
	if err := c.OwnOrganization(c.Request.URL.Query().Get("organization_id")); err != nil {
		return nil, err
	}
	rows := c.iam.projects.All(func(p *project) bool {
		return c.Passes("name", p.Name) && c.Passes("project_ids", p.ID) && c.Allowed(p.ID)
	})
	if len(rows) == 0 && !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	rows = api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *project) int{
		"created_at": wire.ByTime(func(p *project) wire.Stamp { return p.CreatedAt }),
		"name":       wire.ByText(func(p *project) string { return p.Name }),
	})
	return c.List("projects", wire.Views(rows, (*project).view), api.ProductPaging)
}

func createProject(c *call) (any, error) {
	var in struct {
		Name           string `json:"name"`
		OrganizationID string `json:"organization_id"`
		Description    string `json:"description"`
	}
	if err := c.Begin(&in, &in.OrganizationID); err != nil {
		return nil, err
	}
	if err := api.CheckTexts(&in.Name, &in.Description, nil); err != nil {
		return nil, err
	}
	p := &project{
		ID: c.Mint.UUID(), Name: in.Name, Description: in.Description, OrganizationID: c.OrganizationID,
		CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now),
	}
	c.iam.projects.Put(p.ID, p)
	return p, nil
}

// project finds the one that the path names.
func (c *call) project() (*project, error) {
	c.settleProjects()
	id := c.Request.PathValue("id")
	p := c.iam.projects.Get(id)
	if p == nil {
		return nil, wire.NotFound("project_id", id)
	}
	return p, c.AuthorizeOn(p.ID, p.ID, p.Name)
}

func getProject(c *call) (any, error) {
	p, err := c.project()
	if err != nil {
		return nil, err
	}
	return p.view(), nil
}

func updateProject(c *call) (any, error) {
	p, err := c.project()
	if err != nil {
		return nil, err
	}
	var in struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := api.CheckTexts(in.Name, in.Description, nil); err != nil {
		return nil, err
	}
	wire.Set(&p.Name, in.Name)
	wire.Set(&p.Description, in.Description)
	p.UpdatedAt = wire.At(c.Now)
	return p.view(), nil
}

// deleteProject refuses a project that still holds secrets with a 412
// (inferred, FACTS section 7); what it holds of other products goes unseen (A68).
func deleteProject(c *call) (any, error) {
	p, err := c.project()
	if err != nil {
		return nil, err
	}
	for _, state := range c.secrets {
		state.settle(c.Settings.Delays.SecretErasure, c.Now)
		if len(state.rows.All(func(s *secret) bool { return s.ProjectID == p.ID && s.DeletionRequestedAt.IsNull() })) > 0 {
			return nil, wire.Precondition("resource_still_in_use", "the project still has resources")
		}
	}
	p.removed = c.Now.Add(c.Settings.Delays.ProjectRemoval)
	c.settleProjects()
	return nil, nil
}

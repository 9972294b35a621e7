package account

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// project is the account API's (docs/scaleway.md, Projects). The one named
// default has the organization's id.
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

// Rules are IAM's, as far as they name projects.
type Rules interface {
	// ForgetProject takes a project that is gone out of every rule.
	ForgetProject(id string)
}

// Tenant is what keeps a project from being deleted, as long as it has something
// in it.
type Tenant interface {
	// Holds tells whether something in the project lives.
	Holds(project string, now time.Time) bool
}

// Account is the account of one organization. Its methods are called with the
// emulator's lock held.
type Account struct {
	base           *api.Base
	rules          Rules
	tenant         Tenant
	projects       store.Table[project]
	defaultProject string // its id is the organization's (docs/scaleway.md, Projects), unless a seed says otherwise
}

// New returns an account that has no project: Found makes the first.
func New(b *api.Base) *Account { return &Account{base: b} }

// Found makes what every organization has, its default project.
func (a *Account) Found(since wire.Stamp) {
	a.projects, a.defaultProject = store.Table[project]{}, a.base.OrganizationID
	a.projects.Put(a.defaultProject, &project{
		ID: a.defaultProject, Name: "default", OrganizationID: a.base.OrganizationID, CreatedAt: since, UpdatedAt: since,
	})
}

// Has tells whether there is a project of that id.
func (a *Account) Has(id string) bool { return a.projects.Get(id) != nil }

// Default is the id of the default project.
func (a *Account) Default() string { return a.defaultProject }

// ID finds a project by name or id; "" is none.
func (a *Account) ID(name string) string {
	for _, p := range a.projects.All(func(p *project) bool { return p.Name == name || p.ID == name }) {
		return p.ID
	}
	return ""
}

// Named is ID of what a field of a seed names.
func (a *Account) Named(field, name string) (string, error) {
	if id := a.ID(name); id != "" {
		return id, nil
	}
	var names []string
	for _, p := range a.projects.All(nil) {
		names = append(names, p.Name)
	}
	return "", strict.NoneOf(field, name, names)
}

// Name is the name of a project, or the id of one that is gone.
func (a *Account) Name(id string) string {
	if p := a.projects.Get(id); p != nil {
		return p.Name
	}
	return id
}

// IDs are those of all projects, oldest first.
func (a *Account) IDs() []string {
	ids := []string{}
	for _, p := range a.projects.All(nil) {
		ids = append(ids, p.ID)
	}
	return ids
}

type call struct {
	*api.Call
	*Account
}

// Route registers the account API.
func (a *Account) Route(mux *http.ServeMux, rules Rules, tenant Tenant) {
	a.rules, a.tenant = rules, tenant
	handle := func(pattern string, needs permission.Need, serve func(*call) (any, error)) {
		a.base.Handle(mux, pattern, needs, func(c *api.Call) (any, error) { return serve(&call{c, a}) })
	}

	const base = "/account/v3/projects"
	handle("GET "+base, permission.ReadProject, listProjects)
	handle("POST "+base, permission.CreateProject, createProject)
	handle("GET "+base+"/{id}", permission.ReadProject, getProject)
	handle("PATCH "+base+"/{id}", permission.WriteProject, updateProject)
	handle("DELETE "+base+"/{id}", permission.DeleteProject, deleteProject)
}

func (p *project) view() any {
	shown := *p
	shown.Qualification = &qualification{ArchitectureType: "unknown_architecture_type"}
	return &shown
}

// settleProjects removes the projects whose time has come.
func (c *call) settleProjects() {
	for _, p := range c.projects.All(func(p *project) bool { return !p.removed.IsZero() && !p.removed.After(c.Now) }) {
		c.projects.Remove(p.ID)
		c.rules.ForgetProject(p.ID)
	}
}

func listProjects(c *call) (any, error) {
	c.settleProjects()
	if err := c.OwnOrganization(c.Request.URL.Query().Get("organization_id")); err != nil {
		return nil, err
	}
	rows := c.projects.All(func(p *project) bool {
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
	c.projects.Put(p.ID, p)
	return p, nil
}

// projectOfPath finds the one that the path names.
func (c *call) projectOfPath() (*project, error) {
	c.settleProjects()
	id := c.Request.PathValue("id")
	p := c.projects.Get(id)
	if p == nil {
		return nil, wire.NotFound("project_id", id)
	}
	return p, c.AuthorizeOn(p.ID, p.ID, p.Name)
}

func getProject(c *call) (any, error) {
	p, err := c.projectOfPath()
	if err != nil {
		return nil, err
	}
	return p.view(), nil
}

func updateProject(c *call) (any, error) {
	p, err := c.projectOfPath()
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

// deleteProject refuses a project that still holds secrets with a 412 (assumed:
// A68); what it holds of other products goes unseen.
func deleteProject(c *call) (any, error) {
	p, err := c.projectOfPath()
	if err != nil {
		return nil, err
	}
	if c.tenant.Holds(p.ID, c.Now) {
		return nil, wire.Precondition("resource_still_in_use", "the project still has resources")
	}
	p.removed = c.Now.Add(c.Settings.Delays.ProjectRemoval)
	c.settleProjects()
	return nil, nil
}

package iam

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Application is IAM's: the identity of one workload. It belongs to the
// organization, to no project.
type Application struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	Description    string     `json:"description"`
	CreatedAt      wire.Stamp `json:"created_at"`
	UpdatedAt      wire.Stamp `json:"updated_at"`
	OrganizationID string     `json:"organization_id"`
	Editable       bool       `json:"editable"`
	Deletable      bool       `json:"deletable"`
	Managed        bool       `json:"managed"`
	NbAPIKeys      int        `json:"nb_api_keys"`
	Tags           []string   `json:"tags"`
}

func (s *IAM) routeApplications(mux *http.ServeMux) {
	const base = root + "/applications"
	s.handle(mux, "GET "+base, permission.ReadApplication, listApplications)
	s.handle(mux, "POST "+base, permission.CreateApplication, createApplication)
	s.handle(mux, "GET "+base+"/{id}", permission.ReadApplication, getApplication)
	s.handle(mux, "PATCH "+base+"/{id}", permission.WriteApplication, updateApplication)
	s.handle(mux, "DELETE "+base+"/{id}", permission.DeleteApplication, deleteApplication)
}

// view is the application with its keys counted: the count is right at once
// after a key came or went, and updated_at does not tell (docs/scaleway.md,
// Applications).
func (s *IAM) view(a *Application) any {
	shown := *a
	shown.NbAPIKeys = len(s.KeysOf(a.ID))
	return &shown
}

// KeysOf are the keys of an application or user, by its id.
func (s *IAM) KeysOf(bearer string) []*Key {
	return s.keys.All(func(k *Key) bool { return k.bearer() == bearer })
}

func listApplications(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	rows := c.iam.applications.All(func(a *Application) bool {
		return c.Passes("name", a.Name) && c.Passes("application_ids", a.ID) &&
			c.PassesBool("editable", a.Editable) && c.PassesTag(a.Tags)
	})
	rows = api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *Application) int{
		"created_at": wire.ByTime(func(a *Application) wire.Stamp { return a.CreatedAt }),
		"updated_at": wire.ByTime(func(a *Application) wire.Stamp { return a.UpdatedAt }),
		"name":       wire.ByText(func(a *Application) string { return a.Name }),
	})
	return c.List("applications", wire.Views(rows, c.iam.view), api.IAMPaging)
}

func createApplication(c *call) (any, error) {
	var in struct {
		Name           string   `json:"name"`
		OrganizationID string   `json:"organization_id"`
		Description    string   `json:"description"`
		Tags           []string `json:"tags"`
	}
	if err := c.Begin(&in, &in.OrganizationID); err != nil {
		return nil, err
	}
	if err := api.CheckTexts(&in.Name, &in.Description, &in.Tags); err != nil {
		return nil, err
	}
	if err := roomFor(quotaApplications, c.iam.applications.Len(), c.Settings.Quotas.Applications); err != nil {
		return nil, err
	}
	a := &Application{
		ID: c.Mint.UUID(), Name: in.Name, Description: in.Description, CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now),
		OrganizationID: c.OrganizationID, Editable: true, Deletable: true, Tags: wire.OrEmpty(in.Tags),
	}
	c.iam.applications.Put(a.ID, a)
	return c.iam.view(a), nil
}

// application finds the one that the path names.
func (c *call) application() (*Application, error) {
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	id := c.Request.PathValue("id")
	if a := c.iam.applications.Get(id); a != nil {
		return a, nil
	}
	return nil, wire.NotFound("application", id)
}

func getApplication(c *call) (any, error) {
	a, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.iam.view(a), nil
}

func updateApplication(c *call) (any, error) {
	a, err := c.application()
	if err != nil {
		return nil, err
	}
	var in struct {
		Name        *string   `json:"name"`
		Description *string   `json:"description"`
		Tags        *[]string `json:"tags"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if !a.Editable {
		return nil, c.Forbidden()
	}
	if err := api.CheckTexts(in.Name, in.Description, in.Tags); err != nil {
		return nil, err
	}
	wire.Set(&a.Name, in.Name)
	wire.Set(&a.Description, in.Description)
	wire.Set(&a.Tags, in.Tags)
	a.UpdatedAt = wire.At(c.Now)
	return c.iam.view(a), nil
}

// deleteApplication takes the application's keys along, and leaves its
// policies without a principal (A12).
func deleteApplication(c *call) (any, error) {
	a, err := c.application()
	if err != nil {
		if c.Allowed("") {
			return c.goneAgain("application", c.Request.PathValue("id"))
		}
		return nil, err
	}
	if !a.Deletable {
		return nil, c.Forbidden()
	}
	for _, key := range c.iam.KeysOf(a.ID) {
		c.iam.removeKey(key, c.Now)
	}
	for _, p := range c.iam.policies.All(func(p *Policy) bool { return p.ApplicationID == a.ID }) {
		p.principal = principal{NoPrincipal: true}
	}
	for _, g := range c.iam.groups.All(nil) {
		g.leave(a.ID)
	}
	c.iam.applications.Remove(a.ID)
	c.iam.gone[a.ID] = true
	return nil, nil
}

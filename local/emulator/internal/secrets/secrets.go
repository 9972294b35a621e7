package secrets

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// regional is the Secret Manager of one region (docs/scaleway.md, Secrets and
// versions).
type regional struct {
	rows store.Table[Secret]
	gone map[string]bool // ids of erased secrets, for A03
}

// Secret is a named series of versions.
type Secret struct {
	ID                  string           `json:"id"`
	ProjectID           string           `json:"project_id"`
	Name                string           `json:"name"`
	Status              string           `json:"status"`
	CreatedAt           wire.Stamp       `json:"created_at"`
	UpdatedAt           wire.Stamp       `json:"updated_at"`
	Tags                []string         `json:"tags"`
	VersionCount        int              `json:"version_count"` // of all that ever were
	Description         string           `json:"description"`
	Managed             bool             `json:"managed"`
	Type                string           `json:"type"`
	Protected           bool             `json:"protected"`
	Path                string           `json:"path"`
	EphemeralPolicy     *ephemeralPolicy `json:"ephemeral_policy"`
	UsedBy              []string         `json:"used_by"`
	DeletionRequestedAt wire.Stamp       `json:"deletion_requested_at"`
	KeyID               *string          `json:"key_id"`
	Region              string           `json:"region"`

	Versions []*Version `json:"-"` // Versions[n] is revision n+1
}

const root = "/secret-manager/v1beta1/regions/{region}"

// regions are those of the SDK.
var regions = []string{"fr-par", "nl-ams", "pl-waw"}

var types = []string{"opaque", "certificate", "key_value", "basic_credentials", "database_credentials", "ssh_key"}

// Projects are the account's.
type Projects interface {
	// Has tells whether there is one of that id.
	Has(id string) bool
	// Named finds the id of the one that a field of a seed names.
	Named(field, name string) (id string, err error)
}

// Secrets is the Secret Manager of one organization. Its methods are
// called with the emulator's lock held.
type Secrets struct {
	base     *api.Base
	projects Projects
	regions  map[string]*regional
}

// New returns a Secret Manager that holds nothing.
func New(b *api.Base, projects Projects) *Secrets {
	return &Secrets{base: b, projects: projects, regions: map[string]*regional{}}
}

// call is a call of Secret Manager's API.
type call struct {
	*api.Call
	*Secrets
}

func (m *Secrets) handle(mux *http.ServeMux, pattern string, needs permission.Need, serve func(*call) (any, error)) {
	m.base.Handle(mux, pattern, needs, func(c *api.Call) (any, error) { return serve(&call{c, m}) })
}

// Route registers Secret Manager's API.
func (m *Secrets) Route(mux *http.ServeMux) {
	const base = root + "/secrets"
	m.handle(mux, "GET "+base, permission.ReadSecret, listSecrets)
	m.handle(mux, "POST "+base, permission.CreateSecret, createSecret)
	m.handle(mux, "GET "+base+"/{id}", permission.ReadSecret, withSecret(getSecret))
	m.handle(mux, "PATCH "+base+"/{id}", permission.WriteSecret, withSecret(updateSecret))
	m.handle(mux, "DELETE "+base+"/{id}", permission.DeleteSecret, deleteSecret)
	m.handle(mux, "POST "+base+"/{id}/protect", permission.WriteSecret, withSecret(protectSecret(true)))
	m.handle(mux, "POST "+base+"/{id}/unprotect", permission.WriteSecret, withSecret(protectSecret(false)))
	m.handle(mux, "POST "+base+"/{id}/restore", permission.WriteSecret, withSecret(restoreSecret))
	m.routeVersions(mux)
}

// secretsOf is the region's state with everything done that time has brought
// about.
func (c *call) secretsOf() (*regional, error) {
	if !slices.Contains(regions, c.Region) {
		return nil, wire.Invalid("region", "unknown", "no such region")
	}
	state := c.secretsIn(c.Region)
	state.settle(c.Settings.Delays.SecretErasure, c.Now)
	return state, nil
}

func (m *Secrets) secretsIn(region string) *regional {
	if m.regions[region] == nil {
		m.regions[region] = &regional{gone: map[string]bool{}}
	}
	return m.regions[region]
}

// Settle does in all regions what time has brought about.
func (m *Secrets) Settle(now time.Time) {
	for _, state := range m.regions {
		state.settle(m.base.Settings.Delays.SecretErasure, now)
	}
}

// All returns the secrets of all regions, oldest first per region.
func (m *Secrets) All() []*Secret {
	var all []*Secret
	for _, region := range regions {
		if state := m.regions[region]; state != nil {
			all = append(all, state.rows.All(nil)...)
		}
	}
	return all
}

// Holds tells whether a project has a secret that lives.
func (m *Secrets) Holds(project string, now time.Time) bool {
	m.Settle(now)
	return slices.ContainsFunc(m.All(), func(s *Secret) bool { return s.ProjectID == project && s.DeletionRequestedAt.IsNull() })
}

// secret finds the one that the path names and checks the caller's rights.
func (c *call) secret() (*regional, *Secret, error) {
	state, err := c.secretsOf()
	if err != nil {
		return nil, nil, err
	}
	id := c.Request.PathValue("id")
	s := state.rows.Get(id)
	if s == nil {
		return state, nil, wire.NotFound("secret", id)
	}
	return state, s, c.AuthorizeOn(s.ProjectID, s.ID, s.fullName())
}

// withSecret makes an endpoint of what serves the secret that the path names.
func withSecret(serve func(c *call, s *Secret) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		_, s, err := c.secret()
		if err != nil {
			return nil, err
		}
		return serve(c, s)
	}
}

// listSecrets shows either the secrets that live or, asked for, those being
// deleted. All the tags given must be there: any of them is as likely (A60).
func listSecrets(c *call) (any, error) {
	state, err := c.secretsOf()
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	deleted := q.Get("scheduled_for_deletion") == "true"
	rows := state.rows.All(func(s *Secret) bool {
		for _, tag := range c.Filter("tags") {
			if !slices.Contains(s.Tags, tag) {
				return false
			}
		}
		return s.DeletionRequestedAt.IsNull() != deleted &&
			c.Passes("project_id", s.ProjectID) && c.Passes("organization_id", c.OrganizationID) &&
			c.Passes("name", s.Name) && c.Passes("type", s.Type) &&
			(len(c.Filter("path")) == 0 || cleanPath(q.Get("path")) == s.Path) &&
			c.PassesBool("ephemeral", s.EphemeralPolicy != nil) && c.AllowedOn(s.ProjectID, s.ID, s.fullName())
	})
	if len(rows) == 0 && !c.Allowed(q.Get("project_id")) && !(q.Get("project_id") == "" && c.AllowedSomewhere()) {
		return nil, c.Forbidden()
	}
	rows = api.Ordered(c.Call, rows, "name_asc", map[string]func(a, b *Secret) int{
		"name":       wire.ByText(func(s *Secret) string { return s.Name }),
		"created_at": wire.ByTime(func(s *Secret) wire.Stamp { return s.CreatedAt }),
		"updated_at": wire.ByTime(func(s *Secret) wire.Stamp { return s.UpdatedAt }),
	})
	return c.List("secrets", wire.Views(rows, func(s *Secret) any { return s }), api.ProductPaging)
}

// fullName is what conditions know a secret by: its path and its name
// (docs/scaleway.md, Policies and rules).
func fullName(folder, name string) string { return path.Join(cleanPath(folder), name) }

func (s *Secret) fullName() string { return fullName(s.Path, s.Name) }

// cleanPath is a path as it is kept: without a slash at its end.
func cleanPath(p string) string { return path.Clean("/" + p) }

func createSecret(c *call) (any, error) {
	state, err := c.secretsOf()
	if err != nil {
		return nil, err
	}
	var in struct {
		ProjectID       string           `json:"project_id"`
		Name            string           `json:"name"`
		Tags            []string         `json:"tags"`
		Description     string           `json:"description"`
		Type            string           `json:"type"`
		Path            string           `json:"path"`
		EphemeralPolicy *ephemeralPolicy `json:"ephemeral_policy"`
		Protected       bool             `json:"protected"`
		KeyID           *string          `json:"key_id"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	id := c.Mint.For("secret " + in.Path + " " + in.Name).UUID()
	if err := c.AuthorizeNew(in.ProjectID, id, fullName(in.Path, in.Name)); err != nil {
		return nil, err
	}
	if !c.projects.Has(in.ProjectID) {
		return nil, wire.NotFound("project_id", in.ProjectID)
	}
	if in.Type == "" || in.Type == "unknown_type" {
		in.Type = "opaque"
	}
	if !slices.Contains(types, in.Type) {
		return nil, wire.Invalid("type", "unknown", "no such type of secret")
	}
	s := &Secret{
		ID: id, ProjectID: in.ProjectID, Name: in.Name, Status: "ready", CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now),
		Tags: wire.OrEmpty(in.Tags), Description: in.Description, Type: in.Type, Protected: in.Protected, Path: cleanPath(in.Path),
		EphemeralPolicy: in.EphemeralPolicy, UsedBy: []string{}, KeyID: in.KeyID, Region: c.Region,
	}
	if err := c.checkSecret(state, s, in.Path); err != nil {
		return nil, err
	}
	state.rows.Put(s.ID, s)
	return s, nil
}

// checkSecret checks what is common to creation and change. asked is the path as the
// caller gave it.
func (c *call) checkSecret(state *regional, s *Secret, asked string) error {
	switch {
	case s.Name == "":
		return wire.Invalid("name", "required", "name is required")
	case strings.Contains(s.Name, "/"):
		return wire.Invalid("name", "format", "must not contain a slash")
	case asked != "" && !strings.HasPrefix(asked, "/"):
		return wire.Invalid("path", "format", "must start with a slash")
	}
	if err := s.EphemeralPolicy.check(); err != nil {
		return err
	}
	return c.secretNameFree(state, s)
}

// secretNameFree holds that a name is unique in its project and path. The 409
// is assumed, and whether a secret that is being deleted still holds its name is
// A04 (docs/scaleway.md, Secrets and versions).
func (c *call) secretNameFree(state *regional, s *Secret) error {
	for _, other := range state.rows.All(nil) {
		holds := other.DeletionRequestedAt.IsNull() || c.Settings.Answers.NameTakenByDeleted
		if holds && other.ID != s.ID && other.ProjectID == s.ProjectID && other.Path == s.Path && other.Name == s.Name {
			return wire.Exists("secret", other.ID, "a secret of this name exists in this path")
		}
	}
	return nil
}

func getSecret(_ *call, s *Secret) (any, error) { return s, nil }

func updateSecret(c *call, s *Secret) (any, error) {
	var in struct {
		Name            *string          `json:"name"`
		Tags            *[]string        `json:"tags"`
		Description     *string          `json:"description"`
		Path            *string          `json:"path"`
		EphemeralPolicy *ephemeralPolicy `json:"ephemeral_policy"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	changed := *s
	wire.Set(&changed.Name, in.Name)
	wire.Set(&changed.Tags, in.Tags)
	wire.Set(&changed.Description, in.Description)
	path := ""
	if in.Path != nil {
		path = *in.Path
		changed.Path = cleanPath(path)
	}
	if in.EphemeralPolicy != nil {
		changed.EphemeralPolicy = in.EphemeralPolicy
	}
	if err := c.checkSecret(c.secretsIn(c.Region), &changed, path); err != nil {
		return nil, err
	}
	changed.UpdatedAt = wire.At(c.Now)
	*s = changed
	return s, nil
}

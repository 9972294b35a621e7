package iam

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Projects are the account's.
type Projects interface {
	// Has tells whether there is one of that id.
	Has(id string) bool
	// Default is the id of the default one.
	Default() string
	// Named finds the id of the one that a field of a seed names.
	Named(field, name string) (id string, err error)
}

// IAM is the IAM of one organization: it has no region (docs/scaleway.md, Applications).
// Its methods are called with the emulator's lock held.
type IAM struct {
	base       *api.Base
	projects   Projects
	owner      string // a user's id
	ownerKey   string // the owner's access key
	settings   securitySettings
	conditions conditions

	users        store.Table[User]
	applications store.Table[Application]
	keys         store.Table[Key] // by access key
	bySecret     map[string]*Key
	everSecret   map[string]string // of every key that ever was, its access key
	policies     store.Table[Policy]
	groups       store.Table[group]
	gone         map[string]bool    // ids of what was deleted, for A03
	dead         map[string]deadKey // by secret: keys that were deleted, for DeadLag
}

// New returns an IAM in which nobody is: Found makes the owner.
func New(b *api.Base, projects Projects) *IAM { return &IAM{base: b, projects: projects} }

// Found makes what every organization has: an owner, whose key is old enough to
// work everywhere.
func (s *IAM) Found(since wire.Stamp) {
	*s = IAM{base: s.base, projects: s.projects, bySecret: map[string]*Key{}, everSecret: map[string]string{}, gone: map[string]bool{}, dead: map[string]deadKey{}, settings: defaultSettings()}
	owner := s.addUser("owner@example.com", "owner", since)
	s.owner = owner.ID
	key := &Key{
		AccessKey: s.base.Mint.AccessKey(), Secret: s.base.Mint.UUID(), Description: "owner", CreatedAt: since, UpdatedAt: since,
		DefaultProjectID: s.projects.Default(), Editable: true, Deletable: true, CreationIP: api.DocumentationIP, UserID: owner.ID,
	}
	s.addKey(key)
	s.ownerKey = key.AccessKey
}

// call is a call of IAM's API.
type call struct {
	*api.Call
	iam *IAM
}

func (s *IAM) handle(mux *http.ServeMux, pattern string, needs permission.Need, serve func(*call) (any, error)) {
	s.base.Handle(mux, pattern, needs, func(c *api.Call) (any, error) { return serve(&call{c, s}) })
}

// Route registers IAM's API.
func (s *IAM) Route(mux *http.ServeMux) {
	s.routeApplications(mux)
	s.routeKeys(mux)
	s.routePolicies(mux)
	s.routeGroups(mux)
	s.routeUsers(mux)
	s.routeSettings(mux)
	s.handle(mux, "GET "+root+"/permission-sets", permission.ReadPolicy, listPermissionSets)
	s.handle(mux, "GET "+root+"/quota", permission.ReadQuota, listQuota)
}

const root = "/iam/v1alpha1"

// listing checks what every list of IAM checks.
func (c *call) listing() error {
	if err := c.Authorize(""); err != nil {
		return err
	}
	return c.OwnOrganization(c.Request.URL.Query().Get("organization_id"))
}

// goneAgain is the answer to DELETE of what is not there. A second DELETE was
// never recorded: a 404 unless A03 says otherwise.
func (c *call) goneAgain(resource, id string) (any, error) {
	if c.Settings.Answers.SecondDeleteOK && c.iam.gone[id] {
		return nil, nil
	}
	return nil, wire.NotFound(resource, id)
}

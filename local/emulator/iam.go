package emulator

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// iamState is IAM and the account behind it: both belong to the organization,
// and have no region (FACTS sections 3 and 7).
type iamState struct {
	base           *api.Base
	defaultProject string // FACTS section 3: its id is the organization's, unless a seed says otherwise
	owner          string // a user's id
	ownerKey       string // the owner's access key
	settings       securitySettings
	conditions     conditions

	projects     store.Table[project]
	users        store.Table[user]
	applications store.Table[application]
	keys         store.Table[apiKey] // by access key
	bySecret     map[string]*apiKey
	everSecret   map[string]string // of every key that ever was, its access key
	policies     store.Table[policy]
	groups       store.Table[group]
	gone         map[string]bool    // ids of what was deleted, for A03
	dead         map[string]deadKey // by secret: keys that were deleted, for DeadLag
}

// init makes the organization with its default project and an owner whose key
// is old enough to work everywhere.
func (s *iamState) init(e *Emulator) {
	s.base = e.base
	s.base.OrganizationID = s.base.Mint.UUID()
	s.found(e)
}

// found makes what every organization has, under the id that its base has.
func (s *iamState) found(e *Emulator) {
	since := wire.At(e.base.Clock.Now().Add(-foundingAge))
	*s = iamState{base: s.base, bySecret: map[string]*apiKey{}, everSecret: map[string]string{}, gone: map[string]bool{}, dead: map[string]deadKey{}, settings: defaultSettings()}
	s.defaultProject = s.base.OrganizationID
	s.projects.Put(s.defaultProject, &project{
		ID: s.defaultProject, Name: "default", OrganizationID: s.base.OrganizationID, CreatedAt: since, UpdatedAt: since,
	})
	owner := s.addUser(e, "owner@example.com", "owner", since)
	s.owner = owner.ID
	key := &apiKey{
		AccessKey: e.base.Mint.AccessKey(), secret: e.base.Mint.UUID(), Description: "owner", CreatedAt: since, UpdatedAt: since,
		DefaultProjectID: s.defaultProject, Editable: true, Deletable: true, CreationIP: api.DocumentationIP, UserID: owner.ID,
	}
	s.addKey(key)
	s.ownerKey = key.AccessKey
}

// foundingAge is how long ago the organization came to be.
const foundingAge = 3 * 365 * 24 * time.Hour

func (e *Emulator) routeIAM(mux *http.ServeMux) {
	e.routeApplications(mux)
	e.routeKeys(mux)
	e.routePolicies(mux)
	e.routeGroups(mux)
	e.routeUsers(mux)
	e.routeSettings(mux)
}

const iamBase = "/iam/v1alpha1"

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

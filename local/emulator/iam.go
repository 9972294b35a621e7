package emulator

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// iamState is IAM and the account behind it: both belong to the organization,
// and have no region (FACTS sections 3 and 7).
type iamState struct {
	organization   string
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
	s.organization = e.mint.UUID()
	s.found(e)
}

// found makes what every organization has, under the id that s holds.
func (s *iamState) found(e *Emulator) {
	since := wire.At(e.clock.Now().Add(-foundingAge))
	*s = iamState{organization: s.organization, bySecret: map[string]*apiKey{}, everSecret: map[string]string{}, gone: map[string]bool{}, dead: map[string]deadKey{}, settings: defaultSettings()}
	s.defaultProject = s.organization
	s.projects.Put(s.defaultProject, &project{
		ID: s.defaultProject, Name: "default", OrganizationID: s.organization, CreatedAt: since, UpdatedAt: since,
	})
	owner := s.addUser(e, "owner@example.com", "owner", since)
	s.owner = owner.ID
	key := &apiKey{
		AccessKey: e.mint.AccessKey(), secret: e.mint.UUID(), Description: "owner", CreatedAt: since, UpdatedAt: since,
		DefaultProjectID: s.defaultProject, Editable: true, Deletable: true, CreationIP: documentationIP, UserID: owner.ID,
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

// ownOrganization refuses calls about an organization other than the
// caller's. Not naming one means the own (the SDK always names one).
func (c *call) ownOrganization(id string) error {
	if id != "" && id != c.iam.organization {
		return c.forbidden()
	}
	return nil
}

// listing checks what every list of IAM checks.
func (c *call) listing() error {
	if err := c.authorize(""); err != nil {
		return err
	}
	return c.ownOrganization(c.r.URL.Query().Get("organization_id"))
}

// goneAgain is the answer to DELETE of what is not there. A second DELETE was
// never recorded: a 404 unless A03 says otherwise.
func (c *call) goneAgain(resource, id string) (any, error) {
	if c.options.Answers.SecondDeleteOK && c.iam.gone[id] {
		return nil, nil
	}
	return nil, wire.NotFound(resource, id)
}

// The limits of IAM's texts and tags (FACTS section 3).
const (
	nameLimit        = 64
	descriptionLimit = 200
	tagLimit         = 10
)

// checkTexts checks those of name, description and tags that are given. How
// the real API words these refusals is not recorded (A11).
func checkTexts(name, description *string, tags *[]string) error {
	if name != nil {
		if *name == "" {
			return wire.Invalid("name", "required", "name is required")
		}
		if utf8.RuneCountInString(*name) > nameLimit {
			return wire.Invalid("name", "constraint", "must be at most "+strconv.Itoa(nameLimit)+" characters")
		}
	}
	if description != nil && utf8.RuneCountInString(*description) > descriptionLimit {
		return wire.Invalid("description", "constraint", "must be at most "+strconv.Itoa(descriptionLimit)+" characters")
	}
	if tags != nil && len(*tags) > tagLimit {
		return wire.Invalid("tags", "constraint", "must hold at most "+strconv.Itoa(tagLimit)+" tags")
	}
	return nil
}

// passesBool is passes for a filter that is true, false or absent.
func (c *call) passesBool(name string, value bool) bool {
	return c.passes(name, strconv.FormatBool(value))
}

// passesTag is the filter that the SDK calls "tags containing a given string".
// Filters on names compare the whole name (A19).
func (c *call) passesTag(tags []string) bool {
	want := c.filter("tag")
	return len(want) == 0 || slices.ContainsFunc(tags, func(tag string) bool { return strings.Contains(tag, want[0]) })
}

// documentationIP stands where a caller's address is not known (RFC 5737).
const documentationIP = "198.51.100.7"

func (c *call) address() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return documentationIP
	}
	return host
}

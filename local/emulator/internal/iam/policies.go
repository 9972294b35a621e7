package iam

import (
	"net/http"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Policy gives its principal the rights of its rules.
type Policy struct {
	ID               string     `json:"id"`
	Name             string     `json:"name"`
	Description      string     `json:"description"`
	OrganizationID   string     `json:"organization_id"`
	CreatedAt        wire.Stamp `json:"created_at"`
	UpdatedAt        wire.Stamp `json:"updated_at"`
	Editable         bool       `json:"editable"`
	Deletable        bool       `json:"deletable"`
	Managed          bool       `json:"managed"`
	NbRules          int        `json:"nb_rules"`
	NbScopes         int        `json:"nb_scopes"`
	NbPermissionSets int        `json:"nb_permission_sets"`
	Tags             []string   `json:"tags"`
	principal

	Rules    []*rule   `json:"-"`
	attached time.Time // since when it has this principal
}

// principal is exactly one of these (docs/scaleway.md, Policies and rules).
type principal struct {
	ApplicationID string `json:"application_id,omitempty"`
	UserID        string `json:"user_id,omitempty"`
	GroupID       string `json:"group_id,omitempty"`
	NoPrincipal   bool   `json:"no_principal,omitempty"`
}

// principalFields are a request's, where false and absent differ.
type principalFields struct {
	ApplicationID *string `json:"application_id"`
	UserID        *string `json:"user_id"`
	GroupID       *string `json:"group_id"`
	NoPrincipal   *bool   `json:"no_principal"`
}

func (s *IAM) routePolicies(mux *http.ServeMux) {
	const base = root + "/policies"
	s.handle(mux, "GET "+base, permission.ReadPolicy, listPolicies)
	s.handle(mux, "POST "+base, permission.CreatePolicy, createPolicy)
	s.handle(mux, "GET "+base+"/{id}", permission.ReadPolicy, getPolicy)
	s.handle(mux, "PATCH "+base+"/{id}", permission.WritePolicy, updatePolicy)
	s.handle(mux, "DELETE "+base+"/{id}", permission.DeletePolicy, deletePolicy)
	s.handle(mux, "GET "+root+"/rules", permission.ReadPolicy, listRules)
	s.handle(mux, "PUT "+root+"/rules", permission.WritePolicy, setRules)
}

// view is the policy with its rules counted. Distinct scopes and permission
// sets are counted: two rules on one organization made nb_scopes 1 (recorded).
func (p *Policy) view() any {
	shown := *p
	var scopes, sets []string
	for _, r := range p.Rules {
		scopes = append(scopes, r.ProjectIDs...)
		if r.OrganizationID != "" {
			scopes = append(scopes, r.OrganizationID)
		}
		sets = append(sets, r.PermissionSetNames...)
	}
	shown.NbRules, shown.NbScopes, shown.NbPermissionSets = len(p.Rules), distinct(scopes), distinct(sets)
	return &shown
}

func distinct(names []string) int {
	slices.Sort(names)
	return len(slices.Compact(names))
}

func listPolicies(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	rows := c.iam.policies.All(func(p *Policy) bool {
		return c.Passes("policy_name", p.Name) && c.Passes("policy_ids", p.ID) &&
			c.Passes("application_ids", p.ApplicationID) && c.Passes("user_ids", p.UserID) &&
			c.Passes("group_ids", p.GroupID) && c.PassesBool("no_principal", p.NoPrincipal) &&
			c.PassesBool("editable", p.Editable) && c.PassesTag(p.Tags)
	})
	rows = api.Ordered(c.Call, rows, "policy_name_asc", map[string]func(a, b *Policy) int{
		"policy_name": wire.ByText(func(p *Policy) string { return p.Name }),
		"created_at":  wire.ByTime(func(p *Policy) wire.Stamp { return p.CreatedAt }),
	})
	return c.List("policies", wire.Views(rows, (*Policy).view), api.IAMPaging)
}

// createPolicy answers with counters of 0, though the rules are there at once
// (docs/scaleway.md, Policies and rules).
func createPolicy(c *call) (any, error) {
	var in struct {
		Name           string     `json:"name"`
		Description    string     `json:"description"`
		OrganizationID string     `json:"organization_id"`
		Rules          []ruleSpec `json:"rules"`
		Tags           []string   `json:"tags"`
		principalFields
	}
	if err := c.Begin(&in, &in.OrganizationID); err != nil {
		return nil, err
	}
	if err := api.CheckTexts(&in.Name, &in.Description, &in.Tags); err != nil {
		return nil, err
	}
	who, named, err := c.iam.principal(in.principalFields)
	if err != nil {
		return nil, err
	}
	if !named {
		return nil, wire.Invalid("principal", "required", "exactly one of user_id, group_id, application_id and no_principal must be set")
	}
	rules, err := c.makeRules(in.Rules, nil)
	if err != nil {
		return nil, err
	}
	if err := roomFor(quotaPolicies, c.iam.policies.Len(), c.Settings.Quotas.Policies); err != nil {
		return nil, err
	}
	p := &Policy{
		ID: c.Mint.UUID(), Name: in.Name, Description: in.Description, OrganizationID: c.OrganizationID,
		CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now), Editable: true, Deletable: true, Tags: wire.OrEmpty(in.Tags),
		principal: who, Rules: rules, attached: c.Now,
	}
	c.iam.policies.Put(p.ID, p)
	return p, nil
}

// principal reads the one-of of a request; named tells whether there is one.
func (s *IAM) principal(f principalFields) (who principal, named bool, err error) {
	n := 0
	for _, given := range []bool{f.ApplicationID != nil, f.UserID != nil, f.GroupID != nil, f.NoPrincipal != nil} {
		if given {
			n++
		}
	}
	switch {
	case n == 0:
		return principal{}, false, nil
	case n > 1:
		return principal{}, false, wire.Invalid("principal", "constraint", "exactly one of user_id, group_id, application_id and no_principal must be set")
	case f.NoPrincipal != nil && !*f.NoPrincipal:
		return principal{}, false, wire.Invalid("no_principal", "constraint", "must be set to true when used")
	case f.NoPrincipal != nil:
		return principal{NoPrincipal: true}, true, nil
	case f.ApplicationID != nil && s.applications.Get(*f.ApplicationID) == nil:
		return principal{}, false, wire.NotFound("application", *f.ApplicationID)
	case f.UserID != nil && s.users.Get(*f.UserID) == nil:
		return principal{}, false, wire.NotFound("user", *f.UserID)
	case f.GroupID != nil && s.groups.Get(*f.GroupID) == nil:
		return principal{}, false, wire.NotFound("group", *f.GroupID)
	}
	wire.Set(&who.ApplicationID, f.ApplicationID)
	wire.Set(&who.UserID, f.UserID)
	wire.Set(&who.GroupID, f.GroupID)
	return who, true, nil
}

// policy finds one by id.
func (c *call) policy(id string) (*Policy, error) {
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	if p := c.iam.policies.Get(id); p != nil {
		return p, nil
	}
	return nil, wire.NotFound("policy", id)
}

func getPolicy(c *call) (any, error) {
	p, err := c.policy(c.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return p.view(), nil
}

// updatePolicy leaves updated_at alone when only tags or the principal change
// (docs/scaleway.md, Policies and rules); that a new name or text moves it is
// assumed (A17).
func updatePolicy(c *call) (any, error) {
	p, err := c.policy(c.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Name        *string   `json:"name"`
		Description *string   `json:"description"`
		Tags        *[]string `json:"tags"`
		principalFields
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if !p.Editable {
		return nil, c.Forbidden()
	}
	if err := api.CheckTexts(in.Name, in.Description, in.Tags); err != nil {
		return nil, err
	}
	who, named, err := c.iam.principal(in.principalFields)
	if err != nil {
		return nil, err
	}
	if named && who != p.principal {
		p.principal, p.attached = who, c.Now
	}
	if in.Name != nil || in.Description != nil {
		p.UpdatedAt = wire.At(c.Now)
	}
	wire.Set(&p.Name, in.Name)
	wire.Set(&p.Description, in.Description)
	wire.Set(&p.Tags, in.Tags)
	return p.view(), nil
}

func deletePolicy(c *call) (any, error) {
	id := c.Request.PathValue("id")
	p, err := c.policy(id)
	if err != nil {
		if c.Allowed("") {
			return c.goneAgain("policy", id)
		}
		return nil, err
	}
	if !p.Deletable {
		return nil, c.Forbidden()
	}
	c.iam.policies.Remove(id)
	c.iam.gone[id] = true
	return nil, nil
}

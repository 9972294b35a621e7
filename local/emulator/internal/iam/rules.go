package iam

import (
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// rule grants permission sets in a scope.
type rule struct {
	ID                 string   `json:"id"`
	PermissionSetNames []string `json:"permission_set_names"`
	ScopeType          string   `json:"permission_sets_scope_type"`
	Condition          string   `json:"condition"`
	ProjectIDs         []string `json:"project_ids,omitempty"` // one of the two
	OrganizationID     string   `json:"organization_id,omitempty"`

	granted time.Time // since when these rights have been there
}

// ruleSpec is a rule as a request gives it.
type ruleSpec struct {
	PermissionSetNames []string `json:"permission_set_names"`
	Condition          string   `json:"condition"`
	ProjectIDs         []string `json:"project_ids"`
	OrganizationID     string   `json:"organization_id"`
}

func (s ruleSpec) same(r *rule) bool {
	return r.Condition == s.Condition && r.OrganizationID == s.OrganizationID &&
		slices.Equal(r.ProjectIDs, s.ProjectIDs) && slices.Equal(r.PermissionSetNames, s.PermissionSetNames)
}

// makeRules makes rules with new ids. What one of before granted already is
// not granted afresh: there is no lag on it.
func (c *call) makeRules(specs []ruleSpec, before []*rule) ([]*rule, error) {
	rules := []*rule{}
	for _, s := range specs {
		bare := len(s.PermissionSetNames) == 0 && s.OrganizationID == "" && len(s.ProjectIDs) == 0
		if !bare && (s.OrganizationID == "") == (len(s.ProjectIDs) == 0) {
			return nil, wire.Invalid("rules", "constraint", "exactly one of project_ids and organization_id must be set")
		}
		if err := c.OwnOrganization(s.OrganizationID); err != nil {
			return nil, err
		}
		for _, id := range s.ProjectIDs {
			if !c.iam.projects.Has(id) {
				return nil, wire.NotFound("project_id", id)
			}
		}
		r := &rule{
			ID: c.Mint.UUID(), PermissionSetNames: wire.OrEmpty(s.PermissionSetNames), ScopeType: permission.ScopeType(s.PermissionSetNames),
			Condition: s.Condition, ProjectIDs: s.ProjectIDs, OrganizationID: s.OrganizationID, granted: c.Now,
		}
		if i := slices.IndexFunc(before, s.same); i >= 0 {
			r.granted = before[i].granted
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// ForgetProject takes a project that is gone out of every rule. One that is
// left without a scope may be what was recorded once: unknown_scope_type and
// no scope member (docs/scaleway.md, Policies and rules; A70).
func (s *IAM) ForgetProject(id string) {
	s.gone[id] = true
	for _, p := range s.policies.All(nil) {
		for _, r := range p.Rules {
			before := len(r.ProjectIDs)
			r.ProjectIDs = slices.DeleteFunc(r.ProjectIDs, func(project string) bool { return project == id })
			if before > 0 && len(r.ProjectIDs) == 0 {
				r.ScopeType = "unknown_scope_type"
			}
		}
	}
}

// listRules answers in the order in which the rules were given.
func listRules(c *call) (any, error) {
	id := c.Request.URL.Query().Get("policy_id")
	if id == "" {
		return nil, wire.Invalid("policy_id", "required", "policy_id is required")
	}
	p, err := c.policy(id)
	if err != nil {
		return nil, err
	}
	return c.List("rules", wire.Views(p.Rules, func(r *rule) any { return r }), api.IAMPaging)
}

// setRules replaces all rules of a policy; its answer has no total_count
// (docs/scaleway.md, Policies and rules).
func setRules(c *call) (any, error) {
	var in struct {
		PolicyID string     `json:"policy_id"`
		Rules    []ruleSpec `json:"rules"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	p, err := c.policy(in.PolicyID)
	if err != nil {
		return nil, err
	}
	if !p.Editable {
		return nil, c.Forbidden()
	}
	rules, err := c.makeRules(in.Rules, p.Rules)
	if err != nil {
		return nil, err
	}
	p.Rules, p.UpdatedAt = rules, wire.At(c.Now)
	return wire.Object{"rules": rules}, nil
}

package scaleway

import (
	"context"
	"slices"
	"time"

	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// Application is an IAM application.
type Application struct {
	ID          string
	Name        string
	Description string
	Managed     bool
}

// Grant is one rule of a policy, as it reaches an application.
type Grant struct {
	PermissionSets []string
	Organization   bool     // the rule's scope is the organization
	ProjectIDs     []string // else these
	Condition      string   // "": none
	// OrganizationSets: the permission sets are of the kind that rule the
	// organization itself, and give nothing in any project (docs/scaleway.md,
	// Policies and rules).
	OrganizationSets bool
}

// Principal says whom a policy reaches.
type Principal struct {
	PolicyID      string
	PolicyName    string
	Description   string
	ApplicationID string // one of the three, or none for orphans
	GroupID       string
	UserID        string
	// Unknown: it names nobody, and does not say that it has no principal, as
	// every recorded one does (docs/scaleway.md, Policies and rules). Whom it
	// reaches cannot be told.
	Unknown bool
}

// Group is who is in an IAM group.
type Group struct {
	ID              string
	ApplicationIDs  []string
	UserIDs         []string
	AllApplications bool
	AllUsers        bool
}

// Applications lists the organization's applications.
// GET /iam/v1alpha1/applications.
func (c *Client) Applications(ctx context.Context) ([]Application, error) {
	found, err := every(ctx, c, func(x *iam.Application) string { return x.ID }, func(page *int32) ([]*iam.Application, uint64, error) {
		resp, err := c.iam.ListApplications(&iam.ListApplicationsRequest{
			OrganizationID: c.organization, OrderBy: iam.ListApplicationsRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Applications, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the organization's applications", needIAMRead, err)
	}
	apps := make([]Application, 0, len(found))
	for _, a := range found {
		if a.OrganizationID == "" {
			return nil, failure("list the organization's applications", needIAMRead, missing("application "+a.ID, "organization_id"))
		}
		if a.OrganizationID == c.organization {
			apps = append(apps, Application{ID: a.ID, Name: a.Name, Description: a.Description, Managed: a.Managed})
		}
	}
	return apps, nil
}

// Policies lists whom the organization's policies reach. What they grant is
// read with Rules. GET /iam/v1alpha1/policies.
func (c *Client) Policies(ctx context.Context) ([]Principal, error) {
	found, err := every(ctx, c, func(x *iam.Policy) string { return x.ID }, func(page *int32) ([]*iam.Policy, uint64, error) {
		resp, err := c.iam.ListPolicies(&iam.ListPoliciesRequest{
			OrganizationID: c.organization, OrderBy: iam.ListPoliciesRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Policies, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the organization's policies", needIAMRead, err)
	}
	policies := make([]Principal, 0, len(found))
	for _, p := range found {
		if p.OrganizationID == "" {
			return nil, failure("list the organization's policies", needIAMRead, missing("policy "+p.ID, "organization_id"))
		}
		if p.OrganizationID == c.organization {
			policies = append(policies, Principal{
				PolicyID: p.ID, PolicyName: p.Name, Description: p.Description, ApplicationID: value(p.ApplicationID), GroupID: value(p.GroupID), UserID: value(p.UserID),
				Unknown: value(p.ApplicationID) == "" && value(p.GroupID) == "" && value(p.UserID) == "" && !value(p.NoPrincipal),
			})
		}
	}
	return policies, nil
}

// Groups lists the organization's groups. GET /iam/v1alpha1/groups.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	found, err := every(ctx, c, func(x *iam.Group) string { return x.ID }, func(page *int32) ([]*iam.Group, uint64, error) {
		resp, err := c.iam.ListGroups(&iam.ListGroupsRequest{
			OrganizationID: c.organization, OrderBy: iam.ListGroupsRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Groups, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the organization's groups", needIAMRead, err)
	}
	groups := make([]Group, 0, len(found))
	for _, g := range found {
		if g.OrganizationID == "" || g.ApplicationIDs == nil {
			return nil, failure("list the organization's groups", needIAMRead, missing("group "+g.ID, "organization_id or application_ids"))
		}
		if g.OrganizationID == c.organization {
			groups = append(groups, Group{
				ID: g.ID, ApplicationIDs: g.ApplicationIDs, UserIDs: g.UserIDs, AllApplications: g.AllApplications, AllUsers: g.AllUsers,
			})
		}
	}
	return groups, nil
}

// Rules lists what a policy grants. GET /iam/v1alpha1/rules.
func (c *Client) Rules(ctx context.Context, policy Principal) ([]Grant, error) {
	found, err := every(ctx, c, func(x *iam.Rule) string { return x.ID }, func(page *int32) ([]*iam.Rule, uint64, error) {
		resp, err := c.iam.ListRules(&iam.ListRulesRequest{
			PolicyID: policy.PolicyID, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Rules, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the rules of policy "+policy.PolicyName, needIAMRead, err)
	}
	grants := make([]Grant, 0, len(found))
	for _, r := range found {
		// One without a scope was recorded, of an unknown kind
		// (docs/scaleway.md, Policies and rules): it reaches nothing.
		nowhere := r.ProjectIDs == nil && r.OrganizationID == nil && r.AccountRootUserID == nil &&
			r.PermissionSetsScopeType != iam.PermissionSetScopeTypeUnknownScopeType
		if r.PermissionSetNames == nil || nowhere {
			return nil, failure("list the rules of policy "+policy.PolicyName, needIAMRead, missing("rule "+r.ID, "permission_set_names or scope"))
		}
		grants = append(grants, Grant{
			PermissionSets: value(r.PermissionSetNames), Condition: r.Condition,
			// The scope of an account's root user is no narrower than the organization.
			Organization: r.OrganizationID != nil || r.AccountRootUserID != nil, ProjectIDs: value(r.ProjectIDs),
			OrganizationSets: r.PermissionSetsScopeType == iam.PermissionSetScopeTypeOrganization,
		})
	}
	return grants, nil
}

// KeyLifetimeCap returns the organization's maximum for a key's lifetime; 0
// means none.
// GET /iam/v1alpha1/organizations/{organization_id}/security-settings.
func (c *Client) KeyLifetimeCap(ctx context.Context) (time.Duration, error) {
	s, err := c.iam.GetOrganizationSecuritySettings(&iam.GetOrganizationSecuritySettingsRequest{OrganizationID: c.organization},
		scw.WithContext(ctx))
	if err != nil {
		return 0, failure("read the organization's security settings", needIAMRead, err)
	}
	if d := s.MaxAPIKeyExpirationDuration.ToTimeDuration(); d != nil {
		return max(*d, 0), nil
	}
	return 0, nil
}

// Reaches tells whether a grant covers a project.
func (g Grant) Reaches(project string) bool {
	return g.Organization || slices.Contains(g.ProjectIDs, project)
}

package scaleway

import (
	"context"
	"errors"
	"slices"
	"time"

	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// APIKey is an IAM API key without its secret. It belongs to an application or
// to a user.
type APIKey struct {
	AccessKey        string
	ApplicationID    string // "" for a user's
	UserID           string // "" for an application's
	Description      string
	DefaultProjectID string
	CreatedAt        time.Time
	ExpiresAt        time.Time // zero: never
	Deletable        bool
	Managed          bool // by Scaleway itself
}

// Expired tells whether the key is dead at now.
func (k APIKey) Expired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
}

// KeyPair is a key with its secret, as only its creation answers it.
type KeyPair struct {
	APIKey

	Secret redact.Secret
}

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

// NewKey is what a key is created with.
type NewKey struct {
	ApplicationID    string
	Description      string // at most 200 characters
	DefaultProjectID string
	ExpiresAt        time.Time
}

// APIKeys lists all keys of the organization, oldest first.
// GET /iam/v1alpha1/api-keys.
func (c *Client) APIKeys(ctx context.Context) ([]APIKey, error) {
	found, err := every(ctx, c, func(x *iam.APIKey) string { return x.AccessKey }, func(page *int32) ([]*iam.APIKey, uint64, error) {
		resp, err := c.iam.ListAPIKeys(&iam.ListAPIKeysRequest{
			OrganizationID: &c.organization, OrderBy: iam.ListAPIKeysRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.APIKeys, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the organization's API keys", needIAMRead, err)
	}
	return apiKeys(found), nil
}

// HasKey looks one key up; nil is that there is none.
// GET /iam/v1alpha1/api-keys/{access_key}.
func (c *Client) HasKey(ctx context.Context, accessKey string) (*APIKey, error) {
	got, err := c.iam.GetAPIKey(&iam.GetAPIKeyRequest{AccessKey: accessKey}, scw.WithContext(ctx))
	if err == nil && got.AccessKey != accessKey {
		err = errors.New("the answer is that of another key")
	}
	err = failure("look for the key "+accessKey, needIAMRead, err)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	key := apiKey(got)
	return &key, nil
}

// ApplicationKeys lists the keys of one application, oldest first.
// GET /iam/v1alpha1/api-keys?bearer_id=….
func (c *Client) ApplicationKeys(ctx context.Context, application string) ([]APIKey, error) {
	found, err := every(ctx, c, func(x *iam.APIKey) string { return x.AccessKey }, func(page *int32) ([]*iam.APIKey, uint64, error) {
		resp, err := c.iam.ListAPIKeys(&iam.ListAPIKeysRequest{
			OrganizationID: &c.organization, BearerID: &application, BearerType: iam.BearerTypeApplication,
			OrderBy: iam.ListAPIKeysRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.APIKeys, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the keys of application "+application, needIAMRead, err)
	}
	keys := slices.DeleteFunc(apiKeys(found), func(k APIKey) bool { return k.ApplicationID != application })
	return keys, nil
}

func apiKeys(found []*iam.APIKey) []APIKey {
	keys := make([]APIKey, 0, len(found))
	for _, k := range found {
		keys = append(keys, apiKey(k))
	}
	return keys
}

func apiKey(k *iam.APIKey) APIKey {
	return APIKey{
		AccessKey: k.AccessKey, ApplicationID: value(k.ApplicationID), UserID: value(k.UserID),
		Description: k.Description, DefaultProjectID: k.DefaultProjectID,
		CreatedAt: value(k.CreatedAt), ExpiresAt: value(k.ExpiresAt), Deletable: k.Deletable, Managed: k.Managed,
	}
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

// CreateKey creates a key and checks the answer field by field. A key whose
// answer is not what was asked comes back together with the error, so that the
// caller can undo it. POST /iam/v1alpha1/api-keys.
func (c *Client) CreateKey(ctx context.Context, want NewKey) (KeyPair, error) {
	act := "create a key of application " + want.ApplicationID
	got, err := c.iam.CreateAPIKey(&iam.CreateAPIKeyRequest{
		ApplicationID: &want.ApplicationID, Description: want.Description,
		DefaultProjectID: &want.DefaultProjectID, ExpiresAt: &want.ExpiresAt,
	}, scw.WithContext(ctx))
	if err != nil {
		return KeyPair{}, failure(act, needKeys, err)
	}
	pair := KeyPair{APIKey: apiKey(got), Secret: redact.New(value(got.SecretKey))}
	if err := pair.matches(want); err != nil {
		return pair, failure(act, needKeys, err)
	}
	return pair, nil
}

// matches compares a new key with what was asked for. Expiry may come back in
// the API's precision.
func (k KeyPair) matches(want NewKey) error {
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"access_key", len(k.AccessKey) == 20},
		{"secret_key", !k.Secret.Empty()},
		{"application_id", k.ApplicationID == want.ApplicationID && k.UserID == ""},
		{"description", k.Description == want.Description},
		{"default_project_id", k.DefaultProjectID == want.DefaultProjectID},
		{"expires_at", k.ExpiresAt.Sub(want.ExpiresAt).Abs() < time.Second},
	} {
		if !f.ok {
			return errors.New("the answer's " + f.name + " is not what was asked for")
		}
	}
	return nil
}

// DeleteKey deletes a key. A key that is gone already counts as deleted.
// DELETE /iam/v1alpha1/api-keys/{access_key}.
func (c *Client) DeleteKey(ctx context.Context, accessKey string) error {
	err := failure("delete the key "+accessKey, needKeys,
		c.iam.DeleteAPIKey(&iam.DeleteAPIKeyRequest{AccessKey: accessKey}, scw.WithContext(ctx)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Authenticates tells whether the API knows a key: it has it read itself, and
// a refusal for want of permission (403) shows that the key was known, where an
// unknown one gets 401. Any other answer is an error.
func (c *Client) Authenticates(ctx context.Context, pair KeyPair) (bool, error) {
	sdk, err := newSDK(c.options, pair.AccessKey, pair.Secret, c.transport)
	if err != nil {
		return false, err
	}
	got, err := iam.NewAPI(sdk).GetAPIKey(&iam.GetAPIKeyRequest{AccessKey: pair.AccessKey}, scw.WithContext(ctx))
	if err == nil && got.AccessKey != pair.AccessKey {
		err = errors.New("the answer is that of another key")
	}
	err = failure("try the key "+pair.AccessKey, needIAMRead, err)
	switch {
	case err == nil, errors.Is(err, ErrForbidden):
		return true, nil
	case errors.Is(err, ErrDenied):
		return false, nil
	default:
		return false, err
	}
}

// Reaches tells whether a grant covers a project.
func (g Grant) Reaches(project string) bool {
	return g.Organization || slices.Contains(g.ProjectIDs, project)
}

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
		return KeyPair{}, c.timely(failure(act, needKeys, err))
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
	return c.timely(err)
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

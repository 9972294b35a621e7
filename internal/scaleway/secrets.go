package scaleway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// Secret is a secret of Secret Manager, without any payload.
type Secret struct {
	ID     string
	Name   string
	Path   string
	Region string
	Tags   []string
	// VersionCount counts all versions that ever were: numbering goes on after a
	// deletion (docs/scaleway.md, Secrets and versions).
	VersionCount uint32
	CreatedAt    time.Time
	Opaque       bool // of type opaque, and not key_value: it holds no key pair
	// DeletionRequestedAt is when its deletion was asked for: it can be restored,
	// for some days. Zero: it was not.
	DeletionRequestedAt time.Time
}

// Version is one version of a secret, without its payload.
type Version struct {
	Revision    uint32
	Enabled     bool
	Going       bool // deleted, or scheduled for it
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time // of a disabled version: when it was disabled (A69)
	GoingSince  time.Time // zero: it is not; its deletion leaves UpdatedAt alone (docs/scaleway.md, Secrets and versions)
}

// payload is what a version holds: a key_value secret of these two.
type payload struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Secrets lists the project's secrets in one folder, those that are being
// deleted left out. GET /secret-manager/v1beta1/regions/{region}/secrets.
func (c *Client) Secrets(ctx context.Context, region, path string) ([]Secret, error) {
	act := "list the secrets under " + path + " in " + region
	found, err := c.listSecrets(ctx, act, &secret.ListSecretsRequest{Region: scw.Region(region), Path: &path})
	return slices.DeleteFunc(found, func(s Secret) bool { return s.Path != path || !s.DeletionRequestedAt.IsZero() }), err
}

// listSecrets lists what is in the project, by a request that says the rest.
func (c *Client) listSecrets(ctx context.Context, act string, request *secret.ListSecretsRequest) ([]Secret, error) {
	request.ProjectID, request.OrderBy, request.PageSize = &c.project, secret.ListSecretsRequestOrderByCreatedAtAsc, scw.Uint32Ptr(pageSize)
	found, err := every(ctx, c, func(x *secret.Secret) string { return x.ID }, func(page *int32) ([]*secret.Secret, uint64, error) {
		request.Page = page
		resp, err := c.secrets.ListSecrets(request, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Secrets, resp.TotalCount, nil
	})
	if err != nil {
		return nil, failure(act, needSecretRead, err)
	}
	secrets := make([]Secret, 0, len(found))
	for _, s := range found {
		if s.ProjectID == "" || s.Path == "" || s.Name == "" {
			return nil, failure(act, needSecretRead, missing("secret "+s.ID, "project_id, path or name"))
		}
		if s.ProjectID == c.project {
			secrets = append(secrets, asSecret(s, request.Region.String()))
		}
	}
	return secrets, nil
}

func asSecret(s *secret.Secret, region string) Secret {
	return Secret{
		ID: s.ID, Name: s.Name, Path: s.Path, Region: region, Tags: s.Tags,
		VersionCount: s.VersionCount, CreatedAt: value(s.CreatedAt), Opaque: s.Type == secret.SecretTypeOpaque,
		DeletionRequestedAt: value(s.DeletionRequestedAt),
	}
}

// CreateSecret creates an empty secret in the project, key_value or opaque. Where
// the name is taken, the error says by what.
// POST /secret-manager/v1beta1/regions/{region}/secrets.
func (c *Client) CreateSecret(ctx context.Context, want Secret, description string) (Secret, error) {
	act := "create the secret " + want.FullName()
	kind := secret.SecretTypeKeyValue
	if want.Opaque {
		kind = secret.SecretTypeOpaque
	}
	s, err := c.secrets.CreateSecret(&secret.CreateSecretRequest{
		Region: scw.Region(want.Region), ProjectID: c.project, Name: want.Name, Path: &want.Path,
		Tags: want.Tags, Description: &description, Type: kind,
	}, scw.WithContext(ctx))
	if err != nil {
		return Secret{}, c.nameTaken(ctx, want, failure(act, needSecretNew, err))
	}
	got := asSecret(s, want.Region)
	if got.ID == "" || got.Name != want.Name || got.Path != want.Path || s.ProjectID != c.project {
		return Secret{}, failure(act, needSecretNew, errors.New("the answer is not what was asked for"))
	}
	return got, nil
}

// FullName is the secret's path and name, as a person would look it up.
func (s Secret) FullName() string {
	if s.Path == "/" {
		return "/" + s.Name
	}
	return s.Path + "/" + s.Name
}

// Versions lists all versions of a secret, newest first.
// GET /secret-manager/v1beta1/regions/{region}/secrets/{secret_id}/versions.
func (c *Client) Versions(ctx context.Context, s Secret) ([]Version, error) {
	found, err := every(ctx, c, func(x *secret.SecretVersion) string { return revision(x.Revision) }, func(page *int32) ([]*secret.SecretVersion, uint64, error) {
		resp, err := c.secrets.ListSecretVersions(&secret.ListSecretVersionsRequest{
			Region: scw.Region(s.Region), SecretID: s.ID, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Versions, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the versions of "+s.FullName(), needSecretRead, err)
	}
	versions := make([]Version, 0, len(found))
	for _, v := range found {
		if v.SecretID == "" {
			return nil, failure("list the versions of "+s.FullName(), needSecretRead, missing("version "+revision(v.Revision), "secret_id"))
		}
		if v.SecretID == s.ID {
			versions = append(versions, asVersion(v))
		}
	}
	slices.SortFunc(versions, func(a, b Version) int { return cmp.Compare(b.Revision, a.Revision) })
	return versions, nil
}

// revision writes the number of a version; "" is none.
func revision(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// HasVersion tells whether a secret has a version of this number, one that is
// being deleted not counted. GET …/secrets/{secret_id}/versions/{revision}.
func (c *Client) HasVersion(ctx context.Context, s Secret, revision uint32) (bool, error) {
	v, err := c.secrets.GetSecretVersion(&secret.GetSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision),
	}, scw.WithContext(ctx))
	if err == nil && (v.SecretID != s.ID || v.Revision != revision) {
		err = errOtherVersion
	}
	err = failure(fmt.Sprintf("look for version %d of %s", revision, s.FullName()), needSecretRead, err)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !asVersion(v).Going, err
}

func asVersion(v *secret.SecretVersion) Version {
	return Version{
		Revision: v.Revision, Description: value(v.Description),
		Enabled: v.Status == secret.SecretVersionStatusEnabled && v.DeletionRequestedAt == nil,
		Going: v.DeletionRequestedAt != nil || v.Status == secret.SecretVersionStatusDeleted ||
			v.Status == secret.SecretVersionStatusScheduledForDeletion,
		CreatedAt: value(v.CreatedAt), UpdatedAt: value(v.UpdatedAt), GoingSince: value(v.DeletionRequestedAt),
	}
}

// Publish stores a key pair as a new enabled version: readers of latest_enabled
// see it at once. The versions before it stay enabled.
// POST /secret-manager/v1beta1/regions/{region}/secrets/{secret_id}/versions.
func (c *Client) Publish(ctx context.Context, s Secret, pair KeyPair, description string) (Version, error) {
	return c.publish(ctx, "publish "+pair.AccessKey+" in "+s.FullName(), s, PayloadOf(pair), description)
}

// PayloadOf is what a version holds that the rotator publishes: a JSON object
// with the access key and the secret key.
func PayloadOf(pair KeyPair) []byte {
	data, _ := json.Marshal(payload{AccessKey: pair.AccessKey, SecretKey: pair.Secret.Reveal()}) //nolint:errchkjson // two texts
	return data
}

var errOtherVersion = errors.New("the answer is that of another version")

// ErrPayload means that a version holds something else than a key pair: it was
// read whole, and that is what is in it. What it holds is never shown. An answer
// that is not whole is none.
var ErrPayload = errors.New("the version does not hold an access_key and a secret_key")

// AccessLatest reads what readers of latest_enabled get, and the number of the
// version that holds it. No such version is ErrNotFound.
// GET …/secrets/{secret_id}/versions/latest_enabled/access.
func (c *Client) AccessLatest(ctx context.Context, s Secret) (KeyPair, uint32, error) {
	data, revision, err := c.AccessData(ctx, s)
	if err != nil {
		return KeyPair{}, 0, err
	}
	pair, err := decodePayload(data)
	return pair, revision, failure("read the newest enabled version of "+s.FullName(), needSecretValue, err)
}

// Access reads the key pair that a version holds; of the key, only the access
// key and the secret are known.
// GET …/secrets/{secret_id}/versions/{revision}/access.
func (c *Client) Access(ctx context.Context, s Secret, revision uint32) (KeyPair, error) {
	act := fmt.Sprintf("read version %d of %s", revision, s.FullName())
	got, err := c.secrets.AccessSecretVersion(&secret.AccessSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision),
	}, scw.WithContext(ctx))
	if err != nil {
		return KeyPair{}, failure(act, needSecretValue, err)
	}
	if got.SecretID != s.ID || got.Revision != revision {
		return KeyPair{}, failure(act, needSecretValue, errOtherVersion)
	}
	data, err := dataOf(got)
	if err != nil {
		return KeyPair{}, failure(act, needSecretValue, err)
	}
	pair, err := decodePayload(data)
	return pair, failure(act, needSecretValue, err)
}

func decodePayload(data []byte) (KeyPair, error) {
	var p payload
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	// json's own errors quote the input, so they are not passed on.
	if decoder.Decode(&p) != nil || p.AccessKey == "" || p.SecretKey == "" {
		return KeyPair{}, ErrPayload
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return KeyPair{}, ErrPayload
	}
	return KeyPair{APIKey: APIKey{AccessKey: p.AccessKey}, Secret: redact.New(p.SecretKey)}, nil
}

// DisableVersion hides a version from readers of latest_enabled.
// POST …/secrets/{secret_id}/versions/{revision}/disable.
func (c *Client) DisableVersion(ctx context.Context, s Secret, revision uint32) error {
	v, err := c.secrets.DisableSecretVersion(&secret.DisableSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision),
	}, scw.WithContext(ctx))
	if err == nil && (v.SecretID != s.ID || v.Revision != revision) {
		err = errOtherVersion
	}
	return failure(fmt.Sprintf("disable version %d of %s", revision, s.FullName()), needSecretWrite, err)
}

// DescribeVersion gives a version another description.
// PATCH …/secrets/{secret_id}/versions/{revision}.
func (c *Client) DescribeVersion(ctx context.Context, s Secret, revision uint32, description string) error {
	v, err := c.secrets.UpdateSecretVersion(&secret.UpdateSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision), Description: &description,
	}, scw.WithContext(ctx))
	if err == nil && (v.SecretID != s.ID || v.Revision != revision) {
		err = errOtherVersion
	}
	return failure(fmt.Sprintf("describe version %d of %s", revision, s.FullName()), needSecretWrite, err)
}

// DeleteVersion schedules a version for deletion; one that is gone already
// counts as deleted. DELETE …/secrets/{secret_id}/versions/{revision}.
func (c *Client) DeleteVersion(ctx context.Context, s Secret, revision uint32) error {
	err := failure(fmt.Sprintf("delete version %d of %s", revision, s.FullName()), needSecretDrop,
		c.secrets.DeleteSecretVersion(&secret.DeleteSecretVersionRequest{
			Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision),
		}, scw.WithContext(ctx)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

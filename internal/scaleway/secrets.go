package scaleway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// Secret is a secret of Secret Manager, without any payload.
type Secret struct {
	ID        string
	Name      string
	Path      string
	Region    string
	Tags      []string
	CreatedAt time.Time
}

// Version is one version of a secret, without its payload.
type Version struct {
	Revision    uint32
	Enabled     bool
	Going       bool // deleted, or scheduled for it
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time // of a disabled version: when it was disabled (A69)
}

// payload is what a version holds: a key_value secret of these two.
type payload struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Secrets lists the project's secrets in one folder.
// GET /secret-manager/v1beta1/regions/{region}/secrets.
func (c *Client) Secrets(ctx context.Context, region, path string) ([]Secret, error) {
	resp, err := c.secrets.ListSecrets(&secret.ListSecretsRequest{
		Region: scw.Region(region), ProjectID: &c.project, Path: &path,
		OrderBy: secret.ListSecretsRequestOrderByCreatedAtAsc, PageSize: scw.Uint32Ptr(pageSize),
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the secrets under "+path+" in "+region, needSecretRead, err)
	}
	secrets := make([]Secret, 0, len(resp.Secrets))
	for _, s := range resp.Secrets {
		if s != nil && s.ProjectID == c.project && s.Path == path && s.DeletionRequestedAt == nil {
			secrets = append(secrets, asSecret(s))
		}
	}
	return once(secrets, func(s Secret) string { return s.ID }), nil
}

func asSecret(s *secret.Secret) Secret {
	return Secret{ID: s.ID, Name: s.Name, Path: s.Path, Region: s.Region.String(), Tags: s.Tags, CreatedAt: value(s.CreatedAt)}
}

// CreateSecret creates an empty key_value secret in the project.
// POST /secret-manager/v1beta1/regions/{region}/secrets.
func (c *Client) CreateSecret(ctx context.Context, want Secret, description string) (Secret, error) {
	act := "create the secret " + want.FullName()
	s, err := c.secrets.CreateSecret(&secret.CreateSecretRequest{
		Region: scw.Region(want.Region), ProjectID: c.project, Name: want.Name, Path: &want.Path,
		Tags: want.Tags, Description: &description, Type: secret.SecretTypeKeyValue,
	}, scw.WithContext(ctx))
	if err != nil {
		return Secret{}, failure(act, needSecretNew, err)
	}
	got := asSecret(s)
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
	resp, err := c.secrets.ListSecretVersions(&secret.ListSecretVersionsRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, PageSize: scw.Uint32Ptr(pageSize),
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the versions of "+s.FullName(), needSecretRead, err)
	}
	versions := make([]Version, 0, len(resp.Versions))
	for _, v := range resp.Versions {
		if v != nil && v.SecretID == s.ID {
			versions = append(versions, asVersion(v))
		}
	}
	return once(versions, func(v Version) string { return fmt.Sprint(v.Revision) }), nil
}

func asVersion(v *secret.SecretVersion) Version {
	return Version{
		Revision: v.Revision, Description: value(v.Description),
		Enabled: v.Status == secret.SecretVersionStatusEnabled && v.DeletionRequestedAt == nil,
		Going: v.DeletionRequestedAt != nil || v.Status == secret.SecretVersionStatusDeleted ||
			v.Status == secret.SecretVersionStatusScheduledForDeletion,
		CreatedAt: value(v.CreatedAt), UpdatedAt: value(v.UpdatedAt),
	}
}

// Publish stores a key pair as a new enabled version: readers of latest_enabled
// see it at once. The versions before it stay enabled.
// POST /secret-manager/v1beta1/regions/{region}/secrets/{secret_id}/versions.
func (c *Client) Publish(ctx context.Context, s Secret, pair KeyPair, description string) (Version, error) {
	act := "publish " + pair.AccessKey + " in " + s.FullName()
	data, err := json.Marshal(payload{AccessKey: pair.AccessKey, SecretKey: pair.Secret.Reveal()})
	if err != nil {
		return Version{}, failure(act, needSecretNew, err)
	}
	v, err := c.secrets.CreateSecretVersion(&secret.CreateSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Data: data, Description: &description,
		DataCrc32: new(crc32.ChecksumIEEE(data)),
	}, scw.WithContext(ctx))
	if err != nil {
		return Version{}, failure(act, needSecretNew, err)
	}
	return asVersion(v), nil
}

// ErrPayload means that a version holds something else than a key pair. What it
// holds is never shown.
var ErrPayload = errors.New("the version does not hold an access_key and a secret_key")

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
	pair, err := decodePayload(got.Data)
	if err == nil && (got.SecretID != s.ID || got.Revision != revision) {
		err = errors.New("the answer is that of another version")
	}
	if err != nil {
		return KeyPair{}, failure(act, needSecretValue, err)
	}
	return pair, nil
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
	_, err := c.secrets.DisableSecretVersion(&secret.DisableSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: fmt.Sprint(revision),
	}, scw.WithContext(ctx))
	return failure(fmt.Sprintf("disable version %d of %s", revision, s.FullName()), needSecretWrite, err)
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

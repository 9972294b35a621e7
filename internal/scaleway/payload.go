package scaleway

import (
	"context"
	"errors"
	"hash/crc32"

	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// PublishData stores data as a new enabled version of a secret that holds no
// key pair. It may hold secrets: it is in no error.
// POST /secret-manager/v1beta1/regions/{region}/secrets/{secret_id}/versions.
func (c *Client) PublishData(ctx context.Context, s Secret, data []byte, description string) (Version, error) {
	return c.publish(ctx, "write a version of "+s.FullName(), s, data, description)
}

func (c *Client) publish(ctx context.Context, act string, s Secret, data []byte, description string) (Version, error) {
	v, err := c.secrets.CreateSecretVersion(&secret.CreateSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Data: data, Description: &description,
		DataCrc32: new(crc32.ChecksumIEEE(data)),
	}, scw.WithContext(ctx))
	if err == nil && (v.SecretID != s.ID || v.Revision == 0) {
		err = errOtherVersion
	}
	if err != nil {
		return Version{}, failure(act, needSecretNew, err)
	}
	return asVersion(v), nil
}

// AccessData reads what the newest enabled version holds, and its number. No
// such version is ErrNotFound.
// GET …/secrets/{secret_id}/versions/latest_enabled/access.
func (c *Client) AccessData(ctx context.Context, s Secret) ([]byte, uint32, error) {
	act := "read the newest enabled version of " + s.FullName()
	got, err := c.secrets.AccessSecretVersion(&secret.AccessSecretVersionRequest{
		Region: scw.Region(s.Region), SecretID: s.ID, Revision: "latest_enabled",
	}, scw.WithContext(ctx))
	if err != nil {
		return nil, 0, failure(act, needSecretValue, err)
	}
	if got.SecretID != s.ID || got.Revision == 0 {
		return nil, 0, failure(act, needSecretValue, errors.New("the answer is that of another secret"))
	}
	data, err := dataOf(got)
	return data, got.Revision, failure(act, needSecretValue, err)
}

// dataOf is a payload, once it is seen to be whole. Its CRC is there if it was
// given when the version was made (docs/scaleway.md, Secrets and versions).
func dataOf(got *secret.AccessSecretVersionResponse) ([]byte, error) {
	switch {
	case got.Data == nil:
		return nil, errors.New("the answer has no data")
	case got.DataCrc32 != nil && *got.DataCrc32 != crc32.ChecksumIEEE(got.Data):
		return nil, errors.New("the answer's data are not whole: they do not match data_crc32")
	}
	return got.Data, nil
}

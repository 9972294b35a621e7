package scaleway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// SecretRegions are those that have Secret Manager, as the SDK says.
func (c *Client) SecretRegions() []string {
	var regions []string
	for _, r := range c.secrets.Regions() {
		regions = append(regions, r.String())
	}
	return regions
}

// SecretsNamed lists the project's secrets of one name in a region, whatever
// their path, oldest first. One that is being deleted is among them, with its
// DeletionRequestedAt: the API hides those unless asked, so it is asked twice.
// GET /secret-manager/v1beta1/regions/{region}/secrets.
func (c *Client) SecretsNamed(ctx context.Context, region, name string) ([]Secret, error) {
	act := "look for secrets named " + name + " in " + region
	var all []Secret
	for _, going := range []bool{false, true} {
		found, err := c.listSecrets(ctx, act, &secret.ListSecretsRequest{Region: scw.Region(region), Name: &name, ScheduledForDeletion: going})
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			i := slices.IndexFunc(all, func(known Secret) bool { return known.ID == s.ID })
			switch {
			case s.Name != name:
			case i < 0:
				all = append(all, s)
			default: // the filter was ignored, or it was deleted or restored meanwhile
				all[i] = s
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Secret) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return all, nil
}

// SecretErasedAfter is how long a secret that is scheduled for deletion can be restored
// (docs/scaleway.md, Secrets and versions).
const SecretErasedAfter = 7 * 24 * time.Hour

// nameTaken adds a way out to the refusal of a name that a secret which is being
// deleted still holds (A04).
func (c *Client) nameTaken(ctx context.Context, want Secret, err error) error {
	refused, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(refused.Class, ErrRefused) || !strings.Contains(refused.Asked, ": 409 ") {
		return err
	}
	found, lookErr := c.SecretsNamed(ctx, want.Region, want.Name)
	for _, s := range found {
		if lookErr == nil && s.Path == want.Path && !s.DeletionRequestedAt.IsZero() {
			refused.hint = fmt.Sprintf("a secret of this name (%s) is scheduled for deletion: restore it, or wait until it is erased, on %s",
				s.ID, s.DeletionRequestedAt.Add(SecretErasedAfter).UTC().Format("2 January 2006, 15:04 UTC"))
		}
	}
	return refused
}

// DeleteSecret schedules a secret for deletion, with all its versions; one that
// is gone already counts as deleted.
// DELETE /secret-manager/v1beta1/regions/{region}/secrets/{secret_id}.
func (c *Client) DeleteSecret(ctx context.Context, s Secret) error {
	err := failure("delete the secret "+s.FullName(), needSecretDrop, c.secrets.DeleteSecret(&secret.DeleteSecretRequest{
		Region: scw.Region(s.Region), SecretID: s.ID,
	}, scw.WithContext(ctx)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

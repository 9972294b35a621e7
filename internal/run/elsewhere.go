package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// nameless are the keys that the rotator made for an application and that no
// version of its secret names: they were published elsewhere, or their secret is
// gone, or no run has come to publish them yet.
func (c *credential) nameless(project string) []string {
	var out []string
	for _, k := range c.state.Keys {
		if rotate.MintedBy(k, project) && !slices.ContainsFunc(c.state.Versions, func(v scaleway.Version) bool { return rotate.VersionKey(v.Description) == k.AccessKey }) {
			out = append(out, k.AccessKey)
		}
	}
	return out
}

// elsewhere looks for an application's secret in all paths and regions, where it
// is not at its place, or does not name all the keys that were made for it: the
// path or the region may have been set to another, or the secret deleted.
func (d *discovery) elsewhere(ctx context.Context, c *credential) error {
	made := c.nameless(d.cfg.ProjectID)
	if c.state.Secret.ID != "" && len(made) == 0 {
		return nil
	}
	var (
		all     safe.Group
		regions = d.client.SecretRegions()
		found   = make([][]scaleway.Secret, len(regions))
		errs    = make([]error, len(regions))
	)
	for i, region := range regions {
		all.Go(func() { found[i], errs[i] = d.client.SecretsNamed(ctx, region, c.member.app.ID) })
	}
	all.Wait()
	for i := range regions {
		if errs[i] != nil {
			return fmt.Errorf("it cannot be told whether its keys were published elsewhere: %w", errs[i])
		}
		for _, s := range found[i] {
			if err := d.placed(ctx, c, s); err != nil {
				return err
			}
		}
	}
	for _, p := range c.placed {
		c.state.ReadUntil = later(c.state.ReadUntil, rotate.ReadUntil(p.versions))
		for _, v := range p.versions {
			if access := rotate.VersionKey(v.Description); access != "" { // of one that is going, readers may hold the key
				c.state.Elsewhere = append(c.state.Elsewhere, access)
			}
		}
	}
	c.lose(made, d.world.now)
	return nil
}

// placed looks at one secret of an application's name.
func (d *discovery) placed(ctx context.Context, c *credential, s scaleway.Secret) error {
	switch {
	case s.ID == c.state.Secret.ID:
		return nil
	case !s.DeletionRequestedAt.IsZero():
		if s.DeletionRequestedAt.After(c.state.LostAt) {
			c.state.LostAt = s.DeletionRequestedAt
		}
		return nil
	}
	versions, err := d.client.Versions(ctx, s)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(versions, func(v scaleway.Version) bool { return rotate.VersionKey(v.Description) != "" }) {
		c.placed = append(c.placed, placed{s, versions})
	}
	return nil
}

// lose notes which keys were made for the application that no secret names any
// more. A young one may belong to a run in progress, or to one that died.
func (c *credential) lose(made []string, now time.Time) {
	lost := slices.DeleteFunc(made, func(access string) bool {
		young := slices.ContainsFunc(c.state.Keys, func(k scaleway.APIKey) bool {
			return k.AccessKey == access && (now.Sub(k.CreatedAt) < rotate.OrphanAfter || c.state.MayBeOrphan(k, now))
		})
		return young || slices.Contains(c.state.Elsewhere, access)
	})
	if len(lost) == 0 {
		return
	}
	c.lost = fmt.Sprintf("its secret is gone, in which %s was published: nobody can read that key any more, and it is kept while something may carry it", strings.Join(lost, ", "))
	if !c.state.LostAt.IsZero() {
		c.lostUntil = c.state.LostAt.Add(scaleway.SecretErasedAfter)
	}
}

// publishedAs names the secret of another application whose readers get a key, or
// is "": somebody may have published it there. What the rotator did not write is
// read, since its description says nothing.
func (s *discovered) publishedAs(ctx context.Context, c *credential, accessKey string) (where string, err error) {
	for _, other := range s.world.credentials {
		v := other.state.Published()
		if other == c || v == nil {
			continue
		}
		named := rotate.VersionKey(v.Description) == accessKey
		if rotate.VersionKey(v.Description) == "" {
			if named, err = s.shows(ctx, other, c, accessKey); err != nil {
				return "", fmt.Errorf("key %s is kept: whether readers of %s get it cannot be told: %w", accessKey, other.state.Secret.FullName(), err)
			}
		}
		if named {
			return other.state.Secret.FullName(), nil
		}
	}
	return "", nil
}

// shows tells whether readers of a secret get a key of another application, in
// whatever form: its access key, or its secret key where that is known.
func (s *discovered) shows(ctx context.Context, of, c *credential, accessKey string) (bool, error) {
	if of.shown == nil {
		data, _, err := s.client.AccessData(ctx, of.state.Secret)
		if err != nil && !errors.Is(err, scaleway.ErrNotFound) {
			return false, err
		}
		of.shown = &data
	}
	return bytes.Contains(*of.shown, []byte(accessKey)) || slices.ContainsFunc(c.pairs, func(p scaleway.KeyPair) bool {
		return p.AccessKey == accessKey && bytes.Contains(*of.shown, []byte(p.Secret.Reveal()))
	}), nil
}

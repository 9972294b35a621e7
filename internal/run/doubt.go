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

// doubt reads what a credential's readers get, and asks once more where a list
// that left something out would have a key or a version deleted: what is not
// listed is taken for gone only where asking for it says so too.
func (d *discovery) doubt(ctx context.Context, c *credential) error {
	newest := c.state.Published()
	if newest == nil || rotate.VersionKey(newest.Description) != "" { // else somebody else's; the plan leaves it alone
		if err := d.readers(ctx, c, newest); err != nil {
			return err
		}
	}
	if err := d.unlistedKeys(ctx, c); err != nil {
		return err
	}
	return d.unlistedVersions(ctx, c)
}

// readers compares what readers of the secret get with the list of versions.
func (d *discovery) readers(ctx context.Context, c *credential, newest *scaleway.Version) error {
	secret := c.state.Secret
	if newest == nil && secret.VersionCount == 0 && len(c.state.Versions) == 0 {
		return nil
	}
	pair, revision, err := d.client.AccessLatest(ctx, secret)
	switch {
	case newest == nil && (errors.Is(err, scaleway.ErrNotFound) || errors.Is(err, scaleway.ErrRefused)):
		return nil
	case newest == nil && err == nil, newest != nil && err == nil && revision != newest.Revision:
		return fmt.Errorf("readers of %s get version %d, which is not the newest enabled one that is listed: the next run looks again", secret.FullName(), revision)
	case err != nil:
		return err
	case pair.AccessKey != rotate.VersionKey(newest.Description):
		return fmt.Errorf("version %d of %s says that it holds %s, and does not", revision, secret.FullName(), rotate.VersionKey(newest.Description))
	}
	c.pair = &pair
	return nil
}

// unlistedKeys asks for the keys that versions name and the list of keys does
// not hold. One made by another run since the list was read joins it.
func (d *discovery) unlistedKeys(ctx context.Context, c *credential) error {
	for _, v := range c.state.Versions {
		named := rotate.VersionKey(v.Description)
		known := func(k scaleway.APIKey) bool { return k.AccessKey == named }
		if v.Going || named == "" || slices.ContainsFunc(c.state.Keys, known) || slices.Contains(c.gone, named) {
			continue
		}
		switch key, err := d.client.HasKey(ctx, named); {
		case err != nil:
			return err
		case key == nil:
			c.gone = append(c.gone, named)
		case key.ApplicationID == c.member.App.ID && d.world.now.Sub(key.CreatedAt) < rotate.OrphanAfter:
			c.state.Keys = append(c.state.Keys, *key)
		default:
			return fmt.Errorf("the list of API keys does not show %s as a key of this application, and it exists", named)
		}
	}
	return nil
}

// unlistedVersions asks for the versions that are not listed, where a key that
// the rotator made is named by none that is.
func (d *discovery) unlistedVersions(ctx context.Context, c *credential) error {
	if !c.state.HasNameless() {
		return nil
	}
	last := c.state.Secret.VersionCount
	if len(c.state.Versions) > 0 {
		last = max(last, c.state.Versions[0].Revision)
	}
	const most = 200 // an older one names no key that lives
	for n := last; n > 0 && last-n < most; n-- {
		if slices.ContainsFunc(c.state.Versions, func(v scaleway.Version) bool { return v.Revision == n }) {
			continue
		}
		switch there, err := d.client.HasVersion(ctx, c.state.Secret, n); {
		case err != nil:
			return err
		case there:
			return fmt.Errorf("the list of versions of %s leaves out version %d, which exists", c.state.Secret.FullName(), n)
		}
	}
	return nil
}

// unsaid are the credentials that could not be read, where no step of this run
// would say so.
func (s *discovered) unsaid() []error {
	if len(s.req.Revoke)+len(s.req.Rollback) > 0 {
		return nil // what is asked for says what stands in its way
	}
	var errs []error
	for _, c := range s.world.credentials {
		if c.broken != nil && !s.asked(StepRotate) {
			errs = append(errs, fmt.Errorf("application %s: its credential is not known: %w", c.member.App.Name, c.broken))
		}
	}
	if o := s.world.own; o.broken != nil && !s.asked(StepOwnKey) {
		errs = append(errs, fmt.Errorf("the function's own key: %w", o.broken))
	}
	return errs
}

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
		all.Go(func() { found[i], errs[i] = d.client.SecretsNamed(ctx, region, c.member.App.ID) })
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

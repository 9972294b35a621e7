package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/rotate"
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
		case key.ApplicationID == c.member.app.ID && d.world.now.Sub(key.CreatedAt) < rotate.OrphanAfter:
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
			errs = append(errs, fmt.Errorf("application %s: its credential is not known: %w", c.member.app.Name, c.broken))
		}
	}
	if o := s.world.own; o.broken != nil && !s.asked(StepOwnKey) {
		errs = append(errs, fmt.Errorf("the function's own key: %w", o.broken))
	}
	return errs
}

package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Sweep removes what earlier runs left behind: orphans, expired keys, and versions
// of keys that are gone. Nobody can hold the one or use the other. A version is left
// where proven finds that its key may not be dead; proven may enable it, to
// read it, and returns it as it then is.
func (a *Applier) Sweep(ctx context.Context, p *Plan, proven func(context.Context, *Plan, scaleway.Version) (scaleway.Version, error)) error {
	var errs []error
	for _, k := range p.Keys {
		if k.State == Orphan && k.Retire {
			errs = append(errs, a.deleteKey(ctx, k.Key.AccessKey, "an orphan: made by a run that ended before it was published"))
		}
		if k.Dead {
			errs = append(errs, a.deleteKey(ctx, k.Key.AccessKey, "it expired, and is not published"))
		}
	}
	for _, v := range p.Stale {
		v, err := proven(ctx, p, v)
		if err == nil {
			err = a.dropVersion(ctx, p.State.Secret, v, "its key "+VersionKey(v.Description)+" is gone")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Going tells whether a key is given up in a run: its grace is over, or a person
// wants it dead.
func (k KeyPlan) Going() bool { return !k.Dead && (k.Revoke || (k.State == Superseded && k.Retire)) }

// Retire deletes the keys that are to be given up. The caller has seen the
// current key, which revision holds, work in this very run; carried returns why
// a key must live on, since a consumer has it, or nil. Retire looks once more
// whether revision is still what readers get: a person may have gone back to a
// superseded key meanwhile. The versions of a key stay, disabled, until a later
// run has proven that the key is dead.
func (a *Applier) Retire(ctx context.Context, p *Plan, revision uint32, carried func(accessKey string) error) error {
	published := scaleway.Version{} // none, where a dry run plans to publish the first
	if p.State.Secret.ID != "" || !a.Journal.Dry() {
		versions, err := a.Client.Versions(ctx, p.State.Secret)
		if err != nil {
			return err
		}
		if now := (State{Versions: versions}).Published(); now != nil {
			published = *now
		}
	}
	if published.Revision != revision || published.Revision == 0 && !a.Journal.Dry() {
		return fmt.Errorf("version %d of %s is not the newest enabled one any more", revision, p.State.Secret.FullName())
	}
	var errs []error
	for i := range p.Keys {
		k := &p.Keys[i]
		if !k.Going() {
			continue
		}
		err := carried(k.Key.AccessKey)
		left, now := p.RetireAt(k.Key.AccessKey, time.Time{}, 0), a.Client.Now()
		if err == nil && !k.Revoke && !a.Policy.graceOver(left, now) {
			continue // since the plan was made, it was noted that a consumer carried it until now
		}
		if err == nil && !k.readable() && now.Before(left) {
			err = fmt.Errorf("key %s is kept: a consumer was left with it, and its version is disabled, so nobody can tell which one: see that none carries it, and delete it by hand", k.Key.AccessKey)
		}
		if replaced := a.Journal.Dry() && p.Rotate; err == nil && !replaced && VersionKey(published.Description) == k.Key.AccessKey {
			err = fmt.Errorf("key %s is still the published one", k.Key.AccessKey)
		}
		if err == nil {
			err = a.retire(ctx, p, k)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// readable tells whether the key's secret can be read, and compared with what
// consumers carry.
func (k KeyPlan) readable() bool {
	return slices.ContainsFunc(k.Versions, func(v scaleway.Version) bool { return v.Enabled })
}

// retire disables the versions first: a reader must not get a key that is
// about to die. As long as the key lives, they name it.
func (a *Applier) retire(ctx context.Context, p *Plan, k *KeyPlan) error {
	why := "superseded, and its grace is over"
	if k.Revoke {
		why = "revoked by a person"
	}
	for _, v := range k.Versions {
		if !v.Enabled {
			continue
		}
		if err := a.disable(ctx, p.State.Secret, v, why); err != nil {
			return err
		}
	}
	return a.deleteKey(ctx, k.Key.AccessKey, why)
}

func (a *Applier) deleteKey(ctx context.Context, accessKey, why string) error {
	if accessKey == a.Client.AccessKey() { // whatever a plan says
		return fmt.Errorf("key %s is not deleted: the function runs on it", accessKey)
	}
	change := report.Change{Kind: "delete_key", Object: accessKey, Reason: why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.Client.DeleteKey(ctx, accessKey) })
}

// Enable enables a disabled version, so that it can be read before it is deleted.
// The caller makes sure that readers of latest_enabled get another.
func (a *Applier) Enable(ctx context.Context, p *Plan, v scaleway.Version) error {
	change := report.Change{Kind: "enable_version", Object: versionName(p.State.Secret, v), Reason: "to see whether its key is refused"}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		return a.Client.EnableVersion(ctx, p.State.Secret, v.Revision)
	})
}

func (a *Applier) dropVersion(ctx context.Context, s scaleway.Secret, v scaleway.Version, why string) error {
	if v.Enabled {
		if err := a.disable(ctx, s, v, why); err != nil {
			return err
		}
	}
	change := report.Change{Kind: "delete_version", Object: versionName(s, v), Reason: why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		return a.unlessGoing(ctx, s, v, a.Client.DeleteVersion(ctx, s, v.Revision))
	})
}

// unlessGoing forgives a refusal where the version is on its way out already:
// another run, or an attempt whose answer was lost, came first (A03).
func (a *Applier) unlessGoing(ctx context.Context, s scaleway.Secret, v scaleway.Version, err error) error {
	if !errors.Is(err, scaleway.ErrRefused) {
		return err
	}
	versions, listErr := a.Client.Versions(ctx, s)
	for _, now := range versions {
		if now.Revision == v.Revision && now.Going {
			return nil
		}
	}
	return errors.Join(err, listErr)
}

package rotate

import (
	"context"
	"errors"
	"fmt"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Sweep removes what earlier runs left behind: orphans, and versions of keys
// that are gone. Nobody can hold the one or use the other.
func (a *Applier) Sweep(ctx context.Context, p *Plan) error {
	var errs []error
	for _, k := range p.Keys {
		if k.State == Orphan && k.Retire {
			errs = append(errs, a.deleteKey(ctx, k.Key.AccessKey, "an orphan: made by a run that ended before it was published"))
		}
	}
	for _, v := range p.Stale {
		errs = append(errs, a.dropVersion(ctx, p.State.Secret, v, "its key "+VersionKey(v.Description)+" is gone"))
	}
	return errors.Join(errs...)
}

// Retire deletes the superseded keys whose grace is over, with the versions
// that hold them. The caller has seen the current key, which revision holds,
// work in this very run. It looks once more whether that is still the version
// that readers get: a person may have gone back to a superseded key meanwhile.
func (a *Applier) Retire(ctx context.Context, p *Plan, revision uint32) error {
	versions, err := a.Client.Versions(ctx, p.State.Secret)
	if err != nil {
		return err
	}
	if now := (State{Versions: versions}).Published(); now == nil || now.Revision != revision {
		return fmt.Errorf("version %d of %s is not the newest enabled one any more", revision, p.State.Secret.FullName())
	}
	var errs []error
	for i := range p.Keys {
		if k := &p.Keys[i]; k.State == Superseded && k.Retire {
			errs = append(errs, a.retire(ctx, p, k))
		}
	}
	return errors.Join(errs...)
}

// retire disables the versions first: a reader must not get a key that is
// about to die. It deletes them last: as long as the key lives, they name it.
func (a *Applier) retire(ctx context.Context, p *Plan, k *KeyPlan) error {
	why := "superseded, and its grace is over"
	for _, v := range k.Versions {
		if !v.Enabled {
			continue
		}
		if err := a.disable(ctx, p.State.Secret, v, why); err != nil {
			return err
		}
	}
	if err := a.deleteKey(ctx, k.Key.AccessKey, why); err != nil {
		return err
	}
	var errs []error
	for _, v := range k.Versions {
		v.Enabled = false
		errs = append(errs, a.dropVersion(ctx, p.State.Secret, v, "its key is retired"))
	}
	return errors.Join(errs...)
}

func (a *Applier) deleteKey(ctx context.Context, accessKey, why string) error {
	change := report.Change{Kind: "delete_key", Object: accessKey, Reason: why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.Client.DeleteKey(ctx, accessKey) })
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

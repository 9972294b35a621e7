package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// ErrNotYet says of a version whose key is gone that it goes in a later run.
var ErrNotYet = errors.New("not yet")

// Sweep removes what earlier runs left behind: orphans, expired keys, and versions
// of keys that are gone. Nobody can hold the one or use the other. A version is
// left where proven finds that its key is not dead.
func (a *Applier) Sweep(ctx context.Context, p *Plan, proven func(context.Context, *Plan, scaleway.Version) error) error {
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
		err := proven(ctx, p, v)
		if errors.Is(err, ErrNotYet) {
			continue
		}
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

// Giving tells which keys are given up, and why others are not. The caller has
// seen the current key, which revision holds, work in this very run; kept tells
// whether a key must live on, with an error if that is one. Giving looks once
// more whether revision is still what readers get: a person may have gone back to
// a superseded key meanwhile.
func (a *Applier) Giving(ctx context.Context, p *Plan, revision uint32, kept func(k KeyPlan) (bool, error)) ([]KeyPlan, error) {
	published := scaleway.Version{} // none, where a dry run plans to publish the first
	if p.State.Secret.ID != "" || !a.Journal.Dry() {
		versions, err := a.Client.Versions(ctx, p.State.Secret)
		if err != nil {
			return nil, err
		}
		if now := (State{Versions: versions}).Published(); now != nil {
			published = *now
		}
	}
	if published.Revision != revision || published.Revision == 0 && !a.Journal.Dry() {
		return nil, fmt.Errorf("version %d of %s is not the newest enabled one any more", revision, p.State.Secret.FullName())
	}
	var (
		out  []KeyPlan
		errs []error
	)
	for _, k := range p.Keys {
		if !k.Going() {
			continue
		}
		lives, err := false, error(nil)
		if replaced := a.Journal.Dry() && p.Rotate; !replaced && VersionKey(published.Description) == k.Key.AccessKey {
			err = fmt.Errorf("key %s is still the published one", k.Key.AccessKey)
		} else {
			lives, err = kept(k)
		}
		if lives && err == nil {
			continue
		}
		if err == nil && !k.Revoke && !a.Policy.graceOver(p.RetireAt(k.Key.AccessKey, time.Time{}, 0), a.Client.Now()) {
			continue // since the plan was made, it was noted that a consumer carried it until now
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, k)
	}
	return out, errors.Join(errs...)
}

// GiveUp deletes a key. It disables the versions first: a reader must not get a
// key that is about to die. They stay, and name it, until it is seen to be
// dead.
func (a *Applier) GiveUp(ctx context.Context, p *Plan, k KeyPlan) error {
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

// Drop deletes the versions of a key that is dead.
func (a *Applier) Drop(ctx context.Context, p *Plan, k KeyPlan) error {
	var errs []error
	for _, v := range k.Versions {
		v.Enabled = false // GiveUp has seen to it
		errs = append(errs, a.dropVersion(ctx, p.State.Secret, v, "its key "+k.Key.AccessKey+" is gone"))
	}
	return errors.Join(errs...)
}

func (a *Applier) deleteKey(ctx context.Context, accessKey, why string) error {
	if accessKey == a.Client.AccessKey() { // whatever a plan says
		return fmt.Errorf("key %s is not deleted: the function runs on it", accessKey)
	}
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

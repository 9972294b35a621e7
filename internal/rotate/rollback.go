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

// Rollback is the way back to the key that was published before.
type Rollback struct {
	From []scaleway.Version // that readers are not to get any more, newest first
	Bad  string             // the access key that From holds
	To   scaleway.Version   // that readers get then
	Key  scaleway.APIKey    // that To holds
}

// Back finds the way back from the current key. The error says why there is
// none.
func (p *Plan) Back(now time.Time) (Rollback, error) {
	current := p.Current()
	switch {
	case p.LeftAlone != "":
		return Rollback{}, errors.New("it is left alone: " + p.LeftAlone)
	case current == nil:
		return Rollback{}, errors.New("no key is published")
	}
	back := Rollback{Bad: current.Key.AccessKey}
	for _, v := range p.State.Versions {
		if !v.Enabled {
			continue
		}
		if VersionKey(v.Description) != back.Bad {
			back.To = v
			break
		}
		back.From = append(back.From, v)
	}
	to := VersionKey(back.To.Description)
	if to == "" {
		return Rollback{}, errors.New("no version before the current key's is enabled: the key before it is retired, or there was none")
	}
	switch k := p.Key(to); {
	case k == nil:
		return Rollback{}, fmt.Errorf("the key before, %s, is gone", to)
	case k.Key.Expired(now):
		return Rollback{}, fmt.Errorf("the key before, %s, expired on %s", to, k.Key.ExpiresAt.UTC().Format(time.DateTime))
	case k.Retire:
		return Rollback{}, fmt.Errorf("the grace of the key before, %s, ended on %s", to, k.RetireAt.UTC().Format(time.DateTime))
	default:
		back.Key = k.Key
		return back, nil
	}
}

// Pin marks the version that readers are to get back: its key is not replaced
// until a person says so. The mark means nothing as long as a newer version is
// enabled, so it comes first.
func (a *Applier) Pin(ctx context.Context, p *Plan, back Rollback) error {
	mark := ReadMark(back.To.Description)
	mark.Pinned, mark.Bad = true, false
	return a.mark(ctx, p.State.Secret, back.To, mark, "a person goes back to its key")
}

// GoBack disables the versions of the bad key, so that readers of
// latest_enabled get the one before again. It looks once more whether that is
// what disabling them does.
func (a *Applier) GoBack(ctx context.Context, p *Plan, back Rollback) error {
	versions, err := a.Client.Versions(ctx, p.State.Secret)
	if err != nil {
		return err
	}
	left := State{Versions: versions}
	for _, v := range back.From {
		for i := range left.Versions {
			if left.Versions[i].Revision == v.Revision {
				left.Versions[i].Enabled = false
			}
		}
	}
	if next := left.Published(); next == nil || next.Revision != back.To.Revision {
		return fmt.Errorf("the versions of %s changed meanwhile: version %d would not be what readers get", p.State.Secret.FullName(), back.To.Revision)
	}
	// The newest last: until then, readers get the bad key, and not one of its older versions.
	for _, v := range slices.Backward(back.From) {
		mark := ReadMark(v.Description)
		for _, now := range versions { // it may have been marked as carried since the plan was made
			if now.Revision == v.Revision {
				mark = ReadMark(now.Description)
			}
		}
		mark.Bad = true
		// Its date counts once it is disabled, so it is marked before.
		if err := a.mark(ctx, p.State.Secret, v, mark, "a person goes back from its key"); err != nil {
			return err
		}
		if err := a.disable(ctx, p.State.Secret, v, "a person goes back from its key"); err != nil {
			return err
		}
	}
	return nil
}

// NoteOld notes until when consumers, so many, may carry a key, so that the grace
// of the key counts from then on. One that is gone has no grace.
func (a *Applier) NoteOld(ctx context.Context, p *Plan, accessKey string, until time.Time, consumers int) error {
	if !p.knows(accessKey) {
		return nil
	}
	// It is written to the second and compared alike, or a dry run would miss
	// a mark that the run after it makes.
	until = until.Truncate(time.Second).Add(time.Second)
	if !p.State.carriedUntil(accessKey).Before(until) {
		return nil
	}
	noted, err := a.note(ctx, p, accessKey, func(mark *VersionMark) {
		mark.CarriedUntil = until
		mark.Carriers = max(mark.Carriers, consumers)
	})
	if err == nil && !noted {
		if p.State.ReadUntil == nil {
			p.State.ReadUntil = map[string]time.Time{}
		}
		p.State.ReadUntil[accessKey] = until
	}
	return err
}

// NoteCurrent notes how many consumers carry a key that this run has published, or
// would have.
func (a *Applier) NoteCurrent(ctx context.Context, r *Rotation, consumers int) error {
	mark := VersionMark{AccessKey: r.New.AccessKey, Carriers: consumers}
	change := report.Change{Kind: "mark_version", Object: "the new version of " + r.Secret.FullName(), Reason: "consumers carry its key"}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		return a.Client.DescribeVersion(ctx, r.Secret, r.Version.Revision, mark.String())
	})
}

// note changes the mark of the version that holds a key: of an enabled one, if
// there is one. Describing a disabled one moves the date at which it counts as
// disabled (docs/scaleway.md, Secrets and versions), so its key has its grace
// anew; where the API refuses that, or there is none, noted is false.
func (a *Applier) note(ctx context.Context, p *Plan, accessKey string, change func(*VersionMark)) (noted bool, err error) {
	var held *scaleway.Version
	for i := range p.State.Versions {
		v := &p.State.Versions[i]
		if !v.Going && VersionKey(v.Description) == accessKey && (held == nil || v.Enabled && !held.Enabled) {
			held = v
		}
	}
	if held == nil {
		return false, nil
	}
	mark := ReadMark(held.Description)
	change(&mark)
	err = a.mark(ctx, p.State.Secret, *held, mark, "consumers carry its key")
	if err == nil {
		held.Description = mark.String()
	}
	if errors.Is(err, scaleway.ErrRefused) && !held.Enabled {
		return false, nil
	}
	return true, err
}

// RetireAt tells when the grace of a key ends that was superseded at a time, by
// what is known now.
func (p *Plan) RetireAt(accessKey string, superseded time.Time, grace time.Duration) time.Time {
	return latest(superseded, p.State.carriedUntil(accessKey)).Add(grace)
}

// mark writes what a version's description says.
func (a *Applier) mark(ctx context.Context, s scaleway.Secret, v scaleway.Version, mark VersionMark, why string) error {
	if mark.String() == ReadMark(v.Description).String() {
		return nil
	}
	change := report.Change{Kind: "mark_version", Object: versionName(s, v), Reason: why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		return a.Client.DescribeVersion(ctx, s, v.Revision, mark.String())
	})
}

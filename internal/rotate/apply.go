package rotate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Try makes one attempt with a new key, where its application may call. It
// returns an error where the attempt told neither way.
type Try func(ctx context.Context) (works bool, err error)

// Applier carries plans out. All its exported fields must be set.
type Applier struct {
	Client       *scaleway.Client
	Journal      *report.Journal
	Clock        clock.Clock
	Log          *slog.Logger
	Policy       Policy
	SecretPath   string
	SecretRegion string
	Window       time.Duration // over which a new key must keep working
	Bound        time.Duration // after which it is given up
	// Tester returns how a new key of this application is tried, and says where.
	Tester func(ctx context.Context, s State, pair scaleway.KeyPair) (Try, string)

	mu   sync.Mutex
	over time.Time // since when the run's time is over
}

// Rotation is what became of one plan that rotates.
type Rotation struct {
	Plan      *Plan
	New       scaleway.KeyPair // published, unless Err
	Secret    scaleway.Secret
	Version   scaleway.Version // that holds New
	VerifyBy  string           // where it was tried
	Overtaken bool             // another run is at it; New is gone
	NotTried  bool             // there was no room for the one before it
	NoProject string           // the default project of the key before, which is gone, or ""
	// Err is why the key was not rotated. After an unknown outcome (it is
	// scaleway.ErrUnknown) nothing of the application is deleted in this run.
	Err error
}

// undoTime is how long undoing a creation may take; once the run's own time is
// over, how long undoing all of them may.
const undoTime = 15 * time.Second

// Rotate replaces the keys of all plans together: created one by one,
// verified over one window, then published. It returns one Rotation a plan. In
// a dry run it only notes the changes.
func (a *Applier) Rotate(ctx context.Context, plans []*Plan) []*Rotation {
	rotations := make([]*Rotation, len(plans))
	for i, plan := range plans {
		rotations[i] = &Rotation{Plan: plan, Secret: plan.State.Secret}
	}
	defer context.AfterFunc(ctx, func() { a.isOver() })()
	full := false
	for _, r := range rotations {
		if full {
			r.Err, r.NotTried = fmt.Errorf("not tried, since there was no room for the one before: %w", scaleway.ErrQuota), true
			continue
		}
		r.Err = a.create(ctx, r)
		full = noRoom(r.Err, r.Plan)
	}
	if !a.Journal.Dry() {
		a.verify(ctx, rotations)
	}
	for _, r := range rotations {
		if r.Err == nil && !r.Overtaken {
			r.Err = a.publish(ctx, r)
		}
	}
	return rotations
}

// create makes the secret, if there is none, and then the key: a secret that
// cannot be had must not cost a key.
func (a *Applier) create(ctx context.Context, r *Rotation) error {
	if err := a.makeSecret(ctx, r); err != nil {
		return err
	}
	return a.makeKey(ctx, r)
}

func (a *Applier) makeKey(ctx context.Context, r *Rotation) error {
	app := r.Plan.State.Application
	want := a.newKey(r.Plan)
	change := report.Change{Kind: "create_key", Object: "application " + app.ID, Reason: r.Plan.Why}
	err := a.Journal.Do(ctx, change, func(ctx context.Context) error {
		var err error
		r.New, err = a.Client.CreateKey(ctx, want)
		if scaleway.NoProject(err) && want.DefaultProjectID != a.Policy.Project {
			// It is refused for good, and each later run would be: no key has that
			// project for long. A caller of private endpoints needs none.
			r.NoProject, want.DefaultProjectID = want.DefaultProjectID, a.Policy.Project
			r.New, err = a.Client.CreateKey(ctx, want)
		}
		return err
	})
	switch {
	case err != nil && r.New.AccessKey == "", a.Journal.Dry():
		return err
	case err != nil: // it was made, but not as asked
		return errors.Join(err, a.undo(ctx, r, "it is not what was asked for"))
	}
	return a.yield(ctx, r)
}

func (a *Applier) makeSecret(ctx context.Context, r *Rotation) error {
	if r.Secret.ID != "" {
		return nil
	}
	app := r.Plan.State.Application
	want := scaleway.Secret{
		Name: app.ID, Path: a.SecretPath, Region: a.SecretRegion,
		Tags: []string{"rotator", "application=" + app.ID},
	}
	r.Secret = want
	change := report.Change{Kind: "create_secret", Object: want.FullName(), Reason: "application " + app.Name + " has none"}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		made, err := a.Client.CreateSecret(ctx, want, "current API key of application "+app.Name+", published by the rotator")
		if err == nil {
			r.Secret, r.Plan.State.Secret = made, made
		}
		return err
	})
}

// yield gives way to another run that is at the same application: of two keys
// made since the runs looked, the older one stays. Both runs look after they
// made theirs, so the younger one sees the older, and only one is published.
func (a *Applier) yield(ctx context.Context, r *Rotation) error {
	keys, err := a.Client.ApplicationKeys(ctx, r.Plan.State.Application.ID)
	if err != nil {
		return errors.Join(err, a.undo(ctx, r, "it cannot be told whether another run is at it"))
	}
	for _, k := range keys {
		if k.AccessKey == r.New.AccessKey || keyProject(k.Description) != a.Policy.Project || r.Plan.knows(k.AccessKey) {
			continue
		}
		if !k.CreatedAt.After(r.New.CreatedAt) { // of two at the same instant, neither knows who looked first
			r.Overtaken = true
			return a.undo(ctx, r, "another run made "+k.AccessKey+" first")
		}
	}
	return nil
}

// newKey is the key that replaces the application's present one: with its
// description and default project.
func (a *Applier) newKey(p *Plan) scaleway.NewKey {
	want := scaleway.NewKey{
		ApplicationID: p.State.Application.ID, DefaultProjectID: a.Policy.Project,
		ExpiresAt: a.Client.Now().Add(a.Policy.Lifetime).Truncate(time.Second),
	}
	description := ""
	if model := p.Current(); model != nil {
		description, want.DefaultProjectID = model.Key.Description, model.Key.DefaultProjectID
	} else if n := len(p.Keys); n > 0 { // the youngest
		description, want.DefaultProjectID = p.Keys[n-1].Key.Description, p.Keys[n-1].Key.DefaultProjectID
	}
	want.Description = markKey(description, a.Policy.Project)
	return want
}

// undoLeft is how long an undoing may take. Once the run's time is over, that is
// what is left of the time for all.
func (a *Applier) undoLeft(ctx context.Context) time.Duration {
	if ctx.Err() == nil {
		return undoTime
	}
	return undoTime - a.Clock.Now().Sub(a.isOver())
}

// isOver notes that the run's time is over, and since when.
func (a *Applier) isOver() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over.IsZero() {
		a.over = a.Clock.Now()
	}
	return a.over
}

// undo deletes a new key that nobody can have seen, even where the run's own
// time is over.
func (a *Applier) undo(ctx context.Context, r *Rotation, why string) error {
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(ctx), a.Clock, a.undoLeft(ctx))
	defer cancel()
	change := report.Change{Kind: "delete_key", Object: r.New.AccessKey, Reason: report.Undone + why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.Client.DeleteKey(ctx, r.New.AccessKey) })
}

// publish stores a verified key and reads it back.
func (a *Applier) publish(ctx context.Context, r *Rotation) error {
	change := report.Change{Kind: "publish", Object: r.Secret.FullName(), Reason: r.Plan.Why}
	if a.Journal.Dry() {
		return a.Journal.Do(ctx, change, nil)
	}
	overtaken, err := a.overtaken(ctx, r)
	if err != nil || overtaken {
		r.Overtaken = overtaken && err == nil
		return errors.Join(err, a.undo(ctx, r, "another run published first, or it cannot be told"))
	}
	err = a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.store(ctx, r) })
	switch {
	case errors.Is(err, scaleway.ErrUnknown):
		return err // the version may be there, or still arrive
	case err != nil:
		return errors.Join(err, a.undo(ctx, r, "publishing was refused"))
	}
	return a.readBack(ctx, r)
}

// store makes the version, and looks for it where no answer came.
func (a *Applier) store(ctx context.Context, r *Rotation) error {
	var err error
	r.Version, err = a.Client.Publish(ctx, r.Secret, r.New, VersionMark{AccessKey: r.New.AccessKey}.String())
	if errors.Is(err, scaleway.ErrUnknown) {
		return a.findPublished(ctx, r, err)
	}
	return err
}

// overtaken tells whether somebody published since this run looked.
func (a *Applier) overtaken(ctx context.Context, r *Rotation) (bool, error) {
	now, err := a.Client.Versions(ctx, r.Secret)
	if err != nil {
		return false, err
	}
	known := uint32(0)
	if len(r.Plan.State.Versions) > 0 {
		known = r.Plan.State.Versions[0].Revision
	}
	return len(now) > 0 && now[0].Revision > known, nil
}

// findPublished looks for a version whose creation had no answer.
func (a *Applier) findPublished(ctx context.Context, r *Rotation, lost error) error {
	versions, err := a.Client.Versions(ctx, r.Secret)
	if err != nil {
		return errors.Join(lost, err)
	}
	for _, v := range versions {
		if v.Enabled && VersionKey(v.Description) == r.New.AccessKey {
			r.Version = v
			return nil
		}
	}
	return lost
}

// readBack compares what was stored with what should be.
func (a *Applier) readBack(ctx context.Context, r *Rotation) error {
	got, err := a.Client.Access(ctx, r.Secret, r.Version.Revision)
	if err != nil {
		return fmt.Errorf("published, but not read back: %w", err)
	}
	if got.AccessKey == r.New.AccessKey && got.Secret.Equal(r.New.Secret) {
		return nil
	}
	err = fmt.Errorf("version %d of %s does not hold what was stored", r.Version.Revision, r.Secret.FullName())
	// Readers of latest_enabled get the version before again.
	return errors.Join(err, a.disable(ctx, r.Secret, r.Version, "it does not hold what was stored"))
}

func (a *Applier) disable(ctx context.Context, s scaleway.Secret, v scaleway.Version, why string) error {
	change := report.Change{Kind: "disable_version", Object: versionName(s, v), Reason: why}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error {
		return a.unlessGoing(ctx, s, v, a.Client.DisableVersion(ctx, s, v.Revision))
	})
}

func versionName(s scaleway.Secret, v scaleway.Version) string {
	return fmt.Sprintf("version %d of %s", v.Revision, s.FullName())
}

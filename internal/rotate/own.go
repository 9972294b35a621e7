package rotate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// The function's own key stands in the function's own variables and nowhere
// else. So what its keys are to one another is told by three things: which one a
// run calls with, which ones functions of ours carry, and what a key that the
// rotator made says that it replaces.

// replaces is the part of an own key's description that names the key before.
var replaces = regexp.MustCompile(`\s*\(replaces (SCW[A-Z0-9]{17})\)`)

// Replaces is the access key that an own key was made in the place of, or "".
func Replaces(k scaleway.APIKey) string {
	if m := replaces.FindStringSubmatch(k.Description); m != nil {
		return m[1]
	}
	return ""
}

// OwnState is what was found of the function's own application.
type OwnState struct {
	Application scaleway.Application
	Keys        []scaleway.APIKey // all of the application's, oldest first
	RunsOn      string            // access key that this run calls with
	InVariables []string          // access keys that functions of ours have in their variables
	// Settled tells that each of these functions is at rest with the key that this
	// run calls with, and no revision before can come back to another.
	Settled bool
	// Since is when the last of them was deployed: until then, another key was
	// called with, and by a run that had begun.
	Since time.Time
	// Named are the access keys that an earlier release published in Secret
	// Manager.
	Named []string
}

// OwnKeyPlan is what becomes of one of the application's other keys.
type OwnKeyPlan struct {
	Key scaleway.APIKey
	// Give tells that it is deleted in this run, if nothing carries it.
	Give bool
	Why  string
	At   time.Time // from when on it is; zero: not foreseen
	// Theirs tells that it is a person's, for all that is known: it is never
	// touched.
	Theirs bool
}

// OwnPlan is what becomes of the function's own key.
type OwnPlan struct {
	State    OwnState
	Current  scaleway.APIKey // that this run calls with
	Renew    bool
	Why      string // of that, or of leaving it
	From     time.Time
	Others   []OwnKeyPlan
	LeftOff  string // why nothing is done at all, or ""
	Exposed  bool   // the key stands in Secret Manager, where its readers can have it
	Moved    bool   // this run calls with a key that never stood there
	NoLonger bool   // and none of those that did lives on
}

// MakeOwn decides what becomes of the function's own key. It is a pure function
// of what was found, the policy and the time.
func MakeOwn(s OwnState, p Policy, now time.Time) OwnPlan {
	plan := OwnPlan{State: s}
	for _, k := range s.Keys {
		if project := keyProject(k.Description); project != "" && project != p.Project {
			plan.LeftOff = fmt.Sprintf("its key %s was made by the rotator of project %s", k.AccessKey, project)
		}
		if k.AccessKey == s.RunsOn {
			plan.Current = k
		}
	}
	if plan.Current.AccessKey == "" && plan.LeftOff == "" {
		plan.LeftOff = "the key that the function runs on is not one of its application's"
	}
	if plan.LeftOff != "" {
		return plan
	}
	plan.Exposed = slices.Contains(s.Named, s.RunsOn)
	plan.Moved = len(s.Named) > 0 && !plan.Exposed
	plan.NoLonger = plan.Moved && !slices.ContainsFunc(s.Keys, func(k scaleway.APIKey) bool { return slices.Contains(s.Named, k.AccessKey) })
	for _, k := range s.Keys {
		if k.AccessKey != s.RunsOn {
			plan.Others = append(plan.Others, plan.other(k, p, now))
		}
	}
	plan.renew(p, now)
	return plan
}

// renew tells whether a new key is made. While another is on its way, none is.
func (o *OwnPlan) renew(p Policy, now time.Time) {
	o.From = DueFrom(o.Current, p)
	for _, access := range o.State.InVariables {
		if access != o.State.RunsOn {
			o.Why = "a function of ours has " + access + " in its variables, and this run calls with " + o.State.RunsOn
			return
		}
	}
	for _, k := range o.Others {
		young := p.Made(k.Key) && now.Sub(k.Key.CreatedAt) < OrphanAfter && !k.Key.CreatedAt.Before(o.Current.CreatedAt)
		if young {
			o.Why = "key " + k.Key.AccessKey + " was made minutes ago: another run may be at it"
			return
		}
	}
	switch {
	case o.Exposed:
		o.Renew, o.Why = true, "an earlier release published it in Secret Manager, where readers of credentials can have it"
	case p.Force && o.waiting() >= supersededMax:
		o.Why = fmt.Sprintf("forced, but %d keys before it are within their grace, and there are never more", supersededMax)
	case p.Force:
		o.Renew, o.Why = true, "forced"
	case !now.Before(o.From):
		o.Renew, o.Why = true, whyDue(o.Current, p, now)
	default:
		o.Why = fmt.Sprintf("%s old, rotated at %s", span(now.Sub(o.Current.CreatedAt)), span(Due(o.Current, p).Sub(o.Current.CreatedAt)))
	}
}

// waiting is how many of the rotator's other keys live on.
func (o *OwnPlan) waiting() (n int) {
	for _, k := range o.Others {
		if !k.Theirs && !k.Give {
			n++
		}
	}
	return n
}

// other decides about a key that this run does not call with. What the rotator
// made, or published, or replaced, is its own to delete; anything else of the
// application may be somebody's.
func (o *OwnPlan) other(k scaleway.APIKey, p Policy, now time.Time) OwnKeyPlan {
	plan := OwnKeyPlan{Key: k}
	replaced := slices.ContainsFunc(o.State.Keys, func(other scaleway.APIKey) bool { return p.Made(other) && Replaces(other) == k.AccessKey })
	switch {
	case k.Managed || !k.Deletable:
		plan.Theirs, plan.Why = true, "not to be deleted, so never touched"
	case slices.Contains(o.State.InVariables, k.AccessKey):
		plan.Why = "a function of ours has it in its variables"
	case slices.Contains(p.Revoke, k.AccessKey):
		plan.Give, plan.Why = true, "revoked by a person"
	case !p.Made(k) && !replaced && !slices.Contains(o.State.Named, k.AccessKey):
		plan.Theirs, plan.Why = true, "not the rotator's: it cannot be told whose it is, so it is never touched"
	case p.Made(k) && k.Expired(now):
		plan.Give, plan.Why = true, "it expired"
	default:
		// One that no function ever had is not told from one that was replaced.
		since := latest(latest(k.CreatedAt, o.Current.CreatedAt), o.State.Since)
		plan.At, plan.Why = p.RetireFrom(since.Add(p.Grace)), "superseded, or never given to a function, and its grace is over"
		plan.Give = o.State.Settled && !now.Before(plan.At)
	}
	return plan
}

// Key returns the plan of one of the application's other keys, or nil.
func (o *OwnPlan) Key(accessKey string) *OwnKeyPlan {
	for i := range o.Others {
		if o.Others[i].Key.AccessKey == accessKey {
			return &o.Others[i]
		}
	}
	return nil
}

// Renew makes a new own key, and makes sure that it works. In a dry run it only
// notes the change. Nothing holds the key yet: whoever has no use for it calls
// Undo.
func (a *Applier) Renew(ctx context.Context, o *OwnPlan) *Rotation {
	plan := &Plan{
		State: State{Application: o.State.Application, Keys: o.State.Keys}, Why: o.Why,
		Keys: []KeyPlan{{Key: o.Current, State: Current}},
	}
	plan.Keys[0].Key.Description = replacing(o.Current)
	r := &Rotation{Plan: plan}
	if r.Err = a.makeKey(ctx, r); !a.Journal.Dry() {
		a.verify(ctx, []*Rotation{r})
	}
	return r
}

// replacing is the description of the key that takes the place of k, as far as
// the mark that is appended to it leaves room.
func replacing(k scaleway.APIKey) string {
	plain := replaces.ReplaceAllString(keyMark.ReplaceAllString(k.Description, ""), "")
	note := " (replaces " + k.AccessKey + ")"
	plain = plain[:min(len(plain), descriptionMax-len(note)-len("[rotator ]")-36-1)]
	return strings.TrimSpace(strings.ToValidUTF8(plain, "") + note)
}

// Undo deletes a new key that nobody can have seen.
func (a *Applier) Undo(ctx context.Context, r *Rotation, why string) error {
	return a.undo(ctx, r, why)
}

// GiveUpOwn deletes one of the function's other keys.
func (a *Applier) GiveUpOwn(ctx context.Context, k OwnKeyPlan) error {
	return a.deleteKey(ctx, k.Key.AccessKey, k.Why)
}

// Clear deletes what an earlier release published of the own key: at once the
// versions, which nobody can read then, and the secret with the last of the keys
// that they name.
func (a *Applier) Clear(ctx context.Context, s scaleway.Secret, versions []scaleway.Version, all bool) error {
	for _, v := range versions {
		if v.Going {
			continue
		}
		change := report.Change{Kind: "delete_version", Object: versionName(s, v), Reason: "the function's own key does not belong where readers of credentials can have it"}
		if err := a.Journal.Do(ctx, change, func(ctx context.Context) error {
			return a.unlessGoing(ctx, s, v, a.Client.DeleteVersion(ctx, s, v.Revision))
		}); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	change := report.Change{Kind: "delete_secret", Object: s.FullName(), Reason: "the function's own key is not published any more"}
	return a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.Client.DeleteSecret(ctx, s) })
}

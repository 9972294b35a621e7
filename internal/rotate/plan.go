// Package rotate moves one application's API key on, by one step a run: create,
// verify, publish, and on a later run retire.
//
// plan.go, due.go, schedule.go and cap.go decide, apply.go, retire.go and rollback.go act. A plan is a pure function of what was
// found, the policy and the time; it promises that no key that a reader of the
// secret may hold is given up before its grace is over, and that what the
// rotator cannot attribute is left alone (docs/design.md, What must hold at every
// instant). Finding things, and proving that a key opens an endpoint, are left to
// others.
package rotate

import (
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// VersionsMax is how many versions a secret holds at most (docs/scaleway.md, Limits).
const VersionsMax = 20

// OrphanAfter is older than any run can last: the platform ends one after an
// hour at the latest (docs/scaleway.md, Limits).
const OrphanAfter = 65 * time.Minute

// Policy says when keys are replaced and given up.
type Policy struct {
	Project     string        // whose rotator this is
	Interval    time.Duration // how far apart runs are; 0: nothing is done ahead of its time
	RunTime     time.Duration // that a run takes at most until it has published a key
	RotateAfter time.Duration
	Grace       time.Duration
	Lifetime    time.Duration
	Force       bool     // rotate whatever the age
	RunsOn      string   // access key that the function runs on: never given up
	Revoke      []string // access keys that a person wants dead now
}

// State is what was found of one application.
type State struct {
	// Deleted are the access keys of which the rotator remembers that it deleted
	// them.
	Deleted []string
	// Elsewhere are the access keys that another secret of the application's name
	// holds, at another path or in another region.
	Elsewhere []string
	// ReadUntil is by access key until when readers there got it, and until when
	// consumers carried it where no version here is left to say so.
	ReadUntil map[string]time.Time
	// LostAt is when the last secret of the application's name was deleted, if one
	// is still on its way out: what it holds cannot be read any more.
	LostAt      time.Time
	Application scaleway.Application
	Keys        []scaleway.APIKey  // all of the application's, oldest first
	Secret      scaleway.Secret    // ID "": there is none yet
	Versions    []scaleway.Version // of the secret, newest first
}

// KeyState is what a key is to its application.
type KeyState string

// What a key can be.
const (
	Current     KeyState = "current"     // named by the newest enabled version
	Superseded  KeyState = "superseded"  // any other live key, once something is published
	Unpublished KeyState = "unpublished" // there is nothing published yet
	Orphan      KeyState = "orphan"      // made by a run that died; nobody can hold it
	InProgress  KeyState = "in progress" // as young as a run that may still go on
	Managed     KeyState = "managed"     // Scaleway's, or not deletable
)

// KeyPlan is what becomes of one key.
type KeyPlan struct {
	Key      scaleway.APIKey
	State    KeyState
	Versions []scaleway.Version // that hold it and are not on their way out, newest first
	RetireAt time.Time          // zero: not foreseen
	Retire   bool               // in this run, if the current key proves to work
	Dead     bool               // expired, and nobody's: swept in this run
	Revoke   bool               // in this run, grace or not, once another key is current
}

// Bad tells whether a person went back from the key.
func (k KeyPlan) Bad() bool {
	return slices.ContainsFunc(k.Versions, func(v scaleway.Version) bool { return ReadMark(v.Description).Bad })
}

// Carriers is how many consumers carried the key, as its versions' marks say.
func (k KeyPlan) Carriers() int {
	most := 0
	for _, v := range k.Versions {
		most = max(most, ReadMark(v.Description).Carriers)
	}
	return most
}

// Revision is the newest version that holds the key, or 0.
func (k KeyPlan) Revision() uint32 {
	if len(k.Versions) == 0 {
		return 0
	}
	return k.Versions[0].Revision
}

// Plan is what becomes of one application.
type Plan struct {
	State     State
	Rotate    bool
	Why       string             // of rotating, or of not rotating
	LeftAlone string             // why nothing is done at all, or ""
	Blocked   string             // why a rotation that is due cannot be done, or ""
	Keys      []KeyPlan          // oldest first
	Stale     []scaleway.Version // hold keys that are gone, for longer than the grace
	RotateAt  time.Time          // when the current key will be too old; zero: no current key
	// RotateFrom is from when on a run replaces it: the last one before it is too
	// old, or dies.
	RotateFrom time.Time
}

// Current returns the plan of the current key, or nil.
func (p *Plan) Current() *KeyPlan {
	for i := range p.Keys {
		if p.Keys[i].State == Current {
			return &p.Keys[i]
		}
	}
	return nil
}

// Key returns the plan of a key, or nil if it is none of the application's.
func (p *Plan) Key(accessKey string) *KeyPlan {
	for i := range p.Keys {
		if p.Keys[i].Key.AccessKey == accessKey {
			return &p.Keys[i]
		}
	}
	return nil
}

// knows tells whether the key was there when the plan was made.
func (p *Plan) knows(accessKey string) bool {
	return slices.ContainsFunc(p.State.Keys, func(k scaleway.APIKey) bool { return k.AccessKey == accessKey })
}

// Make decides what becomes of one application.
func Make(s State, p Policy, now time.Time) Plan {
	plan := Plan{State: s}
	if plan.LeftAlone = leaveAlone(s, p); plan.LeftAlone != "" {
		for _, k := range s.Keys {
			plan.Keys = append(plan.Keys, KeyPlan{Key: k, State: offLimits(k), Versions: holding(s, k.AccessKey)})
		}
		return plan
	}
	for _, k := range s.Keys {
		plan.Keys = append(plan.Keys, planKey(s, p, k, now))
	}
	plan.Stale = stale(s, p, now)
	plan.decide(p, now)
	return plan
}

// leaveAlone tells why an application is not ours to change, or "".
func leaveAlone(s State, p Policy) string {
	for _, k := range s.Keys {
		if project := keyProject(k.Description); project != "" && project != p.Project {
			return fmt.Sprintf("its key %s was made by the rotator of project %s", k.AccessKey, project)
		}
	}
	for _, v := range s.Versions { // the newest, and as far as the one that readers get
		if v.Going {
			continue
		}
		if VersionKey(v.Description) == "" {
			return fmt.Sprintf("version %d of %s was not written by the rotator: someone else publishes there", v.Revision, s.Secret.FullName())
		}
		if v.Enabled {
			break
		}
	}
	return ""
}

func offLimits(k scaleway.APIKey) KeyState {
	if k.Managed || !k.Deletable {
		return Managed
	}
	return Unpublished
}

// Published is the version that readers of latest_enabled get, or nil.
func (s State) Published() *scaleway.Version {
	for i := range s.Versions {
		if s.Versions[i].Enabled {
			return &s.Versions[i]
		}
	}
	return nil
}

// holding returns the versions that name a key and are not going, newest first.
func holding(s State, accessKey string) []scaleway.Version {
	var out []scaleway.Version
	for _, v := range s.Versions {
		if !v.Going && VersionKey(v.Description) == accessKey {
			out = append(out, v)
		}
	}
	return out
}

// named tells whether any version, even one that is going, names the key.
func named(s State, accessKey string) bool {
	return slices.Contains(s.Elsewhere, accessKey) ||
		slices.ContainsFunc(s.Versions, func(v scaleway.Version) bool { return VersionKey(v.Description) == accessKey })
}

func planKey(s State, p Policy, k scaleway.APIKey, now time.Time) KeyPlan {
	plan := KeyPlan{Key: k, Versions: holding(s, k.AccessKey)}
	newest := s.Published()
	switch {
	case newest != nil && VersionKey(newest.Description) == k.AccessKey:
		plan.State = Current
	case k.AccessKey == p.RunsOn && len(s.Versions) == 0:
		plan.State = Unpublished
	case k.AccessKey == p.RunsOn:
		plan.State = Superseded
	case k.Managed || !k.Deletable:
		plan.State = Managed
	case keyProject(k.Description) == p.Project && !named(s, k.AccessKey) && s.MayBeOrphan(k, now):
		plan.State = InProgress
		if plan.RetireAt = k.CreatedAt.Add(OrphanAfter); !now.Before(plan.RetireAt) {
			plan.State, plan.Retire = Orphan, true
		}
	case len(s.Versions) == 0:
		plan.State = Unpublished
	default:
		plan.State = Superseded
		plan.RetireAt = supersededAt(s, k).Add(p.Grace)
		plan.Retire = p.graceOver(supersededAt(s, k), now)
	}
	plan.Dead = plan.dead(p, now)
	plan.Revoke = slices.Contains(p.Revoke, k.AccessKey) && plan.State != Managed && k.AccessKey != p.RunsOn
	return plan
}

package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// The steps that a request may name, in the order in which they run.
const (
	StepRotate  = "rotate"
	StepDeliver = "deliver"
	StepCheck   = "check"
	StepPurge   = "purge"
	StepRetire  = "retire"
	StepOwnKey  = "own_key"
)

// Steps are all steps that a request may name.
func Steps() []string {
	return []string{StepRotate, StepDeliver, StepCheck, StepPurge, StepRetire, StepOwnKey}
}

// Request narrows a run.
type Request struct {
	DryRun       bool
	Steps        []string // empty: all
	Applications []string // IDs or names; empty: all in scope. It narrows all that is done to keys.
	Force        bool     // rotate whatever the age
	Revoke       []string // access keys to be replaced, delivered and deleted at once; nothing else is done
	Now          bool     // revoked keys are deleted before the others are delivered, whoever carries them
	Rollback     []string // applications, by ID or name, to go back to the key before; nothing else is done
}

// RequestError is a request for what cannot be. Nothing was changed.
type RequestError struct{ text string }

func (e *RequestError) Error() string { return e.text }

// narrow tells whether a request means some keys, without a word of steps.
func (r Request) narrow() bool {
	return len(r.Revoke) > 0 || len(r.Steps) == 0 && len(r.Applications) > 0
}

// asked tells whether the request means a step.
func (s *session) asked(step string) bool {
	switch {
	case len(s.req.Rollback) > 0:
		return step == StepDeliver
	case s.req.narrow(): // tokens and endpoints are everybody's
		return step == StepRotate || step == StepDeliver || step == StepRetire || step == StepOwnKey
	}
	return len(s.req.Steps) == 0 || slices.Contains(s.req.Steps, step)
}

// meansOwn tells whether a request that means some keys means the function's own.
func (s *discovered) meansOwn() bool { return !s.req.narrow() || s.wantedOwn() }

// named tells whether one of the names is the application's, or its ID.
func (c *credential) named(names []string) bool {
	return slices.Contains(names, c.member.App.ID) || slices.Contains(names, c.member.App.Name)
}

// wanted tells whether the request means this credential.
func (s *discovered) wanted(c *credential) bool {
	switch {
	case len(s.req.Revoke) > 0:
		return slices.ContainsFunc(s.req.Revoke, func(key string) bool { return c.plan.Key(key) != nil })
	case len(s.req.Rollback) > 0:
		return c.named(s.req.Rollback)
	default:
		return len(s.req.Applications) == 0 || c.named(s.req.Applications)
	}
}

// acceptable refuses a request for what cannot be done, before anything is.
// Where it could not be found out whose keys are whose, nothing is done to any
// of them anyway.
func (s *discovered) acceptable() error {
	if !s.world.attributable {
		return nil
	}
	// What was not found may be among what could not be read: the run fails then, and not the request.
	complete := len(s.world.errs) == 0
	for field, names := range map[string][]string{"applications": s.req.Applications, "rollback": s.req.Rollback} {
		for _, name := range names {
			if own := s.world.own.app; field == "rollback" && own.ID != "" && (name == own.ID || name == own.Name) {
				return &RequestError{"rollback: " + own.Name + " is the function's own application: it cannot go back from the key that it may run on"}
			}
			own := field == "applications" && s.cfg.OwnKey == config.OwnKeyRotate && name != "" && (name == s.world.own.app.ID || name == s.world.own.app.Name)
			ids := s.meant(name)
			if own {
				ids = append(ids, s.world.own.app.ID)
			}
			switch {
			case len(ids) > 1:
				return &RequestError{fmt.Sprintf("%s: %q is the name of %d applications: want the ID of the one that is meant, %s", field, printable.Unkeyed(report.Line(name)), len(ids), strings.Join(ids, " or "))}
			case len(ids) == 0 && complete:
				return &RequestError{fmt.Sprintf("%s: %q is not an application in scope: want the ID or the name of one that the report of a dry run lists", field, printable.Unkeyed(report.Line(name)))}
			}
		}
	}
	for _, key := range s.req.Revoke {
		if why := s.irrevocable(key, complete); why != "" {
			return &RequestError{fmt.Sprintf("revoke: %s %s", key, why)}
		}
	}
	for _, c := range s.world.credentials {
		if !c.named(s.req.Rollback) || c.broken != nil {
			continue
		}
		back, err := c.plan.Back(s.world.now)
		if err != nil {
			return &RequestError{fmt.Sprintf("rollback: application %s cannot go back: %s", c.member.App.Name, report.Line(err.Error()))}
		}
		c.back = &back
	}
	return nil
}

// meant are the IDs of the applications whose keys are rotated here and that a
// name, or an ID, stands for.
func (s *discovered) meant(name string) (ids []string) {
	for _, c := range s.world.credentials {
		if c.named([]string{name}) {
			ids = append(ids, c.member.App.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// irrevocable returns why a key cannot be revoked, or "". complete tells that
// everything could be read.
func (s *discovered) irrevocable(key string, complete bool) string {
	if key == s.cfg.AccessKey {
		return `is the key that this run is called with: first ask for {"force": true, "steps": ["own_key"]}, and revoke it once the function runs on the new one`
	}
	for _, c := range s.world.credentials {
		k := c.plan.Key(key)
		switch {
		case k == nil:
		case c.plan.LeftAlone != "":
			return "belongs to an application that is left alone: " + c.plan.LeftAlone
		case k.State == rotate.Managed:
			return "is managed by Scaleway, or cannot be deleted"
		default:
			return ""
		}
	}
	switch k := s.world.own.plan.Key(key); {
	case k == nil:
	case slices.Contains(s.world.own.plan.State.InVariables, key):
		return "is in the variables of the function itself: revoke it once that has another"
	case k.Key.Managed || !k.Key.Deletable:
		return "is managed by Scaleway, or cannot be deleted"
	default:
		return ""
	}
	if !complete {
		return ""
	}
	return "is not a key of an application in scope: want one that the report of a dry run lists"
}

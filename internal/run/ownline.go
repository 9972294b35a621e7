package run

import (
	"slices"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// ownLine is the report of the function's own application; ok is false where it
// is not rotated here.
func (s *results) ownLine() (a report.Application, ok bool) {
	o := &s.world.own
	if o.app.ID == "" || s.cfg.OwnKey != config.OwnKeyRotate || !s.world.attributable {
		return report.Application{}, false
	}
	a = report.Application{
		ID: o.app.ID, Name: o.app.Name, Reason: "the function's own application",
		Keys: []report.Key{}, Dead: append([]report.Dead{}, o.dead...), Next: []report.Event{}, LetIn: []report.Admission{},
	}
	a.Action, a.Why = s.ownAction()
	for _, k := range o.keys {
		a.Keys = append(a.Keys, s.ownKeyLine(&a, k.AccessKey))
	}
	if o.made != nil && o.made.Err == nil && !o.made.Overtaken && !s.req.DryRun {
		line := s.line(o.made.New.APIKey, "new", 0)
		line.Note = "created, verified by the API and put into the function's own variables in this run"
		a.Keys = append(a.Keys, line)
	}
	slices.SortStableFunc(a.Next, func(x, y report.Event) int { return x.At.Compare(y.At) })
	return a, true
}

func (s *results) ownAction() (action, why string) {
	o := &s.world.own
	switch {
	case o.broken != nil:
		return "failed", report.Line(o.broken.Error())
	case o.plan.LeftOff != "":
		return "left alone", o.plan.LeftOff
	case o.kept != "":
		return "kept", o.kept
	case o.made != nil && o.made.Err != nil:
		return "failed", report.Line(o.made.Err.Error())
	case o.made != nil && o.made.Overtaken:
		return "kept", "another run rotated it meanwhile"
	case o.made != nil && s.req.DryRun:
		return "would rotate", o.plan.Why
	case o.made != nil && len(o.given) == 0:
		return "failed", "the new key could not be given to the function"
	case o.made != nil:
		return "rotated", o.plan.Why
	case o.plan.Renew:
		return "due", o.plan.Why + "; it is rotated last in a run that is asked to"
	}
	return "kept", o.plan.Why
}

func (s *results) ownKeyLine(a *report.Application, access string) report.Key {
	o := &s.world.own
	if access == s.cfg.AccessKey {
		line := s.line(o.plan.Current, string(rotate.Current), 0)
		line.Note = "the function runs on it"
		renewed := o.made != nil && o.made.Err == nil && !o.made.Overtaken
		switch {
		case renewed && s.req.DryRun:
			line.Note = "the function runs on it, until a run replaces it"
		case renewed:
			line.State, line.Note = string(rotate.Superseded), "the function runs on it until its redeployment is done; deleted once a run has used the new one, and its grace is over"
		case o.plan.LeftOff == "" && !o.plan.Renew && s.world.now.Before(o.plan.From) && !rotate.Never(o.plan.From):
			a.Next = append(a.Next, report.Event{At: s.at(o.plan.From), What: "the function's own key " + access + " is rotated", Kind: "rotate"})
		}
		if o.plan.Current.AccessKey == "" { // left alone before it was looked at
			line = s.line(*s.world.ownKey, string(rotate.Current), 0)
		}
		return line
	}
	k := o.plan.Key(access)
	if k == nil {
		for _, key := range o.keys {
			if key.AccessKey == access {
				return s.line(key, string(rotate.Unpublished), 0)
			}
		}
	}
	state := rotate.Superseded
	switch {
	case k.Theirs:
		state = rotate.Unpublished
	case slices.Contains(o.plan.State.InVariables, access) && k.Key.CreatedAt.After(o.plan.Current.CreatedAt):
		state = "new"
	}
	line := s.line(k.Key, string(state), 0)
	line.Note = k.Why
	switch change := s.deletion(access); {
	case change != nil:
		line.Note = deletionNotes()[change.Result] + change.Reason
	case s.heldBy(access) != "" && k.Give:
		line.Note = s.heldBy(access)
	case !k.At.IsZero() && !k.Theirs:
		at := s.at(k.At)
		line.Note = "dies on " + s.day(at) + ", if nothing carries it"
		a.Next = append(a.Next, report.Event{At: at, What: "the superseded key " + access + " is deleted", Kind: "delete"})
	}
	return line
}

// deletionNotes say what became of the deletion of a key.
func deletionNotes() map[report.ChangeState]string {
	return map[report.ChangeState]string{
		report.Done: "deleted in this run: ", report.Planned: "would be deleted: ",
		report.Refused: "could not be deleted: ", report.Unknown: "may have been deleted: ",
	}
}

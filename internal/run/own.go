package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	ownAccessKey = config.Prefix + "ACCESS_KEY"
	ownSecretKey = config.Prefix + "SECRET_KEY"
)

// rotateOwn moves the function's own key on, as the last thing that a run does.
func (s *results) rotateOwn(ctx context.Context) []error {
	o := &s.world.own
	const subject = "the function's own key"
	switch {
	case !s.world.attributable:
		return []error{errors.New("not done: it is not known whose keys are whose")}
	case o.app.ID == "" || s.cfg.OwnKey != config.OwnKeyRotate || !s.wantedOwn():
		return nil
	case o.broken != nil:
		return []error{fmt.Errorf("not rotated: %w", o.broken)}
	case o.plan.LeftOff != "":
		s.find(report.Warning, subject, "is left alone: "+o.plan.LeftOff, "decide whose this application is, or set ROTATOR_OWN_KEY=keep")
		return nil
	}
	var errs []error
	if len(s.req.Revoke) == 0 {
		errs = append(errs, s.handOver(ctx)...)
	}
	errs = append(errs, s.giveUpOwn(ctx)...)
	if o.plan.Moved && len(s.req.Revoke) == 0 {
		errs = append(errs, s.applier.Clear(ctx, o.published.secret, o.published.versions, o.plan.NoLonger))
	}
	if o.plan.Renew && len(s.req.Revoke) == 0 {
		errs = append(errs, s.renewOwn(ctx))
	}
	return errs
}

// ownFunctions are the functions of ours that can be given a key: what carries
// the access key alone need not be ours, so the secret has to be there, too.
func (s *discovered) ownFunctions() []scaleway.Environment {
	var functions []scaleway.Environment
	for _, r := range s.world.resources {
		e := r.Environment
		if !s.isOwn(r.Environment) {
			continue
		}
		if hash, err := envhash.Parse(e.Hashes[ownSecretKey]); e.Plain[ownAccessKey] == s.cfg.AccessKey && (err != nil || !hash.Matches(s.cfg.SecretKey)) {
			s.find(report.Warning, e.String(), "carries the function's own access key, but not its secret key in "+ownSecretKey+": no key is delivered to it", "make it carry both, or neither")
			continue
		}
		functions = append(functions, e)
	}
	return functions
}

// handOver looks after the functions of ours that have another key than the one
// that this run calls with: they are about to run on it, or are behind.
func (s *discovered) handOver(ctx context.Context) []error {
	var errs []error
	for _, e := range s.ownEnvironments() {
		access := e.Plain[ownAccessKey]
		if access == s.cfg.AccessKey {
			continue
		}
		if other := s.world.own.plan.Key(access); other != nil && other.Key.CreatedAt.Before(s.world.own.plan.Current.CreatedAt) {
			errs = append(errs, s.giveOwn(ctx, e, scaleway.KeyPair{APIKey: s.world.own.plan.Current, Secret: s.cfg.SecretKey}))
			continue
		}
		if e.State != scaleway.EnvFailed {
			s.find(report.Note, e.String(), fmt.Sprintf("has the function's own key %s in its variables, and this run still calls with %s", access, s.cfg.AccessKey), "")
			continue
		}
		change := report.Change{Kind: "redeploy", Object: e.String(), Reason: "the function itself: its last deployment failed"}
		err := s.journal.Do(ctx, change, func(ctx context.Context) error {
			_, err := s.client.Redeploy(ctx, e)
			return err
		})
		// The hours count from the first failure (A74), and nothing tells that once
		// it was tried again: from when the key was made is the least.
		ends := e.UpdatedAt.Add(deliver.FailedFor)
		if k := s.world.own.plan.Key(access); k != nil && k.Key.CreatedAt.Add(deliver.FailedFor).Before(ends) {
			ends = k.Key.CreatedAt.Add(deliver.FailedFor)
		}
		left := int(max(0, ends.Sub(s.client.Now())).Hours())
		errs = append(errs, fmt.Errorf("the function's last deployment failed (%s): it goes on with %s, for %d hours at most; see its logs, and run make deploy",
			report.Line(e.Problem), s.cfg.AccessKey, left), err)
	}
	return errs
}

// giveOwn puts a key into the variables of a function of ours. It does not wait:
// the redeployment may end this very instance.
func (s *discovered) giveOwn(ctx context.Context, e scaleway.Environment, pair scaleway.KeyPair) error {
	change := report.Change{Kind: "update_environment", Object: e.String(), Reason: "the function itself gets its own new key"}
	return s.journal.Do(ctx, change, func(ctx context.Context) error {
		_, err := s.client.ChangeEnvironment(ctx, e,
			map[string]string{ownAccessKey: pair.AccessKey}, map[string]redact.Secret{ownSecretKey: pair.Secret})
		return err
	})
}

// renewOwn makes a new own key, and gives it to the functions of ours. What dies
// in between leaves a key that no function has, or a function that does not run
// on it yet: a later run tells them apart.
func (s *results) renewOwn(ctx context.Context) error {
	o := &s.world.own
	functions := s.ownFunctions()
	if len(functions) == 0 {
		o.kept = "no function of this project carries it in " + ownAccessKey + " and " + ownSecretKey
		s.find(report.Note, "the function's own key", "is not rotated: "+o.kept,
			"nothing to do where the function is not deployed; else set ROTATOR_OWN_KEY=keep and rotate it by hand")
		return nil
	}
	if s.remaining() < s.cfg.VerifyBound {
		s.leave("rotate the function's own key")
		return nil
	}
	o.made = s.applier.Renew(ctx, &o.plan)
	s.movedProject("the function's own key", o.made)
	if o.made.Err != nil || o.made.Overtaken {
		if o.made.Err != nil {
			return fmt.Errorf("not rotated: %w", o.made.Err)
		}
		return nil
	}
	if err := s.rememberOwn(ctx, o.made.New); err != nil {
		return errors.Join(fmt.Errorf("a new key was made, and no function given it: %w", err), s.applier.Undo(ctx, o.made, "it could not be remembered"))
	}
	s.conclude()
	s.tell(ctx) // now: the redeployment may end this very instance
	var errs []error
	refused := true
	for _, e := range functions {
		err := s.giveOwn(ctx, e, o.made.New)
		if err == nil {
			o.given = append(o.given, e.Name)
		} else {
			errs = append(errs, fmt.Errorf("a new key was made, but not given to %s, which goes on with %s; the next run tries again: %w", e, s.cfg.AccessKey, err))
		}
		refused = refused && err != nil && !errors.Is(err, scaleway.ErrUnknown)
	}
	if refused {
		errs = append(errs, s.applier.Undo(ctx, o.made, "no function took it"))
	}
	return errors.Join(errs...)
}

// giveUpOwn deletes the application's other keys that are the rotator's own, and
// that nothing carries.
func (s *results) giveUpOwn(ctx context.Context) []error {
	var errs []error
	for _, k := range s.world.own.plan.Others {
		if !k.Give || len(s.req.Revoke) > 0 && !slices.Contains(s.req.Revoke, k.Key.AccessKey) {
			continue
		}
		keep, err := s.ownKept(k)
		if err != nil {
			errs = append(errs, err)
		}
		if keep {
			continue
		}
		if err := s.applier.GiveUpOwn(ctx, k); err != nil {
			errs = append(errs, err)
			continue
		}
		s.world.own.dead = append(s.world.own.dead, report.Dead{
			AccessKey: k.Key.AccessKey, Result: deadUnproven, Where: "the API", Detail: "its secret is nowhere any more; the API has no such key",
		})
	}
	return errs
}

// ownKept tells whether something of the project carries an own key that is to
// go. The secret of one that the rotator made was never anywhere but in the
// function's own variable; what a person made may be anywhere.
func (s *searched) ownKept(k rotate.OwnKeyPlan) (bool, error) {
	if s.consumers == nil { // nobody was looked for
		return true, nil
	}
	err := s.consumers.Holds(k.Key.AccessKey)
	var hold *deliver.HoldError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &hold):
		return true, err
	case hold.Unknown:
		return true, err
	case len(s.consumers.Carriers(k.Key.AccessKey)) > 0:
		if slices.Contains(s.req.Revoke, k.Key.AccessKey) && !s.req.Now {
			return true, err
		}
		s.find(report.Warning, "the function's own key", hold.Error(), "give what carries it a key of its own: this one can make the key of any application")
		return !s.req.Now, nil
	case s.policy.Made(k.Key) || slices.Contains(s.req.Revoke, k.Key.AccessKey):
		return false, nil
	}
	s.find(report.Warning, "the function's own key", hold.Error(), fmt.Sprintf(`see that none of them carries it, and ask for {"revoke": ["%s"]}`, k.Key.AccessKey))
	return true, nil
}

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
	case s.whyKept(access) != "" && k.Give:
		line.Note = s.whyKept(access)
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

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// dying is a key that this run gives up.
type dying struct {
	c    *credential
	key  rotate.KeyPlan
	pair scaleway.KeyPair // its secret is empty where it is not known
	gone bool             // the API has deleted it
	dead bool             // nothing speaks against that
}

// retire deletes superseded keys whose grace is over, where the current key was
// seen to work in this very run and nobody carries the old one, and revoked keys.
// It tries all that it deleted until they are refused, and then deletes their
// versions.
func (s *searched) retire(ctx context.Context, seen *checked) []error {
	if !s.world.attributable {
		return []error{errors.New("not done: it is not known whose keys are whose")}
	}
	all, errs := s.giving(ctx, seen)
	kept, err := s.remember(ctx, remembering(all, s.session))
	if errs = append(errs, err); !kept && len(all) > 0 {
		return append(errs, errors.New("superseded keys not retired: a pipeline that brings one back could not be told"))
	}
	for _, d := range all {
		if ctx.Err() != nil {
			s.leave("retire key " + d.key.Key.AccessKey + " of application " + d.c.member.App.Name)
			continue
		}
		if err := s.applier.GiveUp(ctx, &d.c.plan, d.key); err != nil {
			errs = append(errs, fmt.Errorf("application %s: superseded keys not retired: %w", d.c.member.App.Name, err))
			continue
		}
		d.gone = true
		s.buried(d)
	}
	errs = append(errs, s.prove(ctx, all)...)
	for _, d := range all {
		if d.dead {
			if err := s.applier.Drop(ctx, &d.c.plan, d.key); err != nil {
				errs = append(errs, fmt.Errorf("application %s: %w", d.c.member.App.Name, err))
			}
		}
	}
	return errs
}

// giving finds the keys that are given up in this run.
func (s *searched) giving(ctx context.Context, seen *checked) (all []*dying, errs []error) {
	if !s.asked(StepRotate) && !s.asked(StepDeliver) { // which report it
		errs = s.unreadable("superseded keys not retired")
	}
	for _, c := range s.world.credentials {
		if !s.wanted(c) || c.broken != nil || c.plan.LeftAlone != "" {
			continue
		}
		if !retires(&c.plan) {
			errs = append(errs, s.useless(ctx, c, seen))
			continue
		}
		if ctx.Err() != nil {
			s.leave("retire the superseded keys of application " + c.member.App.Name)
			continue
		}
		keys, err := s.givingOf(ctx, c, seen)
		if err != nil {
			errs = append(errs, fmt.Errorf("application %s: superseded keys not retired: %w", c.member.App.Name, err))
		}
		for _, k := range keys {
			d := &dying{c: c, key: k, pair: scaleway.KeyPair{APIKey: k.Key}}
			if i := slices.IndexFunc(c.pairs, func(p scaleway.KeyPair) bool { return p.AccessKey == k.Key.AccessKey }); i >= 0 {
				d.pair.Secret = c.pairs[i].Secret
			}
			all = append(all, d)
		}
	}
	if !s.asked(StepDeliver) { // which reports it
		errs = append(errs, s.unread...)
	}
	return all, errs
}

// useless returns an error where readers get a key with a secret that does not
// work: somebody may have written the version by hand.
func (s *searched) useless(ctx context.Context, c *credential, seen *checked) error {
	if c.rotation != nil || c.pair == nil || ctx.Err() != nil || c.back != nil {
		return nil
	}
	if _ = s.works(ctx, c, seen.rows); c.useless == nil {
		return nil // anything else is said where it matters
	}
	return fmt.Errorf("application %s: %w", c.member.App.Name, c.useless)
}

func (s *searched) givingOf(ctx context.Context, c *credential, seen *checked) ([]rotate.KeyPlan, error) {
	if s.req.Now { // who carries it is told once it is dead
		pairs, err := s.readable(ctx, c)
		if err != nil {
			return nil, err
		}
		c.pairs = pairs
	} else if c.broken != nil {
		return nil, nil // its old keys could not be read
	}
	if err := s.works(ctx, c, seen.rows); err != nil {
		return nil, err
	}
	return s.applier.Giving(ctx, &c.plan, c.published(), func(k rotate.KeyPlan) (bool, error) { return s.kept(ctx, c, k) })
}

// kept tells whether a key lives on for somebody who carries it, or may. That is
// an error where a person wants it dead: else the findings say it.
func (s *searched) kept(ctx context.Context, c *credential, k rotate.KeyPlan) (bool, error) {
	if s.req.Now { // who carries what is told once that key is dead: the others wait for the next run
		return !k.Revoke, nil
	}
	where, sure := c.publishedElsewhere(k.Key.AccessKey)
	if other, err := s.publishedAs(ctx, c, k.Key.AccessKey); err != nil {
		return true, err
	} else if other != "" {
		where, sure = other, true
	}
	switch {
	case where == "":
	case !k.Revoke:
		return true, nil
	case sure:
		return true, fmt.Errorf(`key %s is kept: readers of %s get it; disable its version there, or delete that secret, and ask again, or add "now": true to have it deleted whoever carries it`, k.Key.AccessKey, where)
	}
	err := s.consumers.Holds(k.Key.AccessKey)
	var hold *deliver.HoldError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &hold):
		return true, err
	case k.Revoke && hold.Doubt && s.client.Now().Before(c.plan.RetireAt(k.Key.AccessKey, time.Time{}, 0)):
		return true, fmt.Errorf(`key %s is kept: a consumer was left with it, and nobody can tell any more which one; see that none carries it, and add "now": true`, k.Key.AccessKey)
	case k.Revoke && hold.Doubt: // a person says that nobody carries it
		s.mayBreak(c, k, hold.Variables)
		return false, nil
	case k.Revoke:
		return true, fmt.Errorf(`%w; mend that and ask again, or add "now": true to have it deleted whoever carries it`, err)
	case hold.Unknown:
		return true, err
	}
	return true, nil
}

// buried notes that a key is no more, for what comes after in this run.
func (s *discovered) buried(d *dying) {
	is := func(k scaleway.APIKey) bool { return k.AccessKey == d.key.Key.AccessKey }
	d.c.state.Keys = slices.DeleteFunc(slices.Clone(d.c.state.Keys), is)
	d.c.plan.State.Keys = d.c.state.Keys
	if d.pair.Secret.Empty() {
		d.c.gave = append(d.c.gave, d.key.Key.AccessKey)
	}
	s.buriedKeys = append(s.buriedKeys, remembering([]*dying{d}, s.session)...)
}

func remembering(all []*dying, s *session) []ledger.Deleted {
	var out []ledger.Deleted
	for _, d := range all {
		for _, p := range d.c.pairs { // another secret beside it may be in a variable too
			if p.AccessKey == d.key.Key.AccessKey {
				out = append(out, ledger.Deleted{ApplicationID: d.c.member.App.ID, AccessKey: p.AccessKey, Secret: p.Secret, At: s.client.Now()})
			}
		}
	}
	return out
}

// published is the revision that holds the current key, as far as this run
// knows; 0: none.
func (c *credential) published() uint32 {
	if c.wentBack {
		return c.back.To.Revision
	}
	if r := c.rotation; r != nil && r.Version.Revision > 0 {
		return r.Version.Revision
	}
	if v := c.state.Published(); v != nil {
		return v.Revision
	}
	return 0
}

func retires(p *rotate.Plan) bool {
	return slices.ContainsFunc(p.Keys, func(k rotate.KeyPlan) bool { return k.Going() })
}

// works returns nil if the current key was seen to work in this run, or can be
// now. A key that was refused anywhere and accepted nowhere does not work.
func (s *discovered) works(ctx context.Context, c *credential, rows []probe.Row) error {
	if c.works != nil {
		return *c.works
	}
	err := s.seenToWork(ctx, c, rows)
	if err == nil || !errors.Is(err, scaleway.ErrUnknown) {
		c.works = &err
	}
	return err
}

func (s *discovered) seenToWork(ctx context.Context, c *credential, rows []probe.Row) error {
	if r := c.rotation; r != nil {
		switch {
		case r.Err != nil:
			return errors.New("the current key was to be replaced, and was not")
		case s.req.DryRun, !r.Overtaken:
			return nil // verified before it was published; a dry run takes that for granted
		}
		return errors.New("another run is at this application")
	}
	if c.pair == nil {
		return errors.New("there is no current key")
	}
	refused := false
	for _, row := range rows {
		for _, a := range row.Keys {
			if a.Key.Pair.AccessKey != c.pair.AccessKey || !a.Key.Pair.Secret.Equal(c.pair.Secret) {
				continue
			}
			if a.Answer.Verdict == probe.Accepted {
				return nil
			}
			refused = refused || a.Answer.Verdict == probe.Refused
		}
	}
	switch known, err := s.client.Authenticates(ctx, *c.pair); {
	case err != nil:
		return err
	case !known:
		c.useless = c.refused("the API")
		return c.useless
	case refused:
		return c.refused("the endpoints")
	}
	return nil
}

// refused is the error of a published key that does not work: its readers cannot
// call, and somebody may have written the version by hand.
func (c *credential) refused(by string) error {
	return fmt.Errorf("the current key %s is refused by %s with the secret that version %d of %s holds: see that its application has its policy, or ask for {\"force\": true} to have a new key published",
		c.pair.AccessKey, by, c.published(), c.state.Secret.FullName())
}

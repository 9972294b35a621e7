package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// retire deletes superseded keys whose grace is over, where the current key was
// seen to work in this very run.
func (s *session) retire(ctx context.Context) []error {
	if !s.world.attributable {
		return []error{errors.New("not done: it is not known whose keys are whose")}
	}
	var (
		errs     []error
		retiring []*credential
	)
	if !s.asked(StepRotate) && !s.asked(StepDeliver) { // which report it
		errs = s.unreadable("superseded keys not retired")
	}
	for _, c := range s.world.all() {
		switch {
		case !s.wanted(c) || c.broken != nil || c.plan.LeftAlone != "" || !retires(&c.plan):
		case !c.own || c.running(s.cfg.AccessKey):
			retiring = append(retiring, c)
		case len(s.req.Revoke) > 0: // no run has authenticated with the function's published key yet
			errs = append(errs, fmt.Errorf("application %s: not revoked: the function does not run on the published key %s yet; ask again once it does", c.member.app.Name, c.newest()))
		}
	}
	if len(retiring) == 0 {
		return errs
	}
	held := s.delivery(ctx).Holds
	if !s.asked(StepDeliver) { // which reports it
		errs = append(errs, s.unread...)
	}
	for _, c := range retiring {
		if c.broken != nil {
			continue // its old keys could not be read
		}
		if ctx.Err() != nil {
			s.leave("retire the superseded keys of application " + c.member.app.Name)
			continue
		}
		err := s.works(ctx, c)
		if err == nil {
			err = s.applier.Retire(ctx, &c.plan, c.published(), held)
			err = errors.Join(err, s.provenRevoked(ctx, c)) // one key that has to stay does not leave others unproven
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("application %s: superseded keys not retired: %w", c.member.app.Name, err))
		}
	}
	return errs
}

// published is the revision that holds the current key, as far as this run
// knows; 0: none.
func (c *credential) published() uint32 {
	if c.wentBack {
		return c.back.To.Revision
	}
	for _, r := range []*rotate.Rotation{c.rotation, c.adopted} {
		if r != nil && r.Version.Revision > 0 {
			return r.Version.Revision
		}
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
func (s *session) works(ctx context.Context, c *credential) error {
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
	k, probed := s.key(c, c.pair)
	if probed {
		refused := false
		for _, row := range s.checked(ctx, k) {
			for _, a := range row.Keys {
				if a.Key.Pair.AccessKey != c.pair.AccessKey {
					continue
				}
				if a.Answer.Verdict == probe.Accepted {
					return nil
				}
				refused = refused || a.Answer.Verdict == probe.Refused
			}
		}
		if refused {
			return fmt.Errorf("the current key %s is refused by the endpoints", c.pair.AccessKey)
		}
	}
	known, err := s.client.Authenticates(ctx, *c.pair)
	if err == nil && !known {
		err = fmt.Errorf("the current key %s is refused by the API", c.pair.AccessKey)
	}
	return err
}

// checked returns the rows of the check, or asks the endpoints with this key
// where there was none.
func (s *session) checked(ctx context.Context, k probe.Key) []probe.Row {
	if s.asked(StepCheck) {
		return s.rows
	}
	return s.prober.Check(ctx, s.endpoints, []probe.Key{k})
}

package run

import (
	"context"
	"errors"
	"fmt"
)

// pin prepares what a rollback goes back to: it has to work, and is marked.
func (s *rotated) pin(ctx context.Context) []error {
	var errs []error
	for _, c := range s.world.credentials {
		if c.back == nil || c.broken != nil {
			continue
		}
		if c.broken = s.prepare(ctx, c); c.broken != nil {
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.app.Name, c.broken))
		}
	}
	return errs
}

func (s *rotated) prepare(ctx context.Context, c *credential) error {
	pair, err := s.client.Access(ctx, c.state.Secret, c.back.To.Revision)
	switch {
	case err != nil:
		return err
	case pair.AccessKey != c.back.Key.AccessKey:
		return fmt.Errorf("version %d does not hold %s, as it says", c.back.To.Revision, c.back.Key.AccessKey)
	}
	switch works, err := s.client.Authenticates(ctx, pair); {
	case err != nil:
		return err
	case !works:
		return fmt.Errorf("the key before, %s, is refused by the API", pair.AccessKey)
	}
	c.backTo = pair
	return s.applier.Hold(ctx, &c.plan, *c.back)
}

// goBack gives readers of the secret the key before, once consumers were sent
// it: from then on, the secret of the bad key can perhaps not be read any more.
func (s *searched) goBack(ctx context.Context) error {
	var errs []error
	for _, c := range s.world.credentials {
		if c.back == nil || c.broken != nil {
			continue
		}
		if err := s.leaveCarried(ctx, c); err != nil {
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.app.Name, err))
			continue
		}
		if err := s.applier.GoBack(ctx, &c.plan, *c.back); err != nil {
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.app.Name, err))
			continue
		}
		c.wentBack = !s.req.DryRun
	}
	return errors.Join(errs...)
}

// leaveCarried notes that consumers go on with the bad key, if some do: once its
// version is disabled, perhaps nobody can tell any more, so it is left to
// expire.
func (s *searched) leaveCarried(ctx context.Context, c *credential) error {
	if !s.consumers.IsCarried(c.back.Bad) {
		return nil
	}
	until := c.plan.Key(c.back.Bad).Key.ExpiresAt
	if until.IsZero() {
		until = s.client.Now().AddDate(10, 0, 0)
	}
	return s.applier.NoteOld(ctx, &c.plan, c.back.Bad, until, len(s.consumers.Carriers(c.back.Bad)))
}

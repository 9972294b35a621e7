package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// IAM may go on to know a deleted key for up to a minute (FACTS section 2).
const (
	deadEvery = 5 * time.Second
	deadFor   = 2 * time.Minute
)

// What became of trying a deleted key.
const (
	deadRefused  = "refused"
	deadAccepted = "accepted"
	deadUnproven = "unproven"
)

// proven tries the key of a version whose key is gone, before the version is
// deleted: after that, nobody can. A version that was disabled is enabled for
// that, unless readers would then get it.
func (s *session) proven(ctx context.Context, p *rotate.Plan, v scaleway.Version) (scaleway.Version, error) {
	c := s.of(p)
	key, wasEnabled := rotate.VersionKey(v.Description), v.Enabled
	pair, err := s.client.Access(ctx, p.State.Secret, v.Revision)
	if errors.Is(err, scaleway.ErrRefused) && !v.Enabled && v.Revision < c.published() {
		if err := s.applier.Enable(ctx, p, v); err != nil {
			return v, err
		}
		v.Enabled = true
		if s.req.DryRun {
			c.dead = append(c.dead, report.Dead{AccessKey: key, Result: deadUnproven, Detail: "a run would try it"})
			return v, nil
		}
		pair, err = s.client.Access(ctx, p.State.Secret, v.Revision)
	}
	switch {
	case errors.Is(err, scaleway.ErrRefused), errors.Is(err, scaleway.ErrPayload), errors.Is(err, scaleway.ErrNotFound), err == nil && pair.AccessKey != key:
		c.dead = append(c.dead, report.Dead{AccessKey: key, Result: deadUnproven, Detail: "its secret cannot be read; the API has no such key"})
		return v, nil
	case err != nil:
		return v, err
	}
	if wasEnabled {
		c.swept = append(c.swept, pair)
	}
	dead, err := s.tryDead(ctx, c, pair)
	c.dead = append(c.dead, dead)
	return v, err
}

// of finds the credential of a plan.
func (s *session) of(p *rotate.Plan) *credential {
	all := s.world.all()
	return all[slices.IndexFunc(all, func(c *credential) bool { return &c.plan == p })]
}

// provenRevoked tries the keys that were deleted because a person wanted it,
// until they are refused.
func (s *session) provenRevoked(ctx context.Context, c *credential) error {
	var errs []error
	start := s.clock.Now() // they were all deleted just now
	for _, change := range s.journal.Changes() {
		if change.Kind != "delete_key" || change.Result != report.Done || !slices.Contains(s.req.Revoke, change.Object) || c.plan.Key(change.Object) == nil {
			continue
		}
		i := slices.IndexFunc(c.pairs, func(p scaleway.KeyPair) bool { return p.AccessKey == change.Object })
		if i < 0 {
			c.dead = append(c.dead, report.Dead{AccessKey: change.Object, Result: deadUnproven, Detail: "its secret is not known here; the API has deleted it"})
			continue
		}
		dead, err := s.tryDead(ctx, c, c.pairs[i])
		if dead.Result == deadRefused {
			seconds := math.Round(s.clock.Now().Sub(start).Seconds()*10) / 10
			dead.Seconds = &seconds
		}
		c.dead = append(c.dead, dead)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// tryDead tries a deleted key where it was used, until it is refused. The
// function's own keys go to no endpoint.
func (s *session) tryDead(ctx context.Context, c *credential, pair scaleway.KeyPair) (report.Dead, error) {
	dead := report.Dead{AccessKey: pair.AccessKey, Result: deadUnproven, Where: "the API"}
	try := func(ctx context.Context) (bool, error) {
		works, err := s.client.Authenticates(ctx, pair)
		if errors.Is(err, scaleway.ErrNotFound) {
			return true, nil // the caller was let in, to be told that the key is gone
		}
		return works, err
	}
	if k, ok := s.key(c, &pair); ok && !c.own {
		if e, found := s.prober.Witness(ctx, s.endpoints, s.keys(), k); found {
			dead.Where = e.URL
			try = func(ctx context.Context) (bool, error) { return verdict(s.prober.Try(ctx, e, k)) }
		}
	}
	start := s.clock.Now()
	for {
		works, err := try(ctx)
		switch {
		case err != nil:
			dead.Result, dead.Detail = deadUnproven, report.Line(err.Error())
		case !works:
			dead.Result, dead.Detail = deadRefused, ""
			return dead, nil
		default:
			dead.Result, dead.Detail = deadAccepted, ""
		}
		if s.clock.Now().Sub(start) >= deadFor || s.clock.Sleep(ctx, deadEvery) != nil {
			return dead, fmt.Errorf("the deleted key %s is not refused by %s: %s", pair.AccessKey, dead.Where, or(dead.Detail, dead.Result))
		}
	}
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

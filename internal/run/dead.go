package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// IAM may go on to know a deleted key for up to a minute (docs/scaleway.md,
// Eventual consistency).
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
// deleted: the key died in an earlier run, or by a person's hand.
func (s *discovered) proven(ctx context.Context, p *rotate.Plan, v scaleway.Version) error {
	c := s.of(p)
	d := &dying{c: c, pair: scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: rotate.VersionKey(v.Description)}}, gone: true}
	for _, gone := range s.world.memory.ledger.Deleted {
		if gone.AccessKey == d.pair.AccessKey && gone.ApplicationID == c.member.App.ID {
			d.pair.Secret = gone.Secret
		}
	}
	if d.pair.Secret.Empty() && v.Enabled {
		if err := s.access(ctx, p.State.Secret, v, func(pair scaleway.KeyPair) { d.pair.Secret = pair.Secret }); err != nil {
			return err
		}
		if !d.pair.Secret.Empty() { // its version goes, and something may carry it
			// Only once that is remembered: this run may die before it is.
			s.buriedKeys = append(s.buriedKeys, ledger.Deleted{ApplicationID: c.member.App.ID, AccessKey: d.pair.AccessKey, Secret: d.pair.Secret, At: s.client.Now()})
			if p.HasRoom() {
				return rotate.ErrNotYet
			}
		}
	}
	if slices.ContainsFunc(c.dead, func(dead report.Dead) bool { return dead.AccessKey == d.pair.AccessKey && dead.Result != deadAccepted }) {
		return nil // another version of the same key
	}
	return errors.Join(s.prove(ctx, []*dying{d})...)
}

// revokedExpired says of the keys that a person wants dead, and that had expired,
// that they are.
func (c *credential) revokedExpired() {
	for _, k := range c.plan.Keys {
		if k.Dead && k.Revoke {
			c.dead = append(c.dead, report.Dead{AccessKey: k.Key.AccessKey, Result: deadUnproven, Where: "the API", Detail: "it had expired on " + k.Key.ExpiresAt.UTC().Format(time.DateTime)})
		}
	}
}

// of finds the credential of a plan.
func (s *discovered) of(p *rotate.Plan) *credential {
	all := s.world.credentials
	return all[slices.IndexFunc(all, func(c *credential) bool { return &c.plan == p })]
}

// prove tries all deleted keys together, where they were used, until they are
// refused, for two minutes at most. What was not is an error.
func (s *discovered) prove(ctx context.Context, all []*dying) []error {
	if s.req.DryRun {
		for _, d := range all {
			d.dead = true // as the real run hopes to find
		}
		return nil
	}
	var open []*trial
	for _, d := range all {
		switch {
		case !d.gone:
		case d.pair.Secret.Empty():
			d.dead = true
			d.c.dead = append(d.c.dead, report.Dead{AccessKey: d.pair.AccessKey, Result: deadUnproven, Where: "the API", Detail: "its secret is not known here; the API has no such key"})
		default:
			open = append(open, s.trial(ctx, d))
		}
	}
	start := s.clock.Now()
	var errs []error
	for len(open) > 0 {
		var round safe.Group
		for _, t := range open {
			round.Go(func() { t.attempt(ctx) })
		}
		round.Wait()
		over := s.clock.Now().Sub(start) >= deadFor
		open = slices.DeleteFunc(open, func(t *trial) bool {
			if t.result.Result == deadRefused {
				if t.of.dead = true; t.of.key.Key.AccessKey != "" { // deleted just now
					seconds := math.Round(s.clock.Now().Sub(start).Seconds()*10) / 10
					t.result.Seconds = &seconds
				}
				t.of.c.dead = append(t.of.c.dead, t.result)
				return true
			}
			return false
		})
		if len(open) > 0 && (over || s.clock.Sleep(ctx, deadEvery) != nil) {
			for _, t := range open {
				t.of.c.dead = append(t.of.c.dead, t.result)
				errs = append(errs, fmt.Errorf("the deleted key %s is not refused by %s: %s", t.result.AccessKey, t.result.Where, or(t.result.Detail, t.result.Result)))
			}
			break
		}
	}
	return errs
}

// trial is a deleted key on its way to being refused.
type trial struct {
	of     *dying
	try    func(ctx context.Context) (bool, error)
	result report.Dead
}

// trial finds out where a deleted key is tried: where it was used, else by a call
// to the API.
func (s *discovered) trial(ctx context.Context, d *dying) *trial {
	t := &trial{of: d, result: report.Dead{AccessKey: d.pair.AccessKey, Result: deadUnproven, Where: "the API"}}
	t.try = func(ctx context.Context) (bool, error) {
		works, err := s.client.Authenticates(ctx, d.pair)
		if errors.Is(err, scaleway.ErrNotFound) {
			return true, nil // the caller was let in, to be told that the key is gone
		}
		return works, err
	}
	if k, ok := s.key(d.c, &d.pair); ok {
		if e, found := s.prober.Witness(ctx, s.endpoints, s.checking(), k); found {
			t.result.Where = e.URL
			t.try = func(ctx context.Context) (bool, error) { return verdict(s.prober.Try(ctx, e, k)) }
		}
	}
	return t
}

func (t *trial) attempt(ctx context.Context) {
	switch works, err := t.try(ctx); {
	case err != nil:
		t.result.Result, t.result.Detail = deadUnproven, report.Line(err.Error())
	case works:
		t.result.Result, t.result.Detail = deadAccepted, ""
	default:
		t.result.Result, t.result.Detail = deadRefused, ""
	}
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

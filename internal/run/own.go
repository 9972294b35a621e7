package run

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// carries tells whether an environment is that of a function of ours with this
// key.
func carries(e scaleway.Environment, accessKey string) bool {
	return accessKey != "" && e.Product == scaleway.Functions && !e.OfNamespace() && e.Plain[ownAccessKey] == accessKey
}

// isOwn tells whether an environment is that of the function that is running:
// it carries the access key that this run calls with, or the one that was
// published after it and is on its way there.
func (s *session) isOwn(e scaleway.Environment) bool {
	return carries(e, s.cfg.AccessKey) || (s.world.own != nil && carries(e, s.world.own.newest()))
}

// own tells whether a function is the one that is running.
func (s *session) own(r scaleway.Resource) bool { return s.isOwn(r.Environment) }

// newest is the access key that the secret's readers get, or "".
func (c *credential) newest() string {
	if v := c.state.Published(); v != nil {
		return rotate.VersionKey(v.Description)
	}
	return ""
}

// running tells whether the published key is the one that this run calls with.
func (c *credential) running(accessKey string) bool { return c.newest() == accessKey }

// rotateOwn moves the function's own key on, as the last thing that a run does.
// Its first step is to publish the key that the function was deployed with.
func (s *session) rotateOwn(ctx context.Context) []error {
	c := s.world.own
	switch {
	case !s.world.attributable:
		return []error{errors.New("not done: it is not known whose keys are whose")}
	case c == nil || !s.wanted(c):
		return nil
	case c.broken != nil:
		return []error{fmt.Errorf("not rotated: %w", c.broken)}
	case c.plan.LeftAlone != "":
		s.find(report.Warning, "the function's own key", "is left alone: "+c.plan.LeftAlone, "decide who publishes this key, or set ROTATOR_OWN_KEY=keep")
		return nil
	}
	functions := s.ownFunctions()
	if len(functions) == 0 {
		c.undelivered = "no function of this project carries it in " + ownAccessKey + " and " + ownSecretKey
		s.find(report.Note, "the function's own key", "is not rotated: "+c.undelivered,
			"nothing to do where the function is not deployed; else set ROTATOR_OWN_KEY=keep and rotate it by hand")
		return nil
	}
	if len(c.state.Versions) == 0 {
		c.adopted = s.applier.Adopt(ctx, &c.plan, scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: s.cfg.AccessKey}, Secret: s.cfg.SecretKey})
		return []error{c.adopted.Err}
	}
	errs := []error{s.applier.Sweep(ctx, &c.plan, s.proven)}
	if c.plan.Blocked != "" {
		s.blocked(c)
	}
	if c.plan.Rotate {
		if s.remaining() < s.cfg.VerifyBound {
			s.leave("rotate the function's own key")
			return errs
		}
		c.rotation = s.applier.Rotate(ctx, []*rotate.Plan{&c.plan})[0]
		switch {
		case c.rotation.Err != nil:
			return append(errs, fmt.Errorf("not rotated: %w", c.rotation.Err))
		case c.rotation.Overtaken:
			return errs
		}
	}
	for _, e := range functions {
		errs = append(errs, s.handOver(ctx, c, e))
	}
	return errs
}

// ownFunctions are the functions of ours that can be given a key. What carries
// the access key alone need not be ours: the secret has to be there, too.
func (s *session) ownFunctions() []scaleway.Environment {
	var functions []scaleway.Environment
	for _, r := range s.world.resources {
		e := r.Environment
		if !s.own(r) {
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

// handOver gives the published key to a function of ours that carries another.
// It does not wait: the redeployment may end this very instance. Until a run has
// authenticated with the new key, the old one lives on.
func (s *session) handOver(ctx context.Context, c *credential, e scaleway.Environment) error {
	target, why := s.target(c)
	if why != "" {
		return errors.New("not delivered: there is no published key that works")
	}
	if e.Plain[ownAccessKey] == target.AccessKey {
		return s.redeployOwn(ctx, c, e)
	}
	if c.rotation == nil {
		switch works, err := s.client.Authenticates(ctx, target); {
		case err != nil:
			return fmt.Errorf("not delivered: %w", err)
		case !works:
			return fmt.Errorf("not delivered: the published key %s is refused by the API", target.AccessKey)
		}
	}
	// Nobody waits here to see the deployment fail, so that it may is foreseen.
	until := s.client.Now().Add(2*s.cfg.DeployBound + deliver.FailedFor)
	if err := s.applier.Carried(ctx, &c.plan, s.cfg.AccessKey, until, 1); err != nil {
		return fmt.Errorf("not delivered: %w", err)
	}
	change := report.Change{Kind: "update_environment", Object: e.String(), Reason: "the function itself: it runs on " + s.cfg.AccessKey + ", which is superseded"}
	err := s.journal.Do(ctx, change, func(ctx context.Context) error {
		_, err := s.client.ChangeEnvironment(ctx, e,
			map[string]string{ownAccessKey: target.AccessKey}, map[string]redact.Secret{ownSecretKey: target.Secret})
		return err
	})
	if err != nil {
		return fmt.Errorf("the new key is published, but not delivered; the function goes on with %s, and the next run tries again: %w", s.cfg.AccessKey, err)
	}
	return nil
}

// redeployOwn looks after a function of ours that has the published key in its
// environment, while this run still calls with another.
func (s *session) redeployOwn(ctx context.Context, c *credential, e scaleway.Environment) error {
	if c.running(s.cfg.AccessKey) || e.State != scaleway.EnvFailed {
		return nil // it runs on it, or is about to
	}
	change := report.Change{Kind: "redeploy", Object: e.String(), Reason: "the function itself: its last deployment failed"}
	err := s.journal.Do(ctx, change, func(ctx context.Context) error {
		_, err := s.client.Redeploy(ctx, e)
		return err
	})
	ends := e.UpdatedAt.Add(deliver.FailedFor) // after the last failure; but the first one counts
	for _, v := range c.state.Versions {
		if mark := rotate.ReadMark(v.Description); mark.AccessKey == s.cfg.AccessKey && !mark.CarriedUntil.IsZero() && mark.CarriedUntil.Before(ends) {
			ends = mark.CarriedUntil
		}
	}
	left := int(max(0, ends.Sub(s.client.Now())).Hours())
	return errors.Join(fmt.Errorf("the function's last deployment failed (%s): it goes on with %s, for %d hours at most; see its logs, and run make deploy",
		report.Line(e.Problem), s.cfg.AccessKey, left), err)
}

// ownKeyWarning is how long before its expiry the function's own key is a
// finding.
const ownKeyWarning = 21 * 24 * time.Hour

func (s *session) ownApplication() string {
	if s.world.ownKey == nil {
		return ""
	}
	return s.world.ownKey.ApplicationID
}

func (s *session) observeOwnKey() {
	k := s.world.ownKey
	if k == nil {
		return
	}
	age := s.world.now.Sub(k.CreatedAt)
	s.report.OwnKey = &report.OwnKey{
		AccessKey: k.AccessKey, ApplicationID: k.ApplicationID,
		CreatedAt: k.CreatedAt, AgeDays: report.Days(age), ExpiresAt: report.Expiry(k.ExpiresAt),
	}
	const subject = "the function's own key"
	rotated := s.world.own != nil
	if k.UserID != "" {
		s.find(report.Warning, subject, k.AccessKey+" belongs to a person", "make an IAM application for the function, with the policy of the README")
	}
	switch left := k.ExpiresAt.Sub(s.world.now); {
	case !k.ExpiresAt.IsZero() && left < ownKeyWarning:
		s.find(report.Warning, subject, fmt.Sprintf("%s expires on %s", k.AccessKey, k.ExpiresAt.UTC().Format(time.DateOnly)),
			"make a new key for the function's application and deploy with it")
	case age >= s.cfg.RotateAfter && !rotated:
		s.find(report.Warning, subject, fmt.Sprintf("%s is %d days old; it is never rotated here", k.AccessKey, report.Days(age)),
			"make a new key for the function's application and deploy with it")
	}
}

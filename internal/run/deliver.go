package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// hashShare is the part of a run's budget that comparing secrets with hashes
// may take: one takes a tenth of a second.
const hashShare = 4

// deliver gives consumers the current key, or the one that a person goes back
// to.
func (s *session) deliver(ctx context.Context) []error {
	if !s.world.attributable {
		return []error{errors.New("not done: it is not known whose keys are whose")}
	}
	var errs []error
	if !s.asked(StepRotate) { // which reports it
		errs = s.unreadable("not delivered")
	}
	errs = append(errs, s.hold(ctx)...)
	d := s.delivery(ctx)
	errs = append(errs, s.unread...)
	applier := &deliver.Applier{
		Client: s.client, Journal: s.journal, Clock: s.clock, Bound: s.cfg.DeployBound,
		Carried: func(ctx context.Context, credential int, accessKey string, until time.Time) error {
			return s.applier.Carried(ctx, &s.delivering[credential].plan, accessKey, until)
		},
		Left: s.left, Sent: s.goBack,
	}
	errs = append(errs, applier.Apply(ctx, d))
	for _, c := range d.Consumers {
		if c.Result == deliver.Behind {
			s.find(report.Warning, c.Env.String(), c.Detail, "give it the current key of its application, which is published in Secret Manager; the superseded key lives until then, or until it expires")
		}
	}
	for _, text := range d.Found.Refused {
		s.find(report.Warning, "consumers", "not compared with the keys: "+text, "")
	}
	if n := len(d.Found.Unsure); n > 0 {
		s.leave(fmt.Sprintf("compare %d superseded keys with every variable; they are kept until that is done", n))
	}
	if n := d.Found.Left; n > 0 {
		s.find(report.Note, "consumers", fmt.Sprintf("there was no time to see which current key %d variables carry, if any", n), "narrow ROTATOR_CONSUMER_VARIABLES")
	}
	return errs
}

// unreadable reports the credentials that are not what they should be. It is for
// the first step that would do something to them.
func (s *session) unreadable(what string) []error {
	var errs []error
	for _, c := range s.world.all() {
		if s.wanted(c) && c.broken != nil {
			errs = append(errs, fmt.Errorf("application %s: %s: %w", c.member.app.Name, what, c.broken))
		}
	}
	return errs
}

// A consumer that is left with a superseded key is noted for longer than daily
// runs are apart: nobody tells when a person gives it another, and the grace of
// the key counts from then on.
const (
	leftFor   = 72 * time.Hour
	leftLeast = 25 * time.Hour
)

// left notes that a consumer is left with a superseded key.
func (s *session) left(ctx context.Context, credential int, accessKey string) error {
	plan, now := &s.delivering[credential].plan, s.client.Now()
	if plan.RetireAt(accessKey, time.Time{}, 0).After(now.Add(leftLeast)) {
		return nil
	}
	return s.applier.Carried(ctx, plan, accessKey, now.Add(leftFor))
}

// delivery finds who carries what, once a run.
func (s *session) delivery(ctx context.Context) *deliver.Delivery {
	if s.consumers != nil {
		return s.consumers
	}
	var (
		envs        []scaleway.Environment
		credentials []deliver.Credential
	)
	for _, n := range s.world.namespaces {
		envs = append(envs, *n.Environment)
		for _, r := range s.world.resources {
			if r.Namespace.ID == n.ID {
				envs = append(envs, r.Environment)
			}
		}
	}
	candidates := deliver.Candidates(envs, s.cfg.ConsumerVariables)
	if candidates {
		for _, c := range s.world.all() {
			if !s.wanted(c) || c.broken != nil || c.plan.LeftAlone != "" {
				continue
			}
			switch keys, err := s.carriable(ctx, c); {
			case err != nil:
				c.broken = err
				s.unread = append(s.unread, fmt.Errorf("application %s: %w", c.member.app.Name, err))
			case keys != nil:
				s.delivering = append(s.delivering, c)
				credentials = append(credentials, *keys)
			}
		}
	}
	search := deliver.Search{
		Environments: envs, Credentials: credentials, Names: s.cfg.ConsumerVariables,
		Clock: s.clock, Share: s.cfg.Budget / hashShare,
	}
	found := search.Find(ctx)
	s.log.InfoContext(ctx, "environments compared with the keys", "environments", len(envs), "hashes", found.Hashes)
	s.consumers = deliver.Plan(envs, credentials, found, deliver.Options{
		Untouched: s.untouched, Blind: s.world.blind, Nothing: !candidates, Now: s.client.Now(),
	})
	return s.consumers
}

// untouched returns why an environment is not to be changed, or "".
func (s *session) untouched(e scaleway.Environment) string {
	named := func(name string) bool { return slices.Contains(s.cfg.ConsumersExclude, name) }
	switch {
	case s.isOwn(e):
		return "it is the function itself"
	case s.cfg.Consumers == config.ConsumersReport:
		return "consumers are only reported (ROTATOR_CONSUMERS)"
	case named(e.Name):
		return "it is excluded (ROTATOR_CONSUMERS_EXCLUDE)"
	}
	if named(s.namespace(e)) {
		return "its namespace is excluded (ROTATOR_CONSUMERS_EXCLUDE)"
	}
	return ""
}

// carriable returns the keys of an application that consumers may carry, or nil
// where there is none that they could be given.
func (s *session) carriable(ctx context.Context, c *credential) (*deliver.Credential, error) {
	target, ok := s.target(c)
	if !ok {
		return nil, nil //nolint:nilnil // documented
	}
	out := &deliver.Credential{Name: c.member.app.Name, Target: target}
	known := func(key string) bool {
		return key == target.AccessKey || slices.ContainsFunc(out.Old, func(p scaleway.KeyPair) bool { return p.AccessKey == key })
	}
	for _, p := range []*scaleway.KeyPair{c.before, c.pair} {
		if p != nil && !known(p.AccessKey) {
			out.Old = append(out.Old, *p)
		}
	}
	for _, p := range c.swept {
		if !known(p.AccessKey) {
			out.Old = append(out.Old, p)
		}
	}
	for _, v := range c.state.Versions {
		mark := rotate.ReadMark(v.Description)
		if mark.CarriedUntil.After(out.Until) {
			out.Until = mark.CarriedUntil
		}
		if !v.Enabled || known(mark.AccessKey) {
			continue
		}
		switch pair, err := s.client.Access(ctx, c.state.Secret, v.Revision); {
		case errors.Is(err, scaleway.ErrPayload), errors.Is(err, scaleway.ErrRefused), errors.Is(err, scaleway.ErrNotFound):
		case err != nil:
			return nil, fmt.Errorf("its superseded keys cannot be read: %w", err)
		case pair.AccessKey == mark.AccessKey:
			out.Old = append(out.Old, pair)
		}
	}
	c.pairs = slices.Clone(out.Old)
	for _, k := range c.plan.Keys {
		if !known(k.Key.AccessKey) && (k.Revoke || k.State == rotate.Superseded || k.State == rotate.Unpublished) {
			out.Old = append(out.Old, scaleway.KeyPair{APIKey: k.Key})
		}
	}
	return out, nil
}

// target is the key that consumers are to carry; it is empty in a dry run that
// would make it. ok is false where there is none.
func (s *session) target(c *credential) (pair scaleway.KeyPair, ok bool) {
	current := c.plan.Current()
	switch {
	case c.back != nil:
		return c.backTo, true
	case c.rotation != nil && (c.rotation.Err != nil || c.rotation.Overtaken):
		return scaleway.KeyPair{}, false
	case c.rotation != nil:
		return c.rotation.New, true // empty in a dry run
	case c.pair == nil || current == nil || current.Key.Expired(s.world.now):
		return scaleway.KeyPair{}, false
	default:
		return *c.pair, true
	}
}

// namespace is the name of the one that an environment is in, or its own.
func (s *session) namespace(e scaleway.Environment) string {
	for _, n := range s.world.namespaces {
		if n.ID == e.NamespaceID {
			return n.Name
		}
	}
	return ""
}

// carriers is who carries a key, for the report.
func (s *session) carriers() []report.Consumer {
	out := []report.Consumer{}
	if s.consumers == nil {
		return out
	}
	for _, c := range s.consumers.Consumers {
		kind := c.Env.Product.One()
		if c.Env.OfNamespace() {
			kind += " namespace"
		}
		line := report.Consumer{
			Kind: kind, ID: c.Env.ID, Name: c.Env.Name, Namespace: s.namespace(c.Env), Region: c.Env.Region, Variables: []report.Variable{},
			Result: string(c.Result), Detail: report.Line(c.Detail), HoursLeft: c.HoursLeft,
		}
		for _, u := range c.Uses {
			line.Variables = append(line.Variables, report.Variable{
				Name: u.Variable, Application: s.consumers.Credentials[u.Credential].Name, AccessKey: u.AccessKey,
			})
		}
		out = append(out, line)
	}
	return out
}

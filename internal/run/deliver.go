package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scope"
)

// hashShare is the part of a run's budget that comparing secrets with hashes
// may take: one takes a tenth of a second.
const hashShare = 4

// deliver gives consumers the current key, or the one that a person goes back
// to.
func (s *searched) deliver(ctx context.Context) []error {
	if !s.world.attributable {
		return []error{errors.New("not done: it is not known whose keys are whose")}
	}
	var errs []error
	if !s.asked(StepRotate) { // which reports it
		errs = s.unreadable("not delivered")
	}
	d := s.consumers
	errs = append(errs, s.notBack...)
	errs = append(errs, s.unread...)
	errs = append(errs, s.leftJustNow(ctx, d)...)
	applier := &deliver.Applier{
		Client: s.client, Journal: s.journal, Clock: s.clock, Bound: s.cfg.DeployBound,
		NoteOld: func(ctx context.Context, credential int, accessKey string, until time.Time, consumers int) error {
			return s.applier.NoteOld(ctx, &s.delivering[credential].plan, accessKey, until, consumers)
		},
		NoteCurrent: s.noteCurrent,
	}
	sent, err := applier.Send(ctx, d)
	errs = append(errs, err, s.goBack(ctx), applier.Await(ctx, d, sent))
	s.observeConsumers(d)
	if !s.asked(StepRetire) { // which does it
		_, err := s.remember(ctx, nil)
		errs = append(errs, err)
	}
	return errs
}

// noteCurrent notes how many consumers carry a key that this run has published. Of an
// older one only the ledger says it: a description that changes later would move
// the date from which the grace of the key before counts.
func (s *searched) noteCurrent(ctx context.Context, credential, consumers int) error {
	if r := s.delivering[credential].rotation; r != nil && r.Err == nil && !r.Overtaken {
		return s.applier.NoteCurrent(ctx, r, consumers)
	}
	return nil
}

// leftJustNow gives the keys their grace anew that something carried when the
// ledger was written, and has changed since.
func (s *searched) leftJustNow(ctx context.Context, d *deliver.Delivery) []error {
	if s.world.blind != nil {
		return nil // what was not read has not changed for that
	}
	var errs []error
	for i, c := range d.Credentials {
		for _, k := range c.Old {
			if n := d.Found.LeftBy[k.AccessKey]; n > 0 {
				errs = append(errs, s.applier.NoteOld(ctx, &s.delivering[i].plan, k.AccessKey, s.client.Now(), n))
			}
		}
	}
	return errs
}

// unreadable reports the credentials that are not what they should be. It is for
// the first step that would do something to them.
func (s *searched) unreadable(what string) []error {
	var errs []error
	for _, c := range s.illegible {
		errs = append(errs, fmt.Errorf("application %s: %s: %w", c.member.App.Name, what, c.broken))
	}
	return errs
}

// search finds who carries what, if anybody is to know.
func (s *rotated) search(ctx context.Context) *searched {
	found := &searched{rotated: s}
	for _, c := range s.world.credentials {
		if s.wanted(c) && c.broken != nil {
			found.illegible = append(found.illegible, c)
		}
	}
	if !s.world.attributable || ctx.Err() != nil || !s.toSearch() {
		return found
	}
	found.notBack = s.pin(ctx)
	found.compare(ctx)
	return found
}

// toSearch tells whether a step needs to know who carries what.
func (s *rotated) toSearch() bool {
	retires := func(c *credential) bool {
		return s.wanted(c) && c.broken == nil && c.plan.LeftAlone == "" && retires(&c.plan)
	}
	return s.asked(StepDeliver) || s.asked(StepRetire) && slices.ContainsFunc(s.world.credentials, retires) ||
		s.asked(StepOwnKey) && slices.ContainsFunc(s.world.own.plan.Others, func(k rotate.OwnKeyPlan) bool { return k.Give })
}

// compare compares every environment with every key.
func (s *searched) compare(ctx context.Context) {
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
	envs = append(envs, s.world.leftOut...)
	for _, c := range s.world.credentials {
		if !s.wanted(c) || c.broken != nil || c.plan.LeftAlone != "" {
			continue
		}
		keys, err := s.carriable(ctx, c)
		if err != nil {
			c.broken = err
			s.unread = append(s.unread, fmt.Errorf("application %s: %w", c.member.App.Name, err))
			continue
		}
		s.delivering = append(s.delivering, c)
		credentials = append(credentials, keys)
	}
	if s.world.own.app.ID != "" {
		s.delivering = append(s.delivering, &credential{member: scope.Member{App: s.world.own.app}})
		credentials = append(credentials, s.ownKeys())
	}
	search := deliver.Search{
		Environments: envs, ReadAt: s.world.readAt, Credentials: credentials, Ledger: s.world.memory.ledger.Compared,
		Ours: func(e scaleway.Environment, variable string) bool {
			return s.isOwn(e) && strings.HasPrefix(variable, config.Prefix)
		},
		IDs: s.world.ids(s.cfg), Clock: s.clock, Share: s.cfg.Budget / hashShare,
	}
	found := search.Find(ctx)
	s.log.InfoContext(ctx, "environments compared with the keys", "environments", len(envs), "hashes", found.Hashes, "saved", found.Saved)
	s.report.Comparisons = report.Comparisons{Made: found.Hashes, Saved: found.Saved, Left: found.Left}
	for i, c := range s.delivering {
		s.noTarget(ctx, c, &credentials[i], found.Uses)
	}
	s.consumers = deliver.Plan(envs, credentials, found, deliver.Options{
		Untouched: s.untouched, Blind: s.world.blind, Own: s.isOwn, Now: s.client.Now(),
	})
}

// noTarget sees whether a credential's current key works, if somebody would be
// given it: nothing is delivered that was not seen to work in this run.
func (s *searched) noTarget(ctx context.Context, c *credential, keys *deliver.Credential, uses map[int][]deliver.Use) {
	needed := false
	for _, of := range uses {
		for _, u := range of {
			needed = needed || s.delivering[u.Credential] == c && (keys.Target.AccessKey == "" || u.AccessKey != keys.Target.AccessKey)
		}
	}
	if !needed || keys.NoTarget != "" || c.back != nil { // the way back was tried before
		return
	}
	if err := s.works(ctx, c, nil); err != nil {
		keys.NoTarget = err.Error()
		s.unread = append(s.unread, fmt.Errorf("application %s: its current key is not delivered: %w", c.member.App.Name, err))
	}
}

// untouched returns why an environment is not to be changed, or "".
func (s *discovered) untouched(e scaleway.Environment) string {
	named := func(name string) bool { return slices.Contains(s.cfg.ConsumersExclude, name) }
	switch {
	case s.isOwn(e):
		return "it is the function itself"
	case len(s.cfg.Regions) > 0 && !slices.Contains(s.cfg.Regions, e.Region):
		return "its region is left out (ROTATOR_REGIONS)"
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

// target is the key that consumers are to carry; it is empty in a dry run that
// would make it. why says why there is none, or "".
func (s *rotated) target(c *credential) (pair scaleway.KeyPair, why string) {
	current := c.plan.Current()
	switch {
	case c.back != nil:
		return c.backTo, ""
	case c.rotation != nil && c.rotation.Err != nil:
		return scaleway.KeyPair{}, "the current key was to be replaced, and was not"
	case c.rotation != nil && c.rotation.Overtaken:
		return scaleway.KeyPair{}, "another run is at this application"
	case c.rotation != nil:
		return c.rotation.New, "" // empty in a dry run
	case c.pair == nil || current == nil:
		return scaleway.KeyPair{}, "no key is published"
	case current.Key.Expired(s.world.now):
		return scaleway.KeyPair{}, "the published key expired"
	default:
		return *c.pair, ""
	}
}

// namespace is the name of the one that an environment is in, or its own.
func (s *discovered) namespace(e scaleway.Environment) string {
	for _, n := range s.world.namespaces {
		if n.ID == e.NamespaceID {
			return n.Name
		}
	}
	for _, n := range s.world.leftOut {
		if n.ID == e.NamespaceID {
			return n.Name
		}
	}
	return ""
}

// pin prepares what a rollback goes back to: it has to work, and is marked.
func (s *rotated) pin(ctx context.Context) []error {
	var errs []error
	for _, c := range s.world.credentials {
		if c.back == nil || c.broken != nil {
			continue
		}
		if c.broken = s.prepare(ctx, c); c.broken != nil {
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.App.Name, c.broken))
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
	return s.applier.Pin(ctx, &c.plan, *c.back)
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
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.App.Name, err))
			continue
		}
		if err := s.applier.GoBack(ctx, &c.plan, *c.back); err != nil {
			errs = append(errs, fmt.Errorf("application %s: not rolled back: %w", c.member.App.Name, err))
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

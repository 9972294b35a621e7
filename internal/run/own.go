package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	ownAccessKey = config.Prefix + "ACCESS_KEY"
	ownSecretKey = config.Prefix + "SECRET_KEY"
)

// own is the function's own application, and what becomes of its keys. It is not
// published: whoever can read a credential must not be able to read this one,
// with which the key of any application can be made.
type own struct {
	app       scaleway.Application // ID "": it is not known, or the key is a person's
	keys      []scaleway.APIKey
	published placed // by an earlier release; secret.ID "": nothing is
	broken    error  // why that cannot be read
	plan      rotate.OwnPlan
	made      *rotate.Rotation // in this run, or nil
	given     []string         // to which functions it was given
	kept      string           // why it is not rotated here, or ""
	dead      []report.Dead
	// foreign is why it may be another of its keys that this run really calls with,
	// or "": then none of them goes.
	foreign string
	mixed   bool // it is, for sure
}

// foreignSecret tells why the secret key that the function has may not be that of
// its access key, or "": somebody may have set one of the two variables. mixed
// tells that it is another's for sure. Of a key that a person made there is no
// trace: its secret is told from those of the keys that have one.
func (s *session) foreignSecret() (why string, mixed bool) {
	k := s.world.ownKey
	if k == nil {
		return "", false
	}
	traces := s.world.memory.ledger.Own
	of := func(k scaleway.APIKey) string {
		return ledger.KeyOf(scaleway.KeyPair{APIKey: k, Secret: s.cfg.SecretKey})
	}
	untraced := ""
	for _, other := range s.world.own.keys {
		switch {
		case other.AccessKey == k.AccessKey:
		case traces[other.AccessKey] == of(other):
			return ownSecretKey + " is the secret key of " + other.AccessKey + ", and " + ownAccessKey + " names " + k.AccessKey + ": somebody, or a pipeline, has set one of them", true
		case traces[other.AccessKey] == "" && rotate.MintedBy(other, s.cfg.ProjectID):
			untraced = other.AccessKey
		}
	}
	switch trace := traces[k.AccessKey]; {
	case trace == of(*k):
		return "", false
	case trace != "":
		return ownSecretKey + " is not the secret key that belongs to " + k.AccessKey + ", which " + ownAccessKey + " names: somebody, or a pipeline, has set one of them", true
	case rotate.MintedBy(*k, s.cfg.ProjectID), untraced != "":
		return "nothing is left that tells whether " + ownSecretKey + " is the secret key of " + k.AccessKey, false
	}
	return "", false
}

// isOwn tells whether an environment is that of a function of ours: it has a key
// of the function's own application where the function's own settings are.
func (s *session) isOwn(e scaleway.Environment) bool {
	access := e.Plain[ownAccessKey]
	if access == "" || e.Product != scaleway.Functions || e.OfNamespace() {
		return false
	}
	return access == s.cfg.AccessKey || slices.ContainsFunc(s.world.own.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access })
}

// own tells whether a function is the one that is running.
func (s *session) own(r scaleway.Resource) bool { return s.isOwn(r.Environment) }

// readOwn finds what there is of the function's own application.
func (d *discovery) readOwn(ctx context.Context, id string, secrets []scaleway.Secret) {
	o := &d.world.own
	for _, a := range d.world.applications {
		if a.ID == id {
			o.app = a
		}
	}
	for _, k := range d.world.keys {
		if id != "" && k.ApplicationID == id {
			o.keys = append(o.keys, k)
		}
	}
	for _, s := range secrets {
		if id != "" && s.Name == id {
			o.published.secret = s
			o.published.versions, o.broken = d.client.Versions(ctx, s)
		}
	}
}

// planOwn decides what becomes of the function's own key.
func (s *session) planOwn() {
	o := &s.world.own
	state := rotate.OwnState{Application: o.app, Keys: o.keys, RunsOn: s.cfg.AccessKey, Settled: true}
	for _, e := range s.ownEnvironments() {
		access := e.Plain[ownAccessKey]
		state.Carried = append(state.Carried, access)
		// A deployment that failed leaves the revision before it at work for a day.
		rests := e.State == scaleway.EnvReady || e.State == scaleway.EnvFailed && s.world.now.Sub(e.UpdatedAt) >= deliver.FailedFor
		state.Settled = state.Settled && rests && access == s.cfg.AccessKey
		since := e.UpdatedAt
		if e.State == scaleway.EnvFailed { // the revision before went on with the key before
			since = since.Add(deliver.FailedFor)
		}
		if since.After(state.Since) {
			state.Since = since
		}
	}
	o.foreign, o.mixed = s.foreignSecret()
	state.Settled = state.Settled && s.world.blind == nil && o.foreign == ""
	for _, v := range o.published.versions {
		if access := rotate.VersionKey(v.Description); access != "" {
			state.Named = append(state.Named, access)
		}
	}
	policy := s.policy
	policy.Force = s.req.Force
	o.plan = rotate.MakeOwn(state, policy, s.world.now)
	if o.plan.NoLonger && o.published.secret.ID == "" {
		o.plan.NoLonger = false
	}
}

// ownEnvironments are those of the functions of ours, in all regions.
func (s *session) ownEnvironments() []scaleway.Environment {
	var out []scaleway.Environment
	for _, r := range s.world.resources {
		if s.own(r) {
			out = append(out, r.Environment)
		}
	}
	for _, e := range s.world.leftOut {
		if s.isOwn(e) {
			out = append(out, e)
		}
	}
	return out
}

// rotateOwn moves the function's own key on, as the last thing that a run does.
func (s *session) rotateOwn(ctx context.Context) []error {
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

// wantedOwn tells whether the request means the function's own application.
func (s *session) wantedOwn() bool {
	o := &s.world.own
	switch {
	case len(s.req.Revoke) > 0:
		return slices.ContainsFunc(s.req.Revoke, func(key string) bool { return o.plan.Key(key) != nil })
	case len(s.req.Rollback) > 0:
		return false
	}
	return len(s.req.Applications) == 0 || slices.Contains(s.req.Applications, o.app.ID) || slices.Contains(s.req.Applications, o.app.Name)
}

// ownFunctions are the functions of ours that can be given a key: what carries
// the access key alone need not be ours, so the secret has to be there, too.
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

// handOver looks after the functions of ours that have another key than the one
// that this run calls with: they are about to run on it, or are behind.
func (s *session) handOver(ctx context.Context) []error {
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
func (s *session) giveOwn(ctx context.Context, e scaleway.Environment, pair scaleway.KeyPair) error {
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
func (s *session) renewOwn(ctx context.Context) error {
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
func (s *session) giveUpOwn(ctx context.Context) []error {
	var errs []error
	for _, k := range s.world.own.plan.Others {
		if !k.Give || len(s.req.Revoke) > 0 && !slices.Contains(s.req.Revoke, k.Key.AccessKey) {
			continue
		}
		keep, err := s.ownKept(ctx, k)
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
func (s *session) ownKept(ctx context.Context, k rotate.OwnKeyPlan) (bool, error) {
	err := s.delivery(ctx).Holds(k.Key.AccessKey)
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

// ownKeys are the keys of the function's own application, as environments may
// hold them: nobody is given one.
func (s *session) ownKeys() deliver.Credential {
	o := &s.world.own
	out := deliver.Credential{
		ID: o.app.ID, Name: o.app.Name, Proven: true, NoTarget: "it is the function's own, which nothing else may carry",
		Target: scaleway.KeyPair{APIKey: o.plan.Current, Secret: s.cfg.SecretKey},
	}
	out.Target.AccessKey = s.cfg.AccessKey
	for _, k := range o.keys {
		if k.AccessKey == s.cfg.AccessKey {
			continue
		}
		out.Old = append(out.Old, scaleway.KeyPair{APIKey: k})
		if s.cfg.HandMadeKeys == config.HandMadeRetire {
			out.Released = append(out.Released, k.AccessKey)
		}
	}
	return out
}

// expiryWarning is how long before its expiry a key is a finding that no run
// replaces.
const expiryWarning = 21 * 24 * time.Hour

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
	switch why := s.world.own.foreign; {
	case why == "":
	case !s.world.own.mixed:
		s.find(report.Note, subject, why+": its keys before are kept until another was made", "")
	default:
		s.find(report.Warning, subject, why+"; this run calls with another key, so none of its keys is deleted", "make deploy ARGS=--new-key gives the function two that belong together; have nothing else set them")
	}
	rotated := k.UserID == "" && s.cfg.OwnKey == config.OwnKeyRotate
	if k.UserID != "" {
		s.find(report.Warning, subject, k.AccessKey+" belongs to a person", "make an IAM application for the function, with the policy of the README")
	}
	switch left := k.ExpiresAt.Sub(s.world.now); {
	case !k.ExpiresAt.IsZero() && left < expiryWarning:
		s.find(report.Warning, subject, fmt.Sprintf("%s expires on %s", k.AccessKey, k.ExpiresAt.UTC().Format(time.DateOnly)),
			"make deploy ARGS=--new-key gives the function another")
	case age >= s.cfg.RotateAfter && !rotated:
		s.find(report.Warning, subject, fmt.Sprintf("%s is %d days old; it is never rotated here", k.AccessKey, report.Days(age)),
			"make deploy ARGS=--new-key gives the function another")
	}
	for _, other := range s.world.own.plan.Others {
		if old := s.world.now.Sub(other.Key.CreatedAt); rotated && other.Theirs && !other.Key.Managed && old > s.cfg.Grace {
			s.find(report.Note, subject, fmt.Sprintf("its application has the key %s too, which the function does not run on: %s", other.Key.AccessKey, other.Why),
				"delete it by hand, once nothing else uses it")
		}
	}
}

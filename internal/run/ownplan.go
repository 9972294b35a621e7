package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
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
func (s *discovered) foreignSecret() (why string, mixed bool) {
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
func (s *discovered) isOwn(e scaleway.Environment) bool {
	access := e.Plain[ownAccessKey]
	if access == "" || e.Product != scaleway.Functions || e.OfNamespace() {
		return false
	}
	return access == s.cfg.AccessKey || slices.ContainsFunc(s.world.own.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access })
}

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
func (s *discovered) planOwn() {
	o := &s.world.own
	state := rotate.OwnState{Application: o.app, Keys: o.keys, RunsOn: s.cfg.AccessKey, Settled: true}
	for _, e := range s.ownEnvironments() {
		access := e.Plain[ownAccessKey]
		state.InVariables = append(state.InVariables, access)
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
func (s *discovered) ownEnvironments() []scaleway.Environment {
	var out []scaleway.Environment
	for _, r := range s.world.resources {
		if s.isOwn(r.Environment) {
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

// wantedOwn tells whether the request means the function's own application.
func (s *discovered) wantedOwn() bool {
	o := &s.world.own
	switch {
	case len(s.req.Revoke) > 0:
		return slices.ContainsFunc(s.req.Revoke, func(key string) bool { return o.plan.Key(key) != nil })
	case len(s.req.Rollback) > 0:
		return false
	}
	return len(s.req.Applications) == 0 || slices.Contains(s.req.Applications, o.app.ID) || slices.Contains(s.req.Applications, o.app.Name)
}

// ownKeys are the keys of the function's own application, as environments may
// hold them: nobody is given one.
func (s *discovered) ownKeys() deliver.Credential {
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

func (s *discovered) observeOwnKey() {
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
	case !s.world.own.mixed && !slices.ContainsFunc(s.world.own.plan.Others, func(k rotate.OwnKeyPlan) bool { return !k.Theirs }): // there is none to keep
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
	case !k.ExpiresAt.IsZero() && notice(left) > 0 && rotated && s.world.own.plan.Renew && s.asked(StepOwnKey) && s.meansOwn():
		s.find(report.Note, subject, fmt.Sprintf("%s expires %s, on %s: this run is to replace it", k.AccessKey, noticed(left), k.ExpiresAt.UTC().Format(time.DateOnly)), "")
	case !k.ExpiresAt.IsZero() && notice(left) > 0:
		s.find(report.Warning, subject, fmt.Sprintf("%s expires %s, on %s", k.AccessKey, noticed(left), k.ExpiresAt.UTC().Format(time.DateOnly)),
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

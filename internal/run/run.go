// Package run does one run: discover, rotate, deliver, check, purge, retire,
// report, and last the function's own key.
//
// It promises that one failing item never stops the others, that any failure
// makes the outcome a failure, that a dry run changes nothing and announces
// exactly what a real one would do, and that a run ends by itself, a margin
// before its budget does, with a report that says what was left. How a key is
// rotated, a token deleted or an endpoint asked is left to the packages named
// so.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/tell"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// The steps that a request may name, in the order in which they run.
const (
	StepRotate  = "rotate"
	StepDeliver = "deliver"
	StepCheck   = "check"
	StepPurge   = "purge"
	StepRetire  = "retire"
	StepOwnKey  = "own_key"
)

// Steps are all steps that a request may name.
func Steps() []string {
	return []string{StepRotate, StepDeliver, StepCheck, StepPurge, StepRetire, StepOwnKey}
}

// Request narrows a run.
type Request struct {
	DryRun       bool
	Steps        []string // empty: all
	Applications []string // IDs or names; empty: all in scope. It narrows all that is done to keys.
	Force        bool     // rotate whatever the age
	Revoke       []string // access keys to be replaced, delivered and deleted at once; nothing else is done
	Now          bool     // revoked keys are deleted before the others are delivered, whoever carries them
	Rollback     []string // applications, by ID or name, to go back to the key before; nothing else is done
}

// RequestError is a request for what cannot be. Nothing was changed.
type RequestError struct{ text string }

func (e *RequestError) Error() string { return e.text }

// Options are a run's surroundings. Nil fields take the real ones.
type Options struct {
	API       http.RoundTripper // under the Scaleway SDK
	Endpoints http.RoundTripper // under the probes
	Clock     clock.Clock
	Tell      http.RoundTripper // to whoever is told; on a clock that is made up, nobody is unless it is set
	Log       *slog.Logger      // with the run's ID
	RunID     string
}

// Do does one run. The only error it returns is that of a request that cannot
// be: a *RequestError. Everything else is in the report.
func Do(ctx context.Context, cfg config.Config, req Request, o Options) (*report.Report, error) {
	start := o.Clock.Now()
	ctx, cancel := clock.WithTimeout(ctx, o.Clock, cfg.Budget-config.Margin)
	defer cancel()
	client, err := scaleway.New(scaleway.Options{
		APIURL: cfg.APIURL, AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey,
		OrganizationID: cfg.OrganizationID, ProjectID: cfg.ProjectID,
		Transport: o.API, Clock: o.Clock, Concurrency: cfg.Concurrency, RequestsPerSecond: cfg.RequestsPerSecond,
		DeployBound: cfg.DeployBound,
	})
	if err != nil {
		return nil, err
	}
	s := &session{
		cfg: cfg, req: req, log: o.Log, clock: o.Clock, start: start, client: client,
		journal: report.NewJournal(req.DryRun, o.Log, scaleway.ErrUnknown),
		prober: probe.New(probe.Options{
			Transport: o.Endpoints, Timeout: cfg.ProbeTimeout, Clock: o.Clock, Concurrency: cfg.ProbeConcurrency, Patience: cfg.VerifyBound,
		}),
		report: &report.Report{
			Version: version.Version, RunID: o.RunID, DryRun: req.DryRun, OrganizationID: cfg.OrganizationID, ProjectID: cfg.ProjectID,
			Left: []string{}, Findings: []report.Finding{}, Told: []report.Told{}, SummedUp: []report.Sum{}, Cut: []report.Cut{}, Clock: clockOf(cfg, o),
		},
		world: &world{},
	}
	if !o.Clock.Emulated || o.Tell != nil {
		s.telling.teller = tell.New(tell.Options{Transport: o.Tell, Clock: o.Clock, Mail: client.SendMail})
	}
	s.applier = &rotate.Applier{
		Client: client, Journal: s.journal, Clock: o.Clock, Log: o.Log,
		SecretPath: cfg.SecretPath, SecretRegion: cfg.SecretRegion,
		Window: cfg.VerifyWindow, Bound: cfg.VerifyBound, Tester: s.tester,
	}
	o.Log.InfoContext(ctx, "run started", "version", version.Version, "dry_run", req.DryRun, "steps", req.Steps, "force", req.Force, "clock", s.report.Clock)
	s.step(ctx, "discover", true, s.discover)
	if err := s.acceptable(); err != nil {
		return nil, err
	}
	s.begin(ctx)
	defer s.telling.started.Wait()
	s.tokens = s.listTokens(ctx)
	defer s.tokens.group.Wait() // it ends with the context
	defer cancel()
	s.step(ctx, StepRotate, s.asked(StepRotate), s.rotate)
	if s.req.Now { // whoever carries the key: it leaked
		s.step(ctx, StepRetire, s.asked(StepRetire), s.retire)
	}
	s.step(ctx, StepDeliver, s.asked(StepDeliver), s.deliver)
	s.step(ctx, StepCheck, s.asked(StepCheck), s.check)
	s.step(ctx, StepPurge, s.asked(StepPurge), s.purge)
	if !s.req.Now {
		s.step(ctx, StepRetire, s.asked(StepRetire), s.retire)
	}
	s.observeProject() // before the last step, which tells of the run
	s.step(ctx, StepOwnKey, s.asked(StepOwnKey), s.rotateOwn)
	s.conclude()
	s.tell(ctx)
	s.ended(ctx)
	return s.report, nil
}

// session is one run while it lasts.
type session struct {
	cfg     config.Config
	req     Request
	log     *slog.Logger
	clock   clock.Clock
	start   time.Time
	client  *scaleway.Client
	prober  *probe.Prober
	journal *report.Journal
	applier *rotate.Applier
	policy  rotate.Policy
	report  *report.Report

	world     *world
	tokens    *tokenLists
	telling   telling
	endpoints []probe.Endpoint
	rows      []probe.Row      // what was checked, once it was
	checkers  []probe.Key      // that asked every endpoint
	decisions []purge.Decision // legacy tokens, once they were decided upon

	buriedKeys []ledger.Deleted  // keys that were found gone, or deleted, in this run
	consumers  *deliver.Delivery // who carries what, once that was looked for
	delivering []*credential     // by index of the delivery's credentials
	unread     []error           // why some credentials' old keys are not known
}

// step runs one step, if it is asked for and there is time, and notes its
// outcome.
func (s *session) step(ctx context.Context, name string, asked bool, do func(context.Context) []error) {
	step := report.Step{Name: name, Outcome: report.Success, Errors: []string{}}
	left := len(s.report.Left)
	switch {
	case !asked:
		step.Outcome = report.Skipped
	case ctx.Err() != nil:
		step.Outcome = report.Incomplete
		s.leave("step " + name)
	default:
		for _, err := range do(ctx) {
			if err == nil {
				continue
			}
			step.Outcome = report.Failure
			for line := range strings.SplitSeq(err.Error(), "\n") { // errors.Join
				step.Errors = append(step.Errors, report.Line(line))
			}
		}
		if len(s.report.Left) > left {
			step.Outcome = report.Incomplete
		}
	}
	s.logStep(ctx, step, s.report.Left[left:])
	s.report.Steps = append(s.report.Steps, step)
}

// leave notes something that the run has no time for.
func (s *session) leave(what string) { s.report.Left = append(s.report.Left, what) }

func (s *session) asked(step string) bool {
	switch {
	case len(s.req.Rollback) > 0:
		return step == StepDeliver
	case len(s.req.Revoke) > 0, len(s.req.Steps) == 0 && len(s.req.Applications) > 0: // tokens and endpoints are everybody's
		return step == StepRotate || step == StepDeliver || step == StepRetire || step == StepOwnKey && s.wantedOwn()
	}
	return len(s.req.Steps) == 0 || slices.Contains(s.req.Steps, step)
}

// remaining is how much of the run's time is left, by our clock.
func (s *session) remaining() time.Duration {
	return s.cfg.Budget - config.Margin - s.clock.Now().Sub(s.start)
}

// discover reads everything and makes the plans.
func (s *session) discover(ctx context.Context) []error {
	d := &discovery{
		client: s.client, cfg: s.cfg, world: s.world,
		hosts: s.asked(StepCheck) || s.asked(StepPurge),
	}
	d.read(ctx)
	s.report.StartedAt = s.client.Now().Add(-s.clock.Now().Sub(s.start))
	s.endpoints = probe.Endpoints(s.world.resources, s.cfg.ProbePath, s.own)
	s.plan()
	s.observe()
	s.observeElsewhere()
	s.observeLeftAlone()
	s.observeExpiry()
	s.observeChecking()
	// They came in by chance: two runs that meet the same say the same.
	slices.SortStableFunc(s.world.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return append(s.world.errs, s.unsaid()...)
}

func (s *session) plan() {
	base := rotate.Policy{
		Project: s.cfg.ProjectID, Interval: s.cfg.Interval, RunTime: s.cfg.Budget,
		RotateAfter: s.cfg.RotateAfter, Grace: s.cfg.Grace, Lifetime: s.cfg.KeyLifetime, Force: s.req.Force,
		RunsOn: s.cfg.AccessKey, Revoke: s.req.Revoke,
	}
	var clamped bool
	if s.policy, clamped = base.Capped(s.world.lifetimeCap); clamped {
		s.capped()
	}
	if err := s.world.capUnknown; err != nil {
		s.find(report.Warning, "organization", "its cap on the lifetime of API keys is not known: "+err.Error(),
			"if creating keys is refused because of their expiry, lower ROTATOR_KEY_LIFETIME")
	}
	s.applier.Policy = s.policy
	for _, c := range s.world.credentials {
		for _, d := range s.world.memory.ledger.Deleted {
			if d.ApplicationID == c.member.app.ID {
				c.state.Deleted = append(c.state.Deleted, d.AccessKey)
			}
		}
		c.state.ReadUntil = s.world.memory.until(c.state)
		c.plan = rotate.Make(c.state, s.policy, s.world.now)
	}
	s.planOwn()
	s.refused()
}

// rotate removes what earlier runs left, and replaces the keys that are due.
func (s *session) rotate(ctx context.Context) []error {
	if !s.world.attributable {
		return []error{errors.New("not done: it is not known whose keys are whose")}
	}
	var (
		errs []error
		due  []*credential
	)
	for _, c := range s.world.credentials { // the function's own key comes last
		switch name := "application " + c.member.app.Name; {
		case !s.wanted(c):
		case c.broken != nil:
			errs = append(errs, fmt.Errorf("%s: not rotated: %w", name, c.broken))
		case c.plan.LeftAlone != "":
			s.find(report.Warning, name, "is left alone: "+c.plan.LeftAlone,
				"decide who publishes this key: take the application out of scope, or delete that version (disabling it is not enough)")
		default:
			if err := s.applier.Sweep(ctx, &c.plan, s.proven); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			c.revokedExpired()
			if c.plan.Blocked != "" {
				s.blocked(c)
			}
			if c.plan.Rotate {
				due = append(due, c)
			}
		}
	}
	if need := s.cfg.VerifyBound; len(due) > 0 && s.remaining() < need {
		for _, c := range due {
			s.leave("rotate the key of application " + c.member.app.Name)
		}
		return errs
	}
	for i, rotation := range s.applier.Rotate(ctx, s.longestFirst(due)) {
		c := due[i]
		c.rotation = rotation
		s.movedProject("application "+c.member.app.Name, rotation)
		switch {
		case rotation.NotTried: // one error, and a finding, say why
		case rotation.Err != nil:
			errs = append(errs, fmt.Errorf("application %s: not rotated: %w", c.member.app.Name, rotation.Err))
		case rotation.Overtaken:
			s.find(report.Note, "application "+c.member.app.Name, "another run published a key while this one verified its own", "")
		case !s.req.DryRun:
			c.before, c.pair = c.pair, &rotation.New
		}
	}
	s.crowded(due)
	return errs
}

// blocked reports a rotation that is due and cannot be done. It is an error
// only where consumers are without a key.
func (s *session) blocked(c *credential) {
	level := report.Warning
	current := c.plan.Current()
	if len(c.state.Versions) > 0 && (current == nil || current.Key.Expired(s.world.now)) {
		level = report.Error
	}
	s.find(level, "application "+c.member.app.Name, "is due ("+c.plan.Why+") but not rotated: "+c.plan.Blocked, "")
}

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

// Options are a run's surroundings. Nil fields take the real ones.
type Options struct {
	API       http.RoundTripper // under the Scaleway SDK
	Endpoints http.RoundTripper // under the probes
	Clock     clock.Clock
	Tell      http.RoundTripper // to whoever is told: by it alone, so not by SMTP; on a clock that is made up, nobody is unless it is set
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
	}
	if !o.Clock.Emulated || o.Tell != nil {
		s.telling.teller = tell.New(tell.Options{Transport: o.Tell, Clock: o.Clock, Mail: client.SendMail})
	}
	o.Log.InfoContext(ctx, "run started", "version", version.Version, "dry_run", req.DryRun, "steps", req.Steps, "force", req.Force, "clock", s.report.Clock)
	found := s.nothing()
	s.step(ctx, "discover", true, func(ctx context.Context) (errs []error) {
		found, errs = s.discover(ctx)
		return errs
	})
	if err := found.acceptable(); err != nil {
		return nil, err
	}
	s.begin(ctx)
	defer s.telling.started.Wait()
	found.lists = found.listTokens(ctx)
	defer found.lists.group.Wait() // it ends with the context
	defer cancel()
	found.steps(ctx)
	return s.report, nil
}

// steps does what there is to do about what was found. What a step needs, it takes
// from those before: each is a method of what it needs last, so that a wrong order
// does not compile. A step that was not asked for, or for which there is no time,
// gives what it was given.
func (s *discovered) steps(ctx context.Context) {
	rotated := perform(ctx, s.session, StepRotate, &rotated{s}, s.rotate)
	if s.req.Now { // whoever carries the key: it leaked, so that is not looked for before
		unsearched, unseen := &searched{rotated: rotated}, &checked{rotated: rotated}
		s.step(ctx, StepRetire, s.asked(StepRetire), func(ctx context.Context) []error { return unsearched.retire(ctx, unseen) })
	}
	carriers := rotated.search(ctx)
	s.step(ctx, StepDeliver, s.asked(StepDeliver), carriers.deliver)
	seen := perform(ctx, s.session, StepCheck, &checked{rotated: rotated}, rotated.check)
	purged := perform(ctx, s.session, StepPurge, &purged{checked: seen}, seen.purge)
	if !s.req.Now {
		s.step(ctx, StepRetire, s.asked(StepRetire), func(ctx context.Context) []error { return carriers.retire(ctx, purged.checked) })
	}
	all := &results{searched: carriers, seen: purged}
	all.observeProject() // before the last step, which tells of the run
	s.step(ctx, StepOwnKey, s.asked(StepOwnKey) && s.meansOwn(), all.rotateOwn)
	all.conclude()
	all.tell(ctx)
	s.ended(ctx)
}

// session is what a run is done with, and what grows while it lasts. Nothing in it
// depends on how far the run has come.
type session struct {
	cfg     config.Config
	req     Request
	log     *slog.Logger
	clock   clock.Clock
	start   time.Time
	client  *scaleway.Client
	prober  *probe.Prober
	journal *report.Journal
	report  *report.Report
	telling telling

	buriedKeys []ledger.Deleted // keys that were found gone, or deleted, in this run
}

// discovered is what was found, and what is to be done about it.
type discovered struct {
	*session

	world     *world
	endpoints []probe.Endpoint
	policy    rotate.Policy
	applier   *rotate.Applier
	lists     *tokenLists // of legacy tokens, still being read
}

// rotated is that each key that was due was replaced, or is not in this run: what
// consumers are to carry is known.
type rotated struct{ *discovered }

// searched is who carries which key.
type searched struct {
	*rotated

	consumers  *deliver.Delivery // nil: nobody was looked for
	delivering []*credential     // by index of the delivery's credentials
	illegible  []*credential     // that could not be read when the search began
	notBack    []error           // why some credentials do not go back
	unread     []error           // why some credentials' old keys are not known
}

// checked is whom the endpoints let in.
type checked struct {
	*rotated

	rows     []probe.Row // nil: none was asked
	checkers []probe.Key // that asked every endpoint
}

// purged is what was decided about legacy tokens, on what the check saw.
type purged struct {
	*checked

	decisions []purge.Decision // nil: the purge did not come to it
}

// results are what all steps came to, for the report.
type results struct {
	*searched

	seen *purged
}

// perform runs a step that gives something; undone is what there is without it.
func perform[T any](ctx context.Context, s *session, name string, undone T, do func(context.Context) (T, []error)) (done T) {
	done = undone
	s.step(ctx, name, s.asked(name), func(ctx context.Context) (errs []error) {
		done, errs = do(ctx)
		return errs
	})
	return done
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

// remaining is how much of the run's time is left, by our clock.
func (s *session) remaining() time.Duration {
	return s.cfg.Budget - config.Margin - s.clock.Now().Sub(s.start)
}

// nothing is what is known before anything was read.
func (s *session) nothing() *discovered {
	f := &discovered{session: s, world: &world{}}
	f.applier = &rotate.Applier{
		Client: s.client, Journal: s.journal, Clock: s.clock, Log: s.log,
		SecretPath: s.cfg.SecretPath, SecretRegion: s.cfg.SecretRegion,
		Window: s.cfg.VerifyWindow, Bound: s.cfg.VerifyBound, Tester: f.tester,
	}
	return f
}

// discover reads everything and makes the plans.
func (s *session) discover(ctx context.Context) (*discovered, []error) {
	f := s.nothing()
	d := &discovery{
		client: s.client, cfg: s.cfg, world: f.world,
		hosts: s.asked(StepCheck) || s.asked(StepPurge),
	}
	d.read(ctx)
	s.report.StartedAt = s.client.Now().Add(-s.clock.Now().Sub(s.start))
	f.endpoints = probe.Endpoints(f.world.resources, s.cfg.ProbePath, func(r scaleway.Resource) bool { return f.isOwn(r.Environment) })
	f.plan()
	f.observe()
	f.observeElsewhere()
	f.observeLeftAlone()
	f.observeExpiry()
	f.observeChecking()
	// They came in by chance: two runs that meet the same say the same.
	slices.SortStableFunc(f.world.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return f, append(f.world.errs, f.unsaid()...)
}

func (s *discovered) plan() {
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
			if d.ApplicationID == c.member.App.ID {
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
func (s *discovered) rotate(ctx context.Context) (*rotated, []error) {
	done := &rotated{s}
	if !s.world.attributable {
		return done, []error{errors.New("not done: it is not known whose keys are whose")}
	}
	var (
		errs []error
		due  []*credential
	)
	for _, c := range s.world.credentials { // the function's own key comes last
		switch name := "application " + c.member.App.Name; {
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
			s.leave("rotate the key of application " + c.member.App.Name)
		}
		return done, errs
	}
	for i, rotation := range s.applier.Rotate(ctx, s.longestFirst(due)) {
		c := due[i]
		c.rotation = rotation
		s.movedProject("application "+c.member.App.Name, rotation)
		switch {
		case rotation.NotTried: // one error, and a finding, say why
		case rotation.Err != nil:
			errs = append(errs, fmt.Errorf("application %s: not rotated: %w", c.member.App.Name, rotation.Err))
		case rotation.Overtaken:
			s.find(report.Note, "application "+c.member.App.Name, "another run published a key while this one verified its own", "")
		case !s.req.DryRun:
			c.before, c.pair = c.pair, &rotation.New
		}
	}
	s.crowded(due)
	return done, errs
}

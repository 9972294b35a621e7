package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	// pollEvery is how often a deployment is looked at.
	pollEvery = 5 * time.Second
	// settleAfter is how long a deployment may take to show as one: right after
	// a change, the status may still be that of before
	// (docs/scaleway.md, Deployments).
	settleAfter = 30 * time.Second
)

// Applier carries deliveries out. All fields must be set.
type Applier struct {
	Client  *scaleway.Client
	Journal *report.Journal
	Clock   clock.Clock
	Bound   time.Duration // that consumers have to become ready
	// NoteOld notes that consumers, so many, may carry an old key of a credential
	// until then. It comes before any consumer is changed: a run that ends halfway
	// must not leave a grace that counts from too early.
	NoteOld func(ctx context.Context, credential int, accessKey string, until time.Time, consumers int) error
	// NoteCurrent notes that so many consumers carry a credential's current key, or
	// are about to.
	NoteCurrent func(ctx context.Context, credential int, consumers int) error
}

// Send changes and restarts consumers. It waits until namespaces are ready, since
// what runs in them is redeployed with them, and comes after; for the rest,
// Await does. In a dry run it only notes the changes.
func (a *Applier) Send(ctx context.Context, d *Delivery) (*Sent, error) {
	var errs []error
	errs = append(errs, a.noteCurrent(ctx, d))
	for _, c := range d.Consumers { // what is being deployed goes on with its old keys until that is done
		if c.deploying && !c.changes() && c.redeploy == "" {
			errs = append(errs, a.noteOld(ctx, d, c, a.Client.Now().Add(FailedFor))) // as lasting has it
		}
	}
	until := a.Client.Now().Add(3 * a.Bound) // two rounds, and the time that sending takes
	namespaces, err := a.round(ctx, d, true, until)
	errs = append(errs, err, a.Await(ctx, d, namespaces))
	rest, err := a.round(ctx, d, false, until)
	return rest, errors.Join(append(errs, err)...)
}

// Sent is what was sent, and is being deployed.
type Sent struct{ deployments []*deployment }

// Await waits until what was sent is ready, within the bound.
func (a *Applier) Await(ctx context.Context, d *Delivery, sent *Sent) error {
	err := errors.Join(a.await(ctx, sent.deployments), a.lasting(ctx, d, sent.deployments))
	for _, s := range sent.deployments {
		if s.consumer.Result == Delivered || s.consumer.Result == Redeployed {
			d.settled[s.consumer.Env.ID] = true
		}
	}
	return err
}

// round sends what namespaces get, or else what runs in them.
func (a *Applier) round(ctx context.Context, d *Delivery, namespaces bool, until time.Time) (*Sent, error) {
	var (
		sent Sent
		errs []error
	)
	for _, c := range d.Consumers {
		if c.Env.OfNamespace() != namespaces || (!c.changes() && c.redeploy == "") {
			continue
		}
		deployment, err := a.send(ctx, d, c, until)
		if err != nil {
			c.refuse(err)
			errs = append(errs, err)
		} else if deployment != nil {
			sent.deployments = append(sent.deployments, deployment)
		}
	}
	return &sent, errors.Join(errs...)
}

// noteCurrent notes how many consumers carry each current key once all is delivered.
func (a *Applier) noteCurrent(ctx context.Context, d *Delivery) error {
	var errs []error
	for i, credential := range d.Credentials {
		n := 0
		for _, c := range d.Consumers {
			if slices.ContainsFunc(c.Uses, func(u Use) bool {
				_, plain := c.plain[u.Variable]
				_, secret := c.secrets[u.Variable]
				return u.Credential == i && (plain || secret || credential.current(u.AccessKey))
			}) {
				n++
			}
		}
		if n > 0 {
			errs = append(errs, a.NoteCurrent(ctx, i, n))
		}
	}
	return errors.Join(errs...)
}

// lasting notes that what failed, or is not ready in time and may fail yet, goes
// on with its old keys for as long as the revision before does. A later run
// counts the hours that are left from that.
func (a *Applier) lasting(ctx context.Context, d *Delivery, sent []*deployment) error {
	var errs []error
	for _, s := range sent {
		if s.consumer.unsettled && !s.consumer.failed {
			errs = append(errs, a.noteOld(ctx, d, s.consumer, a.Client.Now().Add(FailedFor)))
		}
	}
	return errors.Join(errs...)
}

// noteOld notes until when a consumer may carry its old keys.
func (a *Applier) noteOld(ctx context.Context, d *Delivery, c *Consumer, until time.Time) error {
	for _, key := range c.old {
		for _, i := range c.credentials() {
			if !d.Credentials[i].old(key) {
				continue
			}
			if err := a.NoteOld(ctx, i, key, until, len(d.Carriers(key))); err != nil {
				return err
			}
		}
	}
	return nil
}

// send makes one change. In a dry run it returns no deployment.
func (a *Applier) send(ctx context.Context, d *Delivery, c *Consumer, until time.Time) (*deployment, error) {
	if err := a.noteOld(ctx, d, c, until); err != nil {
		return nil, fmt.Errorf("%s: not delivered to: %w", c.Env, err)
	}
	var (
		now    = c.Env
		err    error
		change = report.Change{Kind: "redeploy", Object: c.Env.String(), Reason: c.redeploy}
		act    = func(ctx context.Context) error {
			now, err = a.Client.Redeploy(ctx, c.Env)
			return err
		}
	)
	if c.changes() {
		change.Kind, change.Reason = "update_environment", "it carries a superseded key"
		act = func(ctx context.Context) error {
			now, err = a.Client.ChangeEnvironment(ctx, c.Env, c.plain, c.secrets)
			return err
		}
	}
	if err := a.Journal.Do(ctx, change, act); err != nil {
		return nil, fmt.Errorf("%s: not delivered to: %w", c.Env, err)
	}
	if a.Journal.Dry() {
		c.announce()
		d.carries(c)
		d.Learned = d.Learned || c.changes()
		d.settled[c.Env.ID] = true
		return nil, nil //nolint:nilnil // nothing to wait for
	}
	sent := &deployment{consumer: c, now: now, since: now.UpdatedAt, lasts: c.unsettled || !c.failed}
	c.sent()
	d.carries(c)
	if c.changes() {
		d.learn(c, now)
	}
	return sent, nil
}

// carries notes that a consumer's environment holds the current key now.
func (d *Delivery) carries(c *Consumer) {
	for i := range c.Uses {
		u := &c.Uses[i]
		_, plain := c.plain[u.Variable]
		_, secret := c.secrets[u.Variable]
		if plain || secret {
			if u.Held == "" { // a second delivery of the same run knows it already
				u.Held = u.AccessKey
			}
			u.AccessKey = d.Credentials[u.Credential].Target.AccessKey
		}
	}
}

// deployment is one that is waited for.
type deployment struct {
	consumer *Consumer
	now      scaleway.Environment
	since    time.Time // its updated_at in the answer to the change
	seen     bool      // as changing, or changed
	over     bool
	lasts    bool // the revision before, if this one fails
	err      error
}

// await waits until each deployment has come to an end, for no longer than the
// bound.
func (a *Applier) await(ctx context.Context, all []*deployment) error {
	start := a.Clock.Now()
	for open := len(all); open > 0; {
		if err := a.Clock.Sleep(ctx, pollEvery); err != nil {
			break
		}
		waited := a.Clock.Now().Sub(start)
		open = 0
		for _, d := range all {
			if !d.over {
				a.look(ctx, d, waited)
			}
			if !d.over {
				open++
			}
		}
		if waited >= a.Bound {
			break
		}
	}
	var errs []error
	for _, d := range all {
		errs = append(errs, d.conclude())
	}
	return errors.Join(errs...)
}

func (a *Applier) look(ctx context.Context, d *deployment, waited time.Duration) {
	var now scaleway.Environment
	if now, d.err = a.Client.ReadEnvironment(ctx, d.consumer.Env); d.err != nil {
		d.over = errors.Is(d.err, scaleway.ErrNotFound) || errors.Is(d.err, scaleway.ErrForbidden)
		return
	}
	d.now = now
	d.seen = d.seen || now.State == scaleway.EnvChanging || now.UpdatedAt.After(d.since)
	d.over = now.State != scaleway.EnvChanging && (d.seen || waited >= settleAfter)
}

// conclude says what a deployment came to.
func (d *deployment) conclude() error {
	c := d.consumer
	c.Env = d.now
	switch {
	case errors.Is(d.err, scaleway.ErrNotFound):
		c.vanish()
		return nil
	case d.err != nil:
		c.unclear(report.Line(d.err.Error()))
		return fmt.Errorf("%s: it cannot be told whether it is ready: %w", c.Env, d.err)
	case !d.over:
		c.unclear("not ready in time; the next run looks again")
		return fmt.Errorf("%s: not ready in time, in status %s", c.Env, d.now.Status)
	case d.now.State == scaleway.EnvFailed:
		c.fail(d.now.Problem, d.lasts)
		before := fmt.Sprintf("goes on for %d hours, with the superseded key", c.HoursLeft)
		if c.HoursLeft == 0 {
			before = "has come to its end"
		}
		return fmt.Errorf("%s: %s; the revision before %s; mend it, the next run tries again", c.Env, c.Detail, before)
	}
	c.ready()
	return nil
}

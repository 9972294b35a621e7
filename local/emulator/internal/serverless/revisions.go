package serverless

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// How long the last revision that worked goes on when newer ones fail (A74).
const rollback = 24 * time.Hour

// revisions are the deployments of a function or container: the environment
// that its code sees is that of the moment at which its deployment began.
type revisions struct {
	begun    int       // deployments so far
	asked    time.Time // when the last began
	told     string    // the status just before that
	starting *revision // under way; nil: none is
	serving  *revision // nil: nothing runs
	before   *revision // what served last and does not any more
}

// revision is one deployment that serves, is to, or did.
type revision struct {
	env   []string  // NAME=VALUE, sorted
	until time.Time // when it ends, or ended; zero: for as long as nothing newer is ready
}

// start begins a deployment with the environment that the API now holds. One
// that was under way will never serve (A24).
func (c *call) start(w *Workload) {
	w.revisions.begun++
	w.revisions.asked, w.revisions.told = c.Now, w.status
	w.revisions.starting = &revision{env: w.Environment()}
}

// seeded makes what a seed has ready serve.
func (w *Workload) seeded() {
	if w.status == statusReady {
		w.revisions.serving = &revision{env: w.Environment()}
	}
}

// expire ends the revision that a failure has left to serve, once its time is
// over.
func (r *revisions) expire(now time.Time) {
	if s := r.serving; s != nil && !s.until.IsZero() && !now.Before(s.until) {
		r.before, r.serving = s, nil
	}
}

// done takes over how the deployment under way ended, and when.
func (r *revisions) done(ready bool, when time.Time) {
	next := r.starting
	r.starting = nil
	switch {
	case next == nil: // a move that is none of a deployment
	case !ready && r.serving == nil:
	case !ready && r.serving.until.IsZero():
		r.serving.until = when.Add(rollback)
	case !ready: // its time runs already
	case r.serving == nil:
		r.serving = next
	default:
		r.before, r.serving = r.serving, next
		r.before.until = when
	}
}

// settle makes the move of w that is due at now, and what follows for its
// revisions, each at its own time. gone tells that w does not exist any more.
func (w *Workload) settle(now time.Time) (gone bool) {
	due := w.ahead
	if due != nil && !now.Before(due.due) {
		w.revisions.expire(due.due)
	}
	done, gone := w.life.settle(now)
	if done && !gone {
		w.revisions.done(w.status == statusReady, due.due)
		if w.status == statusReady && w.readyAt.IsNull() {
			// A redeploy leaves it as it was: functions-deploy-twice.
			w.readyAt = wire.At(due.due)
		}
	}
	w.revisions.expire(now)
	return gone
}

// deploy starts a function's deployment, as PATCH and deploy both do.
func (c *call) deploy(w *Workload, builds bool) {
	w.function.build = time.Time{}
	if c.host != nil && w.function.hosted.archive != nil && !w.failing {
		c.launch(w)
		return
	}
	w.function.hosted.giveUp()
	c.start(w)
	next := move{due: c.Now.Add(c.Settings.Delays.Deploy), status: statusReady, stamp: wire.At}
	if !builds || w.failing {
		next.status, next.problem = statusError, "internal error"
	}
	w.begin(statusPending, next)
}

// shown is w's status as an answer tells it: for StatusLag after the call that
// began a deployment, a read may not know of it yet (A80).
func (c *call) shown(w *Workload) string {
	late := w.status == statusPending && c.Now.Sub(w.revisions.asked) < c.Settings.StatusLag
	if late && c.Request.Method == http.MethodGet {
		return w.revisions.told
	}
	return w.status
}

// deployed tells whether a deployment of w was ever asked for.
func (w *Workload) deployed() bool { return w.status != statusCreated && w.status != statusDeleting }

// runs returns the revision that serves; nil if nothing does.
func (w *Workload) runs() *revision {
	if w.status == statusDeleting {
		return nil
	}
	return w.revisions.serving
}

// redeployIn redeploys what is in a namespace whose variables have changed, if
// that is the answer to A77.
func (c *call) redeployIn(p *Product, n *Namespace, stamp func(time.Time) wire.Stamp) {
	if !c.Settings.Answers.NamespaceRedeploys {
		return
	}
	for _, w := range p.workloads.All(func(w *Workload) bool { return w.namespace == n && w.deployed() }) {
		w.updated = wire.At(c.Now)
		if w.function != nil {
			c.deploy(w, w.function.code == codeBuilds)
		} else {
			c.deployContainer(w, stamp)
		}
	}
}

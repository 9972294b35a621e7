package deliver

import (
	"slices"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Result is where a consumer stands. The plan, what is sent and what is waited for
// move it on, by the methods of this file alone:
//
//	plan                            send                        await
//	UpToDate ─┬─ nothing to do
//	          ├─ Behind
//	          ├─ Deploying, since before this run
//	          └─ to be changed ─────┬─ Planned, Restart: a dry run
//	                                ├─ Failed: not taken
//	                                └─ Deploying ───────────────┬─ Delivered, Redeployed
//	                                                            ├─ Deploying: not ready in time
//	                                                            └─ Failed
//
// Beside it stands whether the consumer is unsettled: whether it may still run with an
// old key, which then lives on.
type Result string

// Results.
const (
	UpToDate   Result = "up to date"    // carries the current key, as far as it carries one
	Delivered  Result = "delivered"     // was given the current key in this run, and is ready
	Planned    Result = "would deliver" // a dry run
	Redeployed Result = "redeployed"    // started anew, with what its environment held already
	Restart    Result = "would redeploy"
	Behind     Result = "behind"    // carries a superseded key, and is left so
	Deploying  Result = "deploying" // not ready in time
	Failed     Result = "failed"
)

// Consumer is one environment that carries a key, or one that runs with what
// its namespace carries.
type Consumer struct {
	Env  scaleway.Environment
	Uses []Use
	// BroughtBack are those of its uses that name a key which is gone: what it
	// carried when the run began.
	BroughtBack []Use
	Result      Result
	Detail      string
	// HoursLeft is how long the revision with the superseded key still goes on,
	// where a deployment failed; 0: does not apply.
	HoursLeft int

	untouched string // why it is not to be changed, or ""
	plain     map[string]string
	secrets   map[string]redact.Secret
	old       []string // access keys of living old keys that it carries, or may run with
	redeploy  string   // why it is to start anew, or ""
	inherits  []int    // credentials that its namespace carries
	deploying bool     // since before this run
	unsettled bool     // it may still run with an old key
	failed    bool     // its last deployment, before this run
}

func (c *Consumer) changes() bool { return len(c.plain)+len(c.secrets) > 0 }

// GoneKeys are the access keys of BroughtBack, each once.
func (c *Consumer) GoneKeys() []string {
	var keys []string
	for _, u := range c.BroughtBack {
		if !slices.Contains(keys, u.AccessKey) {
			keys = append(keys, u.AccessKey)
		}
	}
	return keys
}

// credentials are those that its code may run with.
func (c *Consumer) credentials() []int {
	out := slices.Clone(c.inherits)
	for _, u := range c.Uses {
		if !slices.Contains(out, u.Credential) {
			out = append(out, u.Credential)
		}
	}
	return out
}

// leave has a consumer as it is, with its old key.
func (c *Consumer) leave(why string) { c.Result, c.Detail = Behind, why }

// isDeploying says that something else deploys it: what that comes to, a later run sees.
func (c *Consumer) isDeploying() { c.Result, c.deploying, c.unsettled = Deploying, true, true }

// announce says what would be sent.
func (c *Consumer) announce() {
	c.Result, c.unsettled = Planned, false
	if !c.changes() {
		c.Result, c.Detail = Restart, c.redeploy
	}
}

// refuse says that what was sent was not taken, or may not have been.
func (c *Consumer) refuse(err error) {
	c.Result, c.Detail, c.unsettled = Failed, report.Line(err.Error()), true
}

// sent says that it was taken, and is being deployed.
func (c *Consumer) sent() { c.Result, c.unsettled = Deploying, true }

// unclear says that its deployment has not come to its end, for all that is known.
func (c *Consumer) unclear(detail string) { c.Result, c.Detail = Deploying, detail }

// vanish says that it is there no more.
func (c *Consumer) vanish() {
	c.Result, c.Detail, c.unsettled = Failed, "it was deleted meanwhile", false
}

// fail says that its deployment failed; lasts tells whether the revision before goes on.
func (c *Consumer) fail(problem string, lasts bool) {
	c.Result, c.Detail, c.unsettled = Failed, "its deployment failed: "+report.Line(problem), lasts
	if !c.failed { // else its hours count already
		c.HoursLeft = int(FailedFor.Hours())
	}
}

// ready says that it runs with what it was sent.
func (c *Consumer) ready() {
	c.Result, c.HoursLeft, c.unsettled = Delivered, 0, false
	if !c.changes() {
		c.Result, c.Detail = Redeployed, c.redeploy
	}
}

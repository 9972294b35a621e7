package deliver

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// FailedFor is how long the revision before a failed deployment goes on, and
// with it the key that it carries (docs/scaleway.md, Deployments).
const FailedFor = 24 * time.Hour

// Delivery is what is to be done, and then what was.
type Delivery struct {
	Environments []scaleway.Environment
	Credentials  []Credential
	Consumers    []*Consumer
	Found        Found
	Learned      bool  // something was delivered, and the ledger is to know
	blind        error // why consumers may have been missed, or nil
	own          func(scaleway.Environment) bool
	now          time.Time
	settled      map[string]bool // by ID: came to rest in this run, with what it has now
}

// Options say what a delivery may do.
type Options struct {
	// Untouched returns why an environment is not to be changed, or "".
	Untouched func(scaleway.Environment) string
	// Blind is why some environments are not known, or nil: then nobody can tell
	// that a key is not carried.
	Blind error
	Own   func(scaleway.Environment) bool // the function that is running
	Now   time.Time                       // the API's
}

// Plan decides what becomes of each consumer. It is a pure function of what was
// found.
func Plan(envs []scaleway.Environment, credentials []Credential, found Found, o Options) *Delivery {
	d := &Delivery{Environments: envs, Credentials: credentials, Found: found, blind: o.Blind, own: o.Own, now: o.Now, settled: map[string]bool{}}
	namespaces := map[string]*Consumer{} // those that carry something
	for i, e := range envs {
		if e.OfNamespace() && len(found.Uses[i]) > 0 {
			namespaces[e.ID] = &Consumer{Env: e, Uses: found.Uses[i], Result: UpToDate, untouched: o.Untouched(e)}
		}
	}
	for i, e := range envs {
		namespace := namespaces[e.NamespaceID]
		if e.OfNamespace() {
			if namespace != nil {
				d.Consumers = append(d.Consumers, namespace)
			}
			continue
		}
		c := &Consumer{Env: e, Uses: found.Uses[i], Result: UpToDate, untouched: o.Untouched(e)}
		if namespace != nil && e.State != scaleway.EnvIdle {
			c.inherits = namespace.credentials()
		}
		if len(c.credentials()) > 0 {
			d.Consumers = append(d.Consumers, c)
		}
	}
	for _, c := range d.Consumers {
		d.decide(c)
	}
	for _, c := range d.Consumers {
		d.restart(c, namespaces[c.Env.NamespaceID], o.Now)
	}
	return d
}

// decide fills in which variables change. An access key goes together with its
// secret key, which stands in a secret variable of the same environment, or of
// the namespace around it or the functions and containers in it: half a pair is
// worth less than an old one.
func (d *Delivery) decide(c *Consumer) {
	var stays []string
	for _, u := range c.Uses {
		credential := d.Credentials[u.Credential]
		if credential.current(u.AccessKey) {
			continue
		}
		if credential.old(u.AccessKey) {
			c.mayRunWith(u.AccessKey)
		}
		if credential.gone(u.AccessKey) {
			c.BroughtBack = append(c.BroughtBack, u)
		}
		why := ""
		switch {
		case c.untouched != "":
			why = c.untouched
		case credential.NoTarget != "":
			why = "it is given no other key: " + credential.NoTarget
		case u.holds == openSecret:
			why = "make it a secret variable"
		case u.holds == withinText:
			why = "set it by hand"
		case u.holds == accessKey && !d.paired(c, u):
			why = "no secret variable was found that holds its secret key: set both by hand"
		case u.holds == accessKey:
			c.plain = with(c.plain, u.Variable, credential.Target.AccessKey)
		default:
			c.secrets = with(c.secrets, u.Variable, u.form.text(credential.Target))
		}
		if why != "" {
			stays = append(stays, fmt.Sprintf("%s of %s in %s: %s", u.holds, u.AccessKey, u.Variable, why))
		}
	}
	if len(stays) > 0 {
		c.leave("carries " + strings.Join(stays, "; "))
	}
}

func (c *Consumer) mayRunWith(accessKey string) {
	if !slices.Contains(c.old, accessKey) {
		c.old = append(c.old, accessKey)
	}
}

func (d *Delivery) mayRunWithOld(c *Consumer, credentials []int) {
	for _, i := range credentials {
		for _, k := range d.Credentials[i].Old {
			c.mayRunWith(k.AccessKey)
		}
	}
}

func with[V any](m map[string]V, name string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[name] = value
	return m
}

// paired tells whether the secret key that an access key is used with gets the
// current one too.
func (d *Delivery) paired(c *Consumer, access Use) bool {
	secret := func(of *Consumer, hidden bool) bool {
		return slices.ContainsFunc(of.Uses, func(u Use) bool {
			return u.Credential == access.Credential && (hidden && u.hidden() || !hidden && u.holds == openSecret)
		})
	}
	switch {
	case secret(c, true):
		return true
	case secret(c, false), !d.Credentials[access.Credential].knows(access.AccessKey) && d.strange(c.Env): // that is it, or may be
		return false
	}
	return slices.ContainsFunc(d.Consumers, func(o *Consumer) bool {
		return o.Env.NamespaceID == c.Env.NamespaceID && o.Env.OfNamespace() != c.Env.OfNamespace() && secret(o, true)
	})
}

// strange tells whether an environment has variables that may hold any key.
func (d *Delivery) strange(e scaleway.Environment) bool {
	for i := range d.Environments {
		if d.Environments[i].ID == e.ID {
			return len(d.Found.Strangers[i])+len(d.Found.Refused[i]) > 0
		}
	}
	return false
}

// restart finds what has to start anew without a change of its own: what runs
// since before its namespace was changed, and what failed to start. Where no
// old key lives, there is no need.
func (d *Delivery) restart(c, namespace *Consumer, now time.Time) {
	var until time.Time
	old, sure := false, false
	for _, i := range c.credentials() {
		old = old || len(d.Credentials[i].Old)+len(d.Credentials[i].Deleted) > 0
		if d.Credentials[i].Until.After(until) {
			until = d.Credentials[i].Until
		}
	}
	if !old || c.Env.OfNamespace() || c.changes() {
		return
	}
	switch {
	case c.Env.State == scaleway.EnvFailed:
		c.failed, c.redeploy = true, "its last deployment failed"
		// A run that died may have noted when it began, and not how that ended.
		lasts := until.Add(FailedFor)
		if until.IsZero() { // its failure is none of a delivery's; from here on, it is noted
			until = c.Env.UpdatedAt.Add(FailedFor)
			lasts = until
			d.mayRunWithOld(c, c.credentials())
		}
		c.HoursLeft = int(max(0, until.Sub(now)).Hours())
		c.unsettled = now.Before(lasts)
	case namespace == nil || len(c.inherits) == 0:
	case namespace.changes():
		c.redeploy, c.unsettled = "its namespace gets the current key", true
		since := d.Found.Compared.Namespaces[namespace.Env.ID].At
		if c.Env.State == scaleway.EnvReady && !since.IsZero() && c.Env.UpdatedAt.After(since) { // it runs with what its namespace has
			for _, key := range namespace.old {
				c.mayRunWith(key)
			}
			sure = true
		}
	case c.Env.UpdatedAt.Before(d.Found.Compared.Namespaces[namespace.Env.ID].At): // it also moves when a deployment ends
		c.redeploy, c.unsettled = "it runs since before its namespace was changed", true
	}
	if c.unsettled && !c.failed && !sure {
		d.mayRunWithOld(c, c.inherits)
	}
	if c.Env.State == scaleway.EnvChanging {
		c.isDeploying()
		d.mayRunWithOld(c, c.credentials())
	}
	if c.redeploy != "" && c.untouched != "" {
		c.leave(c.redeploy + ": " + c.untouched)
		c.redeploy = ""
	}
}

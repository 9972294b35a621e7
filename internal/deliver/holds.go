package deliver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// HoldError is why a key must live on.
type HoldError struct {
	Key string
	Why string
	// Doubt tells that nobody is seen to carry the key, and that somebody may
	// all the same: Variables matched no known key. A person's word ends it.
	Doubt bool
	// Unknown tells that the run could not look everywhere, or had no time to.
	Unknown   bool
	Redeploy  bool     // what may run with it goes on so until a person redeploys it
	Variables []string // each with what has it
	cause     error
}

func (h *HoldError) Error() string { return "key " + h.Key + " is kept: " + h.Why }

// Unwrap gives the cause, if there is one.
func (h *HoldError) Unwrap() error { return h.cause }

// ErrNotLookedFor means that nobody knows who carries a key, since its
// credential was not part of the search.
var ErrNotLookedFor = errors.New("it was not looked for in any environment")

// IsCarried tells whether an environment holds a key as far as it was seen, or
// may, where not all was.
func (d *Delivery) IsCarried(key string) bool {
	return d.blind != nil || d.Found.Unsure[key] > 0 || len(d.Carriers(key)) > 0
}

// Carriers are the environments that hold a key.
func (d *Delivery) Carriers(key string) []*Consumer {
	var out []*Consumer
	for _, c := range d.Consumers {
		if slices.ContainsFunc(c.Uses, func(u Use) bool { return u.AccessKey == key }) {
			out = append(out, c)
		}
	}
	return out
}

// Holds returns why a key must live on, a *HoldError, or nil if nobody carries it, as
// was seen in this run or an earlier one.
func (d *Delivery) Holds(key string) error {
	if hold := d.hold(key); hold != nil {
		hold.Key = key
		return hold
	}
	return nil
}

func (d *Delivery) hold(key string) *HoldError {
	if d.blind != nil {
		return &HoldError{Why: "it cannot be told who carries it: " + d.blind.Error(), cause: d.blind, Unknown: true}
	}
	if n := d.Found.Unsure[key]; n > 0 {
		return &HoldError{Why: fmt.Sprintf("there was no time to compare it with %d variables; the next run goes on from there", n), Unknown: true}
	}
	credential := slices.IndexFunc(d.Credentials, func(c Credential) bool { return c.old(key) })
	if credential < 0 {
		return &HoldError{Why: ErrNotLookedFor.Error(), cause: ErrNotLookedFor, Unknown: true}
	}
	for _, c := range d.Carriers(key) {
		for _, u := range c.Uses {
			if u.AccessKey == key {
				return &HoldError{Why: fmt.Sprintf("%s carries it in %s", c.Env, u.Variable)}
			}
		}
	}
	for _, c := range d.Consumers {
		for _, i := range c.credentials() {
			if c.unsettled && d.Credentials[i].old(key) {
				return &HoldError{Why: fmt.Sprintf("%s may still run with it", c.Env)}
			}
		}
	}
	c := d.Credentials[credential]
	k := c.Old[slices.IndexFunc(c.Old, func(k scaleway.KeyPair) bool { return k.AccessKey == key })]
	if why := d.BeforeNow(k.APIKey); len(why) > 0 {
		return &HoldError{Why: why[0].Why, Redeploy: why[0].Redeploy}
	}
	return d.doubt(c, k)
}

// Past is why something may run with a key that its variables do not show.
type Past struct {
	Why      string
	Redeploy bool // it goes on so until a person redeploys it
}

// BeforeNow tells what may run with a key that its variables do not show any
// more: what is being deployed, or failed to be, goes on with what it had,
// and what was deployed before its namespace changed has the namespace's
// variables of then.
func (d *Delivery) BeforeNow(k scaleway.APIKey) (why []Past) {
	for _, e := range d.Environments {
		if e.OfNamespace() || e.State == scaleway.EnvIdle || d.own != nil && d.own(e) || ChangedBefore(e, k.CreatedAt, d.now) {
			continue
		}
		since, known := d.Found.Compared.Namespaces[e.NamespaceID]
		switch until := e.UpdatedAt.Add(FailedFor); {
		case d.settled[e.ID]: // in this run
		case e.State == scaleway.EnvChanging:
			why = append(why, Past{Why: fmt.Sprintf("%s is being deployed, and may run with it until that is done", e)})
		case e.State == scaleway.EnvFailed && d.now.Before(until):
			why = append(why, Past{Why: fmt.Sprintf("the last deployment of %s failed, and the revision before may run with it until %s", e, until.UTC().Format("2 January 15:04"))})
		case known && e.UpdatedAt.Before(since.At):
			why = append(why, Past{fmt.Sprintf("%s was deployed before its namespace was changed, and may run with it: redeploy it", e), true})
		}
	}
	return why
}

// Stranded is what runs with keys that its namespace carried before, and that are
// gone: nothing shows it but the ledger.
type Stranded struct {
	Env  scaleway.Environment
	Keys []string
}

// Stranded finds what was deployed before its namespace was changed, where none of
// the keys that the namespace carried then is one of lives.
func (d *Delivery) Stranded(lives func(accessKey string) bool) (out []Stranded) {
	for _, e := range d.Environments {
		since := d.Found.Compared.Namespaces[e.NamespaceID]
		before := strings.Fields(since.Before)
		if e.OfNamespace() || e.State == scaleway.EnvIdle || d.settled[e.ID] || len(before) == 0 || !e.UpdatedAt.Before(since.At) || slices.ContainsFunc(before, lives) {
			continue
		}
		out = append(out, Stranded{e, before})
	}
	return out
}

// doubt finds the variables that may hold a key for all that is known: of
// environments that changed since it was made, those that hold none of the known
// keys, where its secret is not known; and those that cannot be compared.
func (d *Delivery) doubt(c Credential, k scaleway.KeyPair) *HoldError {
	unknown := k.Secret.Empty() && !slices.Contains(c.Released, k.AccessKey)
	variables := d.unmatched(k, unknown)
	if len(variables) == 0 {
		return nil
	}
	why := "it cannot be compared with"
	if unknown {
		why = "its secret is not known, and no known key is in"
	}
	return &HoldError{Why: why + " " + listed(variables), Doubt: true, Variables: variables}
}

// Unmatched are the variables that may hold a key whose secret is not known, each
// with what has it.
func (d *Delivery) Unmatched(k scaleway.APIKey) []string {
	return d.unmatched(scaleway.KeyPair{APIKey: k}, true)
}

func (d *Delivery) unmatched(k scaleway.KeyPair, unknown bool) (variables []string) {
	for i, e := range d.Environments {
		if ChangedBefore(e, k.CreatedAt, d.now) {
			continue
		}
		names := slices.Clone(d.Found.Refused[i])
		if unknown && !d.Found.Cleared[k.AccessKey][i] {
			names = append(names, d.Found.Strangers[i]...)
		}
		if len(names) > 0 {
			slices.Sort(names)
			variables = append(variables, fmt.Sprintf("%s of %s", strings.Join(names, ", "), e))
		}
	}
	return variables
}

// listed writes a list down, or its beginning.
func listed(all []string) string {
	const most = 12
	if len(all) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(all[:most], "; "), len(all)-most)
	}
	return strings.Join(all, "; ")
}

// learn notes that an environment has become another by a delivery, where the
// answer shows that its other variables are what they were when it was compared.
func (d *Delivery) learn(c *Consumer, now scaleway.Environment) {
	d.Learned = true
	if c.Env.OfNamespace() {
		d.Found.Compared.Namespaces[now.ID] = d.Found.Compared.SinceOf(now)
	}
	before, whole := d.Found.Compared.Environments[ledger.PrintOf(c.Env)]
	if !whole || !sameBut(c.Env.Hashes, now.Hashes, c.secrets) || !sameBut(c.Env.Plain, now.Plain, c.plain) {
		return
	}
	uses := map[string]string{}
	maps.Copy(uses, before)
	for _, u := range c.Uses {
		if _, set := c.secrets[u.Variable]; set {
			uses[u.Variable] = u.written()
			d.Found.Compared.Owners[u.AccessKey] = d.Credentials[u.Credential].ID
		}
	}
	if without := d.Found.Compared.Without[ledger.PrintOf(c.Env)]; len(without) > 0 {
		d.Found.Compared.Without[ledger.PrintOf(now)] = without
	}
	delete(d.Found.Compared.Environments, ledger.PrintOf(c.Env))
	delete(d.Found.Compared.Without, ledger.PrintOf(c.Env))
	d.Found.Compared.Environments[ledger.PrintOf(now)] = uses
}

// sameBut tells whether variables are what they were, but for those that were set.
func sameBut[V any](was, is map[string]string, set map[string]V) bool {
	if len(was) != len(is) {
		return false
	}
	for name, value := range was {
		if _, changed := set[name]; !changed && is[name] != value {
			return false
		}
	}
	return true
}

package run

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// observeConsumers says what a person should know of who carries what.
func (s *searched) observeConsumers(d *deliver.Delivery) {
	for _, c := range d.Consumers {
		gone := c.GoneKeys()
		if c.Result == deliver.Behind && len(gone) == 0 {
			level, text := report.Warning, c.Detail
			if key := s.expiredIn(c); key != "" {
				level, text = report.Error, key+" has expired, so it is refused: it "+text
			}
			s.find(level, c.Env.String(), text, "give it the current key of its application, which is published in Secret Manager; the superseded key lives until then, or until it expires")
		}
		for _, key := range gone {
			s.broken(d, c, key)
		}
	}
	s.observeOrphaned(d)
	s.observeStranded(d)
	for _, text := range d.Found.Why {
		s.find(report.Warning, "consumers", "cannot be compared with the keys, which are kept for that: "+text, "report it: the API shows hashes of a new form")
	}
	if n := len(d.Found.Unsure); n > 0 {
		s.leave(fmt.Sprintf("compare %d keys with every variable; the next run goes on from there, and superseded keys are kept until that is done", n))
	}
	s.observeDoubts(d)
}

// observeOrphaned names what carries a key that is gone with its application, or is
// of one that is out of scope, or left alone: nothing is delivered for it, and only
// the ledger knows of it.
func (s *searched) observeOrphaned(d *deliver.Delivery) {
	if !s.world.attributable || s.narrowed() {
		return
	}
	for _, e := range d.Environments {
		uses := d.Found.Compared.Environments[ledger.PrintOf(e)]
		for _, variable := range slices.Sorted(maps.Keys(uses)) {
			access, _, _ := strings.Cut(uses[variable], "/")
			owner := s.world.memory.ledger.Compared.Owners[access]
			if owner == "" || slices.ContainsFunc(d.Credentials, func(c deliver.Credential) bool { return c.ID == owner }) {
				continue
			}
			name := "application " + owner
			if i := slices.IndexFunc(s.world.applications, func(a scaleway.Application) bool { return a.ID == owner }); i >= 0 {
				name = "application " + s.world.applications[i].Name
			} else {
				name += ", which is gone"
			}
			if s.world.alive(access) {
				s.find(report.Warning, e.String(), fmt.Sprintf("carries %s of %s in %s, and no run replaces it any more: what is said of that application tells why", access, name, variable),
					"see that the application may still call what this calls, and who replaces its key; or put the published key of another application there")
				continue
			}
			s.find(report.Error, e.String(), fmt.Sprintf("carries %s of %s in %s, which is gone, and no run replaces it: whoever calls with it is refused", access, name, variable),
				"put the published key of an application in scope there, or delete the variable")
		}
	}
}

// observeStranded names what goes on with variables that its namespace has no more,
// and that hold a key which is gone.
func (s *searched) observeStranded(d *deliver.Delivery) {
	if !s.world.attributable {
		return
	}
	for _, e := range d.Stranded(s.world.alive) {
		s.find(report.Error, e.Env.String(), fmt.Sprintf("was deployed before its namespace was changed, and runs with what that had then: %s, which is gone; whoever calls with it is refused", strings.Join(e.Keys, ", ")),
			"redeploy it")
	}
}

// expiredIn is a key that a consumer carries and that nobody can call with any
// more, or "".
func (s *searched) expiredIn(c *deliver.Consumer) string {
	for _, u := range c.Uses {
		if slices.ContainsFunc(s.world.keys, func(k scaleway.APIKey) bool { return k.AccessKey == u.AccessKey && k.Expired(s.world.now) }) {
			return u.AccessKey
		}
	}
	return ""
}

// broken says of a consumer that it carried a key which is gone, and why that may
// be: nobody can call with such a key.
func (s *searched) broken(d *deliver.Delivery, c *deliver.Consumer, key string) {
	var (
		level     = report.Warning
		when      = "which is gone"
		why, hint string
		in        []string
		name      string
		died      time.Time
	)
	for _, u := range c.BroughtBack {
		if u.AccessKey == key {
			in = append(in, u.Variable)
			name = d.Credentials[u.Credential].Name
			for _, gone := range d.Credentials[u.Credential].Deleted {
				if gone.AccessKey == key && !gone.At.IsZero() {
					died = gone.At
					when = "which was deleted on " + died.UTC().Format("2 January 2006")
				}
			}
		}
	}
	const pipeline = "have whatever sets this variable read the key from Secret Manager, or leave the variable alone"
	switch {
	case slices.Contains(s.req.Revoke, key):
		level, when, why = report.Error, "which this run deleted", "its calls are refused until it has the current key"
		hint = "see that its deployment comes to its end"
	case died.IsZero(): // no run deleted it
		why = "somebody deleted it, or it expired, while this carried it; or something else deploys an old value"
		hint = "ask for {\"revoke\": [\"SCW…\"]} instead of deleting a key that something carries; " + pipeline
	case deliver.ChangedBefore(c.Env, died, s.world.now):
		why = "it had expired, or was deleted by a person's word, while this carried it"
		hint = "see that it gets the current key before the one that it carries dies"
	default:
		why = "something else deploys an old value, a pipeline or Terraform perhaps"
		hint = pipeline
	}
	if c.Result == deliver.Behind {
		level = report.Error
		why += "; it is refused, and left so: " + c.Detail
		give := "give it the current key of " + name + ", which is published in Secret Manager"
		if slices.Contains(s.req.Revoke, key) { // nothing is on its way to it
			hint = give
		} else {
			hint = give + "; " + hint
		}
	}
	s.find(level, c.Env.String(), fmt.Sprintf("carried %s of application %s in %s, %s: %s", key, name, strings.Join(in, ", "), when, why), hint)
}

// observeDoubts names the keys that live on because nobody can tell who carries
// them.
func (s *searched) observeDoubts(d *deliver.Delivery) {
	for at, c := range s.delivering {
		for i := range c.plan.Keys {
			k := &c.plan.Keys[i]
			superseded := k.State == rotate.Superseded || (k.State == rotate.Unpublished && c.rotation != nil && c.rotation.Err == nil)
			var hold *deliver.HoldError
			if k.Revoke && s.req.Now && !d.Credentials[at].Lives(k.Key.AccessKey) {
				s.brokenNow(d, c, *k)
			}
			if !superseded || k.Revoke || !errors.As(d.Holds(k.Key.AccessKey), &hold) || !hold.Doubt && !hold.Redeploy {
				continue
			}
			text := "is kept: " + hold.Why
			if n := k.Carriers(); n > 0 {
				text += fmt.Sprintf("; %d consumers carried it once", n)
			}
			if at := k.Key.ExpiresAt; !at.IsZero() {
				text += "; it expires on " + at.UTC().Format("2 January 2006") + " all the same"
			}
			if hold.Redeploy {
				s.find(report.Warning, "key "+k.Key.AccessKey+" of application "+c.member.App.Name, text, "redeploy what may run with it, and see that it has the current key")
				continue
			}
			s.find(report.Warning, "key "+k.Key.AccessKey+" of application "+c.member.App.Name, text,
				fmt.Sprintf(`put the published key of %s (%s) into those variables that carry it; then, or if none does, ask for {"revoke": ["%s"]}`,
					c.member.App.Name, s.secretName(c), k.Key.AccessKey))
		}
	}
}

// brokenNow names what may have had a key that died before anybody looked, beside
// what was found to carry it.
func (s *searched) brokenNow(d *deliver.Delivery, c *credential, k rotate.KeyPlan) {
	if slices.Contains(c.gave, k.Key.AccessKey) {
		s.mayBreak(c, k, d.Unmatched(k.Key))
	}
	for _, past := range d.BeforeNow(k.Key) {
		s.find(report.Warning, "key "+k.Key.AccessKey+" of application "+c.member.App.Name, "is revoked by a person's word, and something may go on with it, and be refused: "+past.Why,
			"see that it is deployed with the published key")
	}
}

// mayBreak names what may hold a key that goes by a person's word, and that cannot
// be compared with anything: a person should not learn of it from whoever breaks.
func (s *searched) mayBreak(c *credential, k rotate.KeyPlan, variables []string) {
	if len(variables) == 0 {
		return
	}
	s.find(report.Warning, "key "+k.Key.AccessKey+" of application "+c.member.App.Name,
		"is revoked by a person's word, and what carries it cannot be told: whatever of these held it is refused from now on: "+strings.Join(variables, "; "),
		fmt.Sprintf("put the published key of %s (%s) into those that did", c.member.App.Name, s.secretName(c)))
}

func (s *discovered) secretName(c *credential) string {
	if c.rotation != nil && c.rotation.Secret.Name != "" {
		return c.rotation.Secret.FullName()
	}
	return c.state.Secret.FullName()
}

// carriers is who carries a key, for the report.
func (s *results) carriers() []report.Consumer {
	out := []report.Consumer{}
	if s.consumers == nil {
		return out
	}
	for _, c := range s.consumers.Consumers {
		kind := c.Env.Product.One()
		if c.Env.OfNamespace() {
			kind += " namespace"
		}
		line := report.Consumer{
			Kind: kind, ID: c.Env.ID, Name: c.Env.Name, Namespace: s.namespace(c.Env), Region: c.Env.Region, Variables: []report.Variable{},
			Result: string(c.Result), Detail: report.Line(c.Detail), HoursLeft: c.HoursLeft,
		}
		for _, u := range c.Uses {
			line.Variables = append(line.Variables, report.Variable{
				Name: u.Variable, Application: s.consumers.Credentials[u.Credential].Name, AccessKey: u.AccessKey, Held: cmp.Or(u.Held, u.AccessKey),
			})
		}
		out = append(out, line)
	}
	return out
}

// elsewhereOf says where else an application's keys were published.
func (s *discovered) observeElsewhere() {
	for _, c := range s.world.credentials {
		name := "application " + c.member.App.Name
		for _, e := range c.placed {
			s.find(report.Warning, name, fmt.Sprintf("has a secret at %s in %s too, where keys were published before: who reads them there gets no new one, and the keys that it holds are kept as long as it is there",
				e.secret.FullName(), e.secret.Region),
				fmt.Sprintf("set ROTATOR_SECRET_PATH and ROTATOR_SECRET_REGION back to %s and %s; or have everybody read %s in %s, and delete the other", e.secret.Path, e.secret.Region, s.cfg.SecretPath, s.cfg.SecretRegion))
		}
		if c.lost == "" {
			continue
		}
		hint := "see that everybody reads the new one, or carries its key"
		if c.lostUntil != (time.Time{}) {
			hint = "restore it until " + c.lostUntil.UTC().Format("2 January 2006") + ", if it was deleted by mistake; or " + hint
		}
		s.find(report.Warning, name, c.lost, hint)
	}
}

// whyKept says why a superseded key outlives its grace, or "".
func (s *results) whyKept(accessKey string) string {
	if s.consumers == nil {
		return ""
	}
	err := s.consumers.Holds(accessKey)
	if err == nil || errors.Is(err, deliver.ErrNotLookedFor) {
		return ""
	}
	return report.Line(strings.TrimPrefix(err.Error(), "key "+accessKey+" is "))
}

// livesOn says why a superseded key outlives its grace, for readers at another place
// or of another application's secret, or for what carries it; or is "".
func (s *results) livesOn(c *credential, accessKey string) string {
	where, _ := c.publishedElsewhere(accessKey)
	for _, other := range s.world.credentials {
		if v := other.state.Published(); other != c && v != nil && rotate.VersionKey(v.Description) == accessKey {
			where = other.state.Secret.FullName()
		}
	}
	if where != "" {
		return "kept: readers of " + where + " may get it"
	}
	return s.whyKept(accessKey)
}

// publishedElsewhere names the place at which readers get a key that is not
// where this run publishes, or is "". A version that somebody else wrote there may
// hold any: sure tells that it is this one.
func (c *credential) publishedElsewhere(accessKey string) (where string, sure bool) {
	for _, e := range c.placed {
		for _, v := range e.versions {
			switch named := rotate.VersionKey(v.Description); {
			case !v.Enabled:
			case named == accessKey:
				return e.secret.FullName() + " in " + e.secret.Region, true
			case named == "":
				where = e.secret.FullName() + " in " + e.secret.Region
			}
		}
	}
	return where, false
}

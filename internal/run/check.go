package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// freshFor is the age up to which a key may be unknown to some cache of IAM's
// (docs/scaleway.md, Eventual consistency).
const freshFor = 5 * time.Minute

// key is a credential as endpoints are tried with it; ok is false where there
// is none, or it may do more than call private endpoints.
func (s *discovered) key(c *credential, pair *scaleway.KeyPair) (k probe.Key, ok bool) {
	if pair == nil || !c.member.Only || len(c.member.Products) == 0 {
		return probe.Key{}, false
	}
	created := c.rotation != nil
	for _, known := range c.state.Keys {
		created = created || (known.AccessKey == pair.AccessKey && s.client.Now().Sub(known.CreatedAt) < freshFor)
	}
	return probe.Key{
		ApplicationID: c.member.App.ID, Application: c.member.App.Name,
		Pair: *pair, Products: c.member.Products, Fresh: created,
	}, true
}

// keys are all credentials that endpoints may be tried with: the checking keys
// ask every endpoint of their products, each other one endpoint of each product.
func (s *discovered) keys() []probe.Key {
	keys := s.checking()
	for _, c := range s.world.credentials {
		k, ok := s.usable(c)
		k.Products = slices.DeleteFunc(slices.Clone(k.Products), func(p scaleway.Product) bool {
			return slices.ContainsFunc(keys, func(other probe.Key) bool {
				return !other.Once && other.ApplicationID == k.ApplicationID && slices.Contains(other.Products, p)
			})
		})
		if k.Once = true; ok && len(k.Products) > 0 {
			keys = append(keys, k)
		}
	}
	return keys
}

// usable is the key of a credential that endpoints may be tried with. One that
// is gone, or expired, opens nothing: a real run has replaced it by then, and a
// dry run must not take its refusals for what that run will see.
func (s *discovered) usable(c *credential) (probe.Key, bool) {
	k, ok := s.key(c, c.pair)
	return k, ok && c.broken == nil && c.plan.LeftAlone == "" && s.lives(c, c.pair.AccessKey)
}

// lives tells whether a key is there for all that is known, and not expired.
func (s *discovered) lives(c *credential, accessKey string) bool {
	return accessKey == c.newestMade() || slices.ContainsFunc(c.state.Keys, func(k scaleway.APIKey) bool {
		return k.AccessKey == accessKey && !k.Expired(s.client.Now())
	})
}

// checking are the keys that ask every endpoint: one for both products, where an
// application may call both. It is that of ROTATOR_PROBE_APPLICATION, or else of
// the application in scope that had a published key before this run, may call the
// most, and has the lowest ID: the same in each run.
func (s *discovered) checking() (keys []probe.Key) {
	had := func(c *credential) bool {
		return c.before != nil || c.pair != nil && (c.rotation == nil || c.pair != &c.rotation.New)
	}
	var candidates []*credential
	for _, c := range s.world.credentials {
		_, ok := s.usable(c)
		if named := s.cfg.ProbeApplication; ok && (named == "" || named == c.member.App.ID) {
			candidates = append(candidates, c)
		}
	}
	slices.SortFunc(candidates, func(a, b *credential) int {
		switch {
		case had(a) != had(b) && had(a):
			return -1
		case had(a) != had(b):
			return 1
		}
		return cmp.Or(len(b.member.Products)-len(a.member.Products), strings.Compare(a.member.App.ID, b.member.App.ID))
	})
	var covered []scaleway.Product
	for _, c := range candidates {
		k, _ := s.usable(c)
		k.Products = slices.DeleteFunc(slices.Clone(k.Products), func(p scaleway.Product) bool { return slices.Contains(covered, p) })
		if covered = append(covered, k.Products...); len(k.Products) > 0 {
			keys = append(keys, k)
		}
	}
	return keys
}

// observeChecking says why the application that was made for checking cannot be
// used for it. No other takes its place: whoever names one does not want the keys
// of others to be shown around.
func (s *discovered) observeChecking() {
	id := s.cfg.ProbeApplication
	if id == "" || !s.asked(StepCheck) && !s.asked(StepPurge) {
		return
	}
	subject, hint := "application "+id, "ROTATOR_PROBE_APPLICATION takes the ID of an application that may call private endpoints of this project and nothing else"
	for _, c := range s.world.credentials {
		switch {
		case c.member.App.ID != id:
		case !c.member.Only:
			s.find(report.Error, subject, c.member.App.Name+" is to check endpoints, and may do more than call them: its key is shown to none", hint)
			return
		default:
			return
		}
	}
	for _, m := range s.world.members {
		if m.App.ID == id {
			s.find(report.Error, subject, m.App.Name+" is to check endpoints, and is not in scope: "+m.Reason, hint)
			return
		}
	}
	if s.world.attributable { // else nobody knows which there are, and the step says so
		s.find(report.Error, subject, "is to check endpoints, and is not there", hint)
	}
}

// tester says where a new key is tried: on an endpoint that its application may
// call and that a credential opens, else by a call to the API.
func (s *discovered) tester(ctx context.Context, state rotate.State, pair scaleway.KeyPair) (rotate.Try, string) {
	for _, c := range s.world.credentials {
		if c.member.App.ID != state.Application.ID {
			continue
		}
		k, ok := s.key(c, &pair)
		if !ok {
			break
		}
		known := s.checking()
		if present, ok := s.key(c, c.pair); ok {
			known = append(known, present)
		}
		if e, found := s.prober.Witness(ctx, s.endpoints, known, k); found {
			return func(ctx context.Context) (bool, error) { return verdict(s.prober.Try(ctx, e, k)) }, e.URL
		}
	}
	return func(ctx context.Context) (bool, error) { return s.client.Authenticates(ctx, pair) }, "the API"
}

func verdict(a probe.Answer) (bool, error) {
	switch a.Verdict {
	case probe.Accepted:
		return true, nil
	case probe.Refused:
		return false, nil
	default:
		return false, errors.New("the endpoint gave no clear answer: " + a.String())
	}
}

// checkShare is the part of a run's time that endpoints may take, and restShare
// the part of what is left of it, if that is less: slow ones must not keep the
// rest of the run from happening.
const (
	checkShare = 3
	restShare  = 2
)

// askEndpoints asks endpoints whom they let in, for as long as their share of the
// time lasts. What there was no time for is left, and not passed.
func (s *rotated) askEndpoints(ctx context.Context, endpoints []probe.Endpoint) *checked {
	ctx, cancel := clock.WithTimeout(ctx, s.clock, min(s.cfg.Budget/checkShare, s.remaining()/restShare))
	defer cancel()
	seen := &checked{rotated: s, checkers: s.checking(), rows: s.prober.Check(ctx, tokensFirst(endpoints, s.lists), s.keys())}
	seen.inOrder(endpoints)
	seen.lookAgain(ctx)
	for i := range seen.rows {
		if seen.rows[i].OutOfTime() {
			s.leave("check " + seen.rows[i].Endpoint.URL)
		}
	}
	for _, c := range s.world.credentials {
		c.works = nil // what the endpoints say of a key counts, whatever the API said before
	}
	return seen
}

// check asks every private endpoint whom it lets in.
func (s *rotated) check(ctx context.Context) (*checked, []error) {
	seen := s.askEndpoints(ctx, s.endpoints)
	var (
		errs  []error
		plain []string
	)
	for i := range seen.rows {
		if err := seen.judge(&seen.rows[i]); err != nil {
			errs = append(errs, err)
		}
	}
	for _, r := range s.world.resources {
		if r.Private && r.PlainHTTP {
			plain = append(plain, r.Product.One()+" "+r.Name)
		}
	}
	if len(plain) > 0 {
		s.find(report.Warning, strings.Join(plain, ", "), "private, but served over plain HTTP too: a key sent to http:// travels in clear",
			"set httpOption: redirected (functions) or https_connections_only (containers)")
	}
	return seen, errs
}

// judge reports what a row comes to.
func (s *checked) judge(row *probe.Row) error {
	r := row.Endpoint.Resource
	where := row.Endpoint.URL
	switch row.Result {
	case probe.Open:
		s.find(report.Error, where, "is private, and "+row.Detail, "look at its privacy setting and redeploy it")
	case probe.Locked:
		s.find(report.Error, where, row.Detail, "mend the policy: it must grant "+r.Product.PrivateAccess()+" on this project; a policy changed minutes ago counts from the next run on")
	case probe.Doubtful, probe.Unclear:
		if r.Status == deleting || r.Status == gone {
			s.find(report.Note, where, "its "+r.Product.One()+" is being deleted, or was: "+row.Detail, "")
			return nil
		}
		if !r.Ready {
			s.find(report.Warning, where, fmt.Sprintf("its %s is in status %s: %s", r.Product.One(), r.Status, row.Detail), "mend its deployment, or delete it")
			return nil
		}
		s.find(report.Error, where, row.Detail, "see whether its "+r.Product.One()+" is well; the next run asks again")
	case probe.Unproven:
		if s.expected(r) {
			row.Detail = "a run would publish a key to try first"
			return nil
		}
		s.find(report.Warning, where, row.Detail, "grant "+r.Product.PrivateAccess()+" on this project to the application that calls it")
		return nil
	case probe.OK, probe.Own, probe.Disabled:
		return nil
	}
	return fmt.Errorf("%s: %s", where, row.Result)
}

// expected tells whether a dry run would publish a key that could be tried
// there.
func (s *discovered) expected(r scaleway.Resource) bool {
	return s.req.DryRun && slices.ContainsFunc(s.world.credentials, func(c *credential) bool {
		named := s.cfg.ProbeApplication
		return (named == "" || named == c.member.App.ID) && c.rotation != nil && c.member.Only && slices.Contains(c.member.Products, r.Product)
	})
}

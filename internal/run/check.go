package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// freshFor is the age up to which a key may be unknown to some cache of IAM's
// (FACTS section 2: the vendor retries for up to two minutes).
const freshFor = 5 * time.Minute

// key is a credential as endpoints are tried with it; ok is false where there
// is none, or it may do more than call private endpoints.
func (s *session) key(c *credential, pair *scaleway.KeyPair) (k probe.Key, ok bool) {
	if pair == nil || !c.member.only || len(c.member.products) == 0 {
		return probe.Key{}, false
	}
	created := c.rotation != nil
	for _, known := range c.state.Keys {
		created = created || (known.AccessKey == pair.AccessKey && s.client.Now().Sub(known.CreatedAt) < freshFor)
	}
	return probe.Key{
		ApplicationID: c.member.app.ID, Application: c.member.app.Name,
		Pair: *pair, Products: c.member.products, Fresh: created,
	}, true
}

// keys are all credentials that endpoints may be tried with.
func (s *session) keys() []probe.Key {
	var keys []probe.Key
	for _, c := range s.world.credentials {
		if k, ok := s.key(c, c.pair); ok && c.broken == nil && c.plan.LeftAlone == "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// tester says where a new key is tried: on an endpoint that its application may
// call and that a credential opens, else by a call to the API.
func (s *session) tester(ctx context.Context, state rotate.State, pair scaleway.KeyPair) (rotate.Try, string) {
	all := s.world.all()
	c := all[slices.IndexFunc(all, func(c *credential) bool { return c.member.app.ID == state.Application.ID })]
	if k, ok := s.key(c, &pair); ok {
		known := s.keys()
		if present, ok := s.key(c, c.pair); ok {
			known = append([]probe.Key{present}, known...)
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

// askEndpoints asks endpoints whom they let in.
func (s *session) askEndpoints(ctx context.Context, endpoints []probe.Endpoint) {
	s.rows = s.prober.Check(ctx, endpoints, s.keys())
}

// check asks every private endpoint whom it lets in.
func (s *session) check(ctx context.Context) []error {
	s.askEndpoints(ctx, s.endpoints)
	var (
		errs  []error
		plain []string
	)
	for i := range s.rows {
		if err := s.judge(&s.rows[i]); err != nil {
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
	return errs
}

// judge reports what a row comes to.
func (s *session) judge(row *probe.Row) error {
	r := row.Endpoint.Resource
	where := row.Endpoint.URL
	switch row.Result {
	case probe.Open:
		s.find(report.Error, where, "is private, and "+row.Detail, "look at its privacy setting and redeploy it")
	case probe.Locked:
		s.find(report.Error, where, row.Detail, "mend the policy: it must grant "+r.Product.PrivateAccess()+" on this project; a policy changed minutes ago counts from the next run on")
	case probe.Doubtful, probe.Unclear:
		if r.Status == "deleting" {
			s.find(report.Note, where, "its "+r.Product.One()+" is being deleted: "+row.Detail, "")
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
func (s *session) expected(r scaleway.Resource) bool {
	return s.req.DryRun && slices.ContainsFunc(s.world.credentials, func(c *credential) bool {
		return c.rotation != nil && c.member.only && slices.Contains(c.member.products, r.Product)
	})
}

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scope"
)

// discovery reads everything that a run decides upon. Independent reads go out
// together; how many at a time is the client's business.
type discovery struct {
	client *scaleway.Client
	cfg    config.Config
	hosts  bool // custom domains are asked for
	world  *world
}

// read fills the world. It returns no error: each failure is noted where it
// happened and stops nothing else.
func (d *discovery) read(ctx context.Context) {
	var (
		all      safe.Group
		policies []scaleway.Principal
		groups   []scaleway.Group
		users    []scaleway.User
		secrets  []scaleway.Secret
		iamErrs  [4]error
		secErr   error
		w        = d.world
	)
	w.readAt = d.client.Now()
	all.Go(func() { w.keys, iamErrs[0] = d.client.APIKeys(ctx) })
	all.Go(func() { w.applications, iamErrs[1] = d.client.Applications(ctx) })
	all.Go(func() { policies, iamErrs[2] = d.client.Policies(ctx) })
	all.Go(func() { groups, iamErrs[3] = d.client.Groups(ctx) })
	all.Go(func() {
		var err error
		if users, err = d.client.Users(ctx); err != nil { // nothing is decided by them
			w.failed(err)
		}
	})
	all.Go(func() {
		var err error
		w.lifetimeCap, err = d.client.KeyLifetimeCap(ctx)
		switch {
		case errors.Is(err, scaleway.ErrForbidden), errors.Is(err, scaleway.ErrNotFound):
			w.capUnknown = err // nobody has seen which set this call needs (A08)
		case err != nil:
			w.failed(err)
		}
	})
	all.Go(func() { secrets, secErr = d.client.Secrets(ctx, d.cfg.SecretRegion, d.cfg.SecretPath) })
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		for _, region := range d.client.Regions(p) {
			if len(d.cfg.Regions) > 0 && !slices.Contains(d.cfg.Regions, region) {
				all.Go(func() { d.leftOut(ctx, p, region) })
				continue
			}
			if !slices.Contains(w.regions, region) {
				w.regions = append(w.regions, region)
			}
			all.Go(func() { d.region(ctx, p, region) })
		}
	}
	all.Wait() // each failure is in the world
	w.forget()
	w.sort()
	w.now = d.client.Now()
	if err := errors.Join(append(iamErrs[:], secErr)...); err != nil {
		w.failed(err)
		return
	}
	w.secrets = secrets
	d.readLedger(ctx, secrets)
	d.iam(ctx, &scope.Facts{
		Applications: w.applications, Users: users, Policies: policies, Groups: groups, Rules: map[string][]scaleway.Grant{},
		Listed: d.cfg.Applications, Project: d.cfg.ProjectID,
	}, secrets)
}

// iam finds who is in scope, and their credentials.
func (d *discovery) iam(ctx context.Context, s *scope.Facts, secrets []scaleway.Secret) {
	w := d.world
	for i := range w.keys {
		if w.keys[i].AccessKey == d.cfg.AccessKey {
			w.ownKey = &w.keys[i]
			s.OwnID = w.keys[i].ApplicationID
		}
	}
	if w.ownKey != nil && w.ownKey.ApplicationID == "" && w.ownKey.UserID == "" {
		w.failed(fmt.Errorf("the function's own key %s is said to be nobody's", d.cfg.AccessKey))
		return
	}
	if w.ownKey == nil {
		w.failed(fmt.Errorf("the function's own key %s is not among the organization's API keys: is ROTATOR_ORGANIZATION_ID right?", d.cfg.AccessKey))
		return
	}
	for _, id := range d.cfg.Applications {
		if !slices.ContainsFunc(w.applications, func(a scaleway.Application) bool { return a.ID == id }) {
			w.failed(fmt.Errorf("ROTATOR_APPLICATIONS lists %s, which is not an application of the organization", id))
		}
	}
	var all safe.Group
	for _, p := range s.Relevant() {
		if p.Unknown {
			w.nobodys = append(w.nobodys, p.PolicyName)
		}
		all.Go(func() {
			rules, err := d.client.Rules(ctx, p)
			if err != nil {
				w.failed(err)
				return
			}
			w.add(func() { s.Rules[p.PolicyID] = rules })
		})
	}
	all.Wait() // each failure is in the world
	if grants, _, complete := s.Grants(s.OwnID); complete && s.OwnID != "" {
		d.client.KeysWithin(scaleway.KeyWindow(grants))
	}
	w.members, w.callers = s.Members(), s.Callers()
	w.attributable = true
	for _, m := range w.members {
		if m.In {
			c := &credential{member: m, state: rotate.State{Application: m.App}}
			w.credentials = append(w.credentials, c)
			all.Go(func() { d.credential(ctx, c, secrets) })
		}
	}
	all.Go(func() { d.readOwn(ctx, s.OwnID, secrets) })
	all.Wait()
}

// credential reads where one application stands.
func (d *discovery) credential(ctx context.Context, c *credential, secrets []scaleway.Secret) {
	for _, k := range d.world.keys {
		if k.ApplicationID == c.member.App.ID {
			c.state.Keys = append(c.state.Keys, k)
		}
	}
	for _, s := range secrets {
		if s.Name == c.member.App.ID {
			c.state.Secret = s
		}
	}
	if c.state.Secret.ID != "" {
		if c.state.Versions, c.broken = d.client.Versions(ctx, c.state.Secret); c.broken == nil {
			c.broken = d.doubt(ctx, c)
		}
	}
	if c.broken == nil {
		c.broken = d.elsewhere(ctx, c)
	}
	if c.broken == nil {
		c.broken = c.state.Implausible(d.world.now)
	}
}

// region finds one product's namespaces, resources, domains and tokens in one
// region.
func (d *discovery) region(ctx context.Context, p scaleway.Product, region string) {
	w := d.world
	namespaces, err := d.client.Namespaces(ctx, p, region)
	if err != nil {
		w.failed(err)
		w.add(func() { w.blind = err })
		return
	}
	if len(namespaces) == 0 {
		return // and so there are no resources
	}
	w.add(func() { w.namespaces = append(w.namespaces, namespaces...) })
	resources, err := d.client.Resources(ctx, p, region, namespaces)
	if err != nil { // what their namespaces' tokens open is not known, and so not checked
		w.failed(err)
		w.add(func() { w.blind = err })
		return
	}
	d.domains(ctx, p, region, resources) // each failure is in the world
	w.add(func() {
		w.resources = append(w.resources, resources...)
		for _, n := range namespaces {
			w.scopes = append(w.scopes, scaleway.Scope{Product: p, Region: region, Namespace: n, Name: n.Name})
		}
		for i := range resources {
			w.scopes = append(w.scopes, scopeOf(resources[i]))
		}
	})
}

// leftOut reads the environments of a region that is left out: a key that
// something carries there must not die any more than elsewhere.
func (d *discovery) leftOut(ctx context.Context, p scaleway.Product, region string) {
	var resources []scaleway.Resource
	namespaces, err := d.client.Namespaces(ctx, p, region)
	if err == nil && len(namespaces) > 0 {
		resources, err = d.client.Resources(ctx, p, region, namespaces)
	}
	if err != nil {
		d.world.add(func() {
			d.world.blind = fmt.Errorf("ROTATOR_REGIONS leaves out %s, and what runs there cannot be read: %w", region, err)
		})
		return
	}
	d.world.add(func() {
		for _, n := range namespaces {
			d.world.leftOut = append(d.world.leftOut, *n.Environment)
		}
		for i := range resources {
			d.world.leftOut = append(d.world.leftOut, resources[i].Environment)
		}
	})
}

// domains finds the custom domains of the private resources: those of
// containers in one list, those of functions one by one.
func (d *discovery) domains(ctx context.Context, p scaleway.Product, region string, resources []scaleway.Resource) {
	private := slices.ContainsFunc(resources, func(r scaleway.Resource) bool { return r.Private })
	if !d.hosts || !private {
		return
	}
	if p == scaleway.Containers {
		domains, err := d.client.ContainerDomains(ctx, region)
		if err != nil {
			d.world.failed(err)
			d.world.add(func() {
				for _, r := range resources {
					if r.Private {
						d.world.unseen = append(d.world.unseen, r)
					}
				}
			})
			return
		}
		for i := range resources {
			for _, domain := range domains {
				if domain.ResourceID == resources[i].ID {
					resources[i].Domains = append(resources[i].Domains, domain)
				}
			}
		}
		return
	}
	var all safe.Group
	for i := range resources {
		r := &resources[i]
		if !r.Private {
			continue
		}
		all.Go(func() {
			domains, err := d.client.FunctionDomains(ctx, *r)
			r.Domains = domains
			if err != nil && !d.isGone(ctx, err, scopeOf(*r)) {
				d.world.failed(err)
				d.world.add(func() { d.world.unseen = append(d.world.unseen, *r) })
			}
		})
	}
	all.Wait()
}

// isGone tells whether an error means that a scope was deleted since it was
// listed, and notes it then: gone is gone, and no failure. A 404 may also mean
// that the call exists no more, so the scope itself is asked for.
func (d *discovery) isGone(ctx context.Context, err error, s scaleway.Scope) bool {
	if !errors.Is(err, scaleway.ErrNotFound) {
		return false
	}
	if there, err := d.client.Exists(ctx, s); there || err != nil {
		return false
	}
	d.world.wentAway(s)
	return true
}

func set[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

func scopeOf(r scaleway.Resource) scaleway.Scope {
	return scaleway.Scope{Product: r.Product, Region: r.Region, Namespace: r.Namespace, ResourceID: r.ID, Name: r.Name}
}

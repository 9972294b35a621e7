package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

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

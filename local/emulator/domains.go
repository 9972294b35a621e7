package emulator

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// domain is a custom domain of a workload.
type domain struct {
	life
	id, hostname string
	workload     *workload
	tags         []string
}

func (a *v1beta1) routeDomains(e *Emulator, mux *http.ServeMux) {
	a.handle(e, mux, "GET", "/domains", a.listDomains)
	a.handle(e, mux, "POST", "/domains", a.createDomain)
	a.handle(e, mux, "GET", "/domains/{domain_id}", a.getDomain)
	a.handle(e, mux, "DELETE", "/domains/{domain_id}", a.deleteDomain)
}

// domainView is a domain in functions and containers v1beta1; its URL is known
// once it has been ready (FACTS section 4).
func (a *v1beta1) domainView(d *domain) wire.Object {
	url := ""
	if d.served {
		url = "https://" + d.hostname
	}
	return wire.Object{
		"id": d.id, "hostname": d.hostname, a.owner: d.workload.id, "url": url,
		"status": d.status, "error_message": d.errorMessage(),
	}
}

// searchDomains is the list of all three APIs.
func (c *call) searchDomains(p *product) ([]*domain, error) {
	rows, err := search(c, p.domains.All(nil), func(d *domain) string { return d.workload.namespace.project }, c.scope(p),
		func(d *domain) bool {
			return c.Passes("function_id", d.workload.id) && c.Passes("container_id", d.workload.id) &&
				c.Passes("namespace_id", d.workload.namespace.id) && c.Passes("project_id", d.workload.namespace.project) &&
				c.Passes("organization_id", c.OrganizationID)
		})
	return api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *domain) int{
		"hostname": wire.ByText(func(d *domain) string { return d.hostname }),
	}), err
}

func (a *v1beta1) listDomains(c *call, p *product) (any, error) {
	rows, err := c.searchDomains(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "domains", rows, func(d *domain) any { return a.domainView(d) })
}

func (a *v1beta1) createDomain(c *call, p *product) (any, error) {
	var in struct {
		Hostname  string `json:"hostname"`
		Function  string `json:"function_id"`
		Container string `json:"container_id"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	owner := in.Function
	if a.owner == "container_id" {
		owner = in.Container
	}
	w, err := a.workload(c, p, owner)
	if err != nil {
		return nil, err
	}
	if err := a.standing(&w.life, a.kind); err != nil {
		return nil, err
	}
	// Whether the name points here is not checked: nothing resolves it.
	if !hostname(in.Hostname) || c.hostTaken(in.Hostname, c.Now) {
		return nil, wire.Message(http.StatusBadRequest, "could not validate domain %s", in.Hostname)
	}
	d := c.newDomain(w, in.Hostname)
	d.created, d.updated = wire.At(c.Now), wire.At(c.Now)
	d.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Domain), status: statusReady, stamp: wire.AtSecond})
	p.domains.Put(d.id, d)
	return a.domainView(d), nil
}

func (e *Emulator) newDomain(w *workload, name string) *domain {
	return &domain{id: e.base.Mint.UUID(), hostname: name, workload: w, tags: []string{}}
}

// hostTaken tells whether some workload answers on a host already.
func (e *Emulator) hostTaken(host string, now time.Time) bool {
	for _, p := range e.products(now) {
		for _, d := range p.domains.All(nil) {
			if d.hostname == host && d.status != statusDeleting {
				return true
			}
		}
	}
	return false
}

func (a *v1beta1) domain(c *call, p *product) (*domain, error) {
	d := p.domains.Get(c.Request.PathValue("domain_id"))
	if d == nil {
		return nil, wire.NoSuch("Domain")
	}
	return d, c.Authorize(d.workload.namespace.project)
}

func (a *v1beta1) getDomain(c *call, p *product) (any, error) {
	d, err := a.domain(c, p)
	if err != nil {
		return nil, err
	}
	return a.domainView(d), nil
}

func (a *v1beta1) deleteDomain(c *call, p *product) (any, error) {
	d, err := a.domain(c, p)
	if err != nil {
		return nil, err
	}
	d.vanish(c.Now.Add(c.Settings.Delays.Gone))
	d.updated = wire.At(c.Now)
	return a.domainView(d), nil
}

package serverless

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
	workload     *Workload
	tags         []string
}

func (a *v1beta1) routeDomains(s *Serverless, mux *http.ServeMux) {
	a.handle(s, mux, "GET", "/domains", a.listDomains)
	a.handle(s, mux, "POST", "/domains", a.createDomain)
	a.handle(s, mux, "GET", "/domains/{domain_id}", a.getDomain)
	a.handle(s, mux, "DELETE", "/domains/{domain_id}", a.deleteDomain)
}

// domainView is a domain in functions and containers v1beta1; its URL is known
// once it has been ready (docs/scaleway.md, Domains and crons).
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
func (c *call) searchDomains(p *Product) ([]*domain, error) {
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

func (a *v1beta1) listDomains(c *call, p *Product) (any, error) {
	rows, err := c.searchDomains(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "domains", rows, func(d *domain) any { return a.domainView(d) })
}

func (a *v1beta1) createDomain(c *call, p *Product) (any, error) {
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

func (s *Serverless) newDomain(w *Workload, name string) *domain {
	return &domain{id: s.base.Mint.UUID(), hostname: name, workload: w, tags: []string{}}
}

// hostTaken tells whether some workload answers on a host already.
func (s *Serverless) hostTaken(host string, now time.Time) bool {
	for _, p := range s.Products(now) {
		for _, d := range p.domains.All(nil) {
			if d.hostname == host && d.status != statusDeleting {
				return true
			}
		}
	}
	return false
}

func (a *v1beta1) domain(c *call, p *Product) (*domain, error) {
	d := p.domains.Get(c.Request.PathValue("domain_id"))
	if d == nil {
		return nil, wire.NoSuch("Domain")
	}
	return d, c.Authorize(d.workload.namespace.project)
}

func (a *v1beta1) getDomain(c *call, p *Product) (any, error) {
	d, err := a.domain(c, p)
	if err != nil {
		return nil, err
	}
	return a.domainView(d), nil
}

func (a *v1beta1) deleteDomain(c *call, p *Product) (any, error) {
	d, err := a.domain(c, p)
	if err != nil {
		return nil, err
	}
	d.vanish(c.Now.Add(c.Settings.Delays.Gone))
	d.updated = wire.At(c.Now)
	return a.domainView(d), nil
}

// domainV1 is a custom domain of containers v1: no url, but tags and dates.
type domainV1 struct {
	ID           string     `json:"id"`
	Hostname     string     `json:"hostname"`
	ContainerID  string     `json:"container_id"`
	Status       string     `json:"status"`
	ErrorMessage *string    `json:"error_message,omitempty"`
	CreatedAt    wire.Stamp `json:"created_at"`
	UpdatedAt    wire.Stamp `json:"updated_at"`
	Tags         []string   `json:"tags"`
}

func viewDomainV1(d *domain) domainV1 {
	return domainV1{
		ID: d.id, Hostname: d.hostname, ContainerID: d.workload.id, Status: v1Status(&d.life),
		ErrorMessage: v1ErrorMessage(&d.life), CreatedAt: d.created, UpdatedAt: d.updated, Tags: d.tags,
	}
}

func listDomainsV1(c *call, p *Product) (any, error) {
	rows, err := c.searchDomains(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "domains", rows, func(d *domain) any { return viewDomainV1(d) })
}

func (c *call) domainV1(p *Product) (*domain, error) {
	id := c.Request.PathValue("domain_id")
	d := p.domains.Get(id)
	if d == nil {
		return nil, wire.NotFound("domain", id)
	}
	return d, c.Authorize(d.workload.namespace.project)
}

func getDomainV1(c *call, p *Product) (any, error) {
	d, err := c.domainV1(p)
	if err != nil {
		return nil, err
	}
	return viewDomainV1(d), nil
}

func createDomainV1(c *call, p *Product) (any, error) {
	var in struct {
		Container string   `json:"container_id"`
		Hostname  string   `json:"hostname"`
		Tags      []string `json:"tags"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	w, err := c.workloadV1(p, in.Container)
	if err != nil {
		return nil, err
	}
	if err := standingV1(&w.life, "container", w.id); err != nil {
		return nil, err
	}
	if !hostname(in.Hostname) || c.hostTaken(in.Hostname, c.Now) {
		return nil, wire.Invalid("hostname", "constraint", "could not validate domain "+in.Hostname)
	}
	d := c.newDomain(w, in.Hostname)
	d.tags = wire.OrEmpty(in.Tags)
	d.created, d.updated = wire.At(c.Now), wire.At(c.Now)
	d.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Domain), status: statusReady, stamp: wire.AtSecond})
	p.domains.Put(d.id, d)
	return viewDomainV1(d), nil
}

// updateDomainV1 changes tags only, and so moves nothing.
func updateDomainV1(c *call, p *Product) (any, error) {
	var in struct {
		Tags *[]string `json:"tags"`
	}
	d, err := c.domainV1(p)
	if err != nil {
		return nil, err
	}
	if err := standingV1(&d.life, "domain", d.id); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	wire.Set(&d.tags, in.Tags)
	d.tags, d.updated = wire.OrEmpty(d.tags), wire.At(c.Now)
	return viewDomainV1(d), nil
}

func deleteDomainV1(c *call, p *Product) (any, error) {
	d, err := c.domainV1(p)
	if err != nil {
		return nil, err
	}
	if d.status != statusDeleting {
		d.vanish(c.Now.Add(c.Settings.Delays.Gone))
		d.updated = wire.At(c.Now)
	}
	return viewDomainV1(d), nil
}

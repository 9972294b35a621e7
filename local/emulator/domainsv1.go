package emulator

import "github.com/scw-key-rotator/rotator/local/emulator/internal/wire"

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

func listDomainsV1(c *call, p *product) (any, error) {
	rows, err := c.searchDomains(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "domains", rows, func(d *domain) any { return viewDomainV1(d) })
}

func (c *call) domainV1(p *product) (*domain, error) {
	id := c.Request.PathValue("domain_id")
	d := p.domains.Get(id)
	if d == nil {
		return nil, wire.NotFound("domain", id)
	}
	return d, c.Authorize(d.workload.namespace.project)
}

func getDomainV1(c *call, p *product) (any, error) {
	d, err := c.domainV1(p)
	if err != nil {
		return nil, err
	}
	return viewDomainV1(d), nil
}

func createDomainV1(c *call, p *product) (any, error) {
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
func updateDomainV1(c *call, p *product) (any, error) {
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

func deleteDomainV1(c *call, p *product) (any, error) {
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

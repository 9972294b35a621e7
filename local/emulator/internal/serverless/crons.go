package serverless

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// cron is a trigger of functions or containers v1beta1. With a Host it fires
// (cronfire.go).
type cron struct {
	life
	id, name, schedule string
	args               any
	workload           *Workload
	since              time.Time // it was made or changed then; zero: long ago
}

func (a *v1beta1) routeCrons(s *Serverless, mux *http.ServeMux) {
	a.handle(s, mux, "GET", "/crons", a.listCrons)
	a.handle(s, mux, "POST", "/crons", a.createCron)
	a.handle(s, mux, "GET", "/crons/{cron_id}", a.getCron)
	a.handle(s, mux, "PATCH", "/crons/{cron_id}", a.updateCron)
	a.handle(s, mux, "DELETE", "/crons/{cron_id}", a.deleteCron)
}

// cronView has neither region nor dates (docs/scaleway.md, Domains and crons).
func (a *v1beta1) cronView(k *cron) wire.Object {
	return wire.Object{
		"id": k.id, a.owner: k.workload.id, "schedule": k.schedule, "args": k.args, "name": k.name, "status": k.status,
	}
}

func (a *v1beta1) listCrons(c *call, p *Product) (any, error) {
	rows, err := search(c, p.crons.All(nil), func(k *cron) string { return k.workload.namespace.project }, c.scope(p),
		func(k *cron) bool { return c.Passes(a.owner, k.workload.id) })
	if err != nil {
		return nil, err
	}
	return rendered(c, "crons", api.Ordered(c.Call, rows, "created_at_asc", nil), func(k *cron) any { return a.cronView(k) })
}

// cronWrite is the body of POST and PATCH.
type cronWrite struct {
	Function  *string `json:"function_id"`
	Container *string `json:"container_id"`
	Schedule  *string `json:"schedule"`
	Args      any     `json:"args"`
	Name      *string `json:"name"`
}

func (a *v1beta1) apply(c *call, p *Product, in *cronWrite, k *cron) error {
	owner := in.Function
	if a.owner == "container_id" {
		owner = in.Container
	}
	if owner != nil {
		w, err := a.workload(c, p, *owner)
		if err != nil {
			return err
		}
		if err := a.standing(&w.life, a.kind); err != nil {
			return err
		}
		k.workload = w
	}
	if in.Schedule != nil && *in.Schedule != "" {
		if _, err := clock.ParseSchedule(*in.Schedule); err != nil {
			return wire.Message(http.StatusBadRequest, "%v", err)
		}
	}
	k.since = c.Now
	wire.Set(&k.schedule, in.Schedule)
	wire.Set(&k.name, in.Name)
	if in.Args != nil {
		k.args = in.Args
	}
	k.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.TokenReady), status: statusReady})
	return nil
}

func (a *v1beta1) createCron(c *call, p *Product) (any, error) {
	var in cronWrite
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	k := &cron{id: c.Mint.UUID(), args: wire.Object{}}
	if err := a.apply(c, p, &in, k); err != nil {
		return nil, err
	}
	switch {
	case k.workload == nil:
		return nil, wire.NoSuch(a.kind)
	case k.schedule == "":
		return nil, wire.Message(http.StatusBadRequest, "Key: 'Cron.Schedule' Error:Field validation for 'Schedule' failed on the 'required' tag")
	}
	p.crons.Put(k.id, k)
	return a.cronView(k), nil
}

func (a *v1beta1) cron(c *call, p *Product) (*cron, error) {
	k := p.crons.Get(c.Request.PathValue("cron_id"))
	if k == nil {
		return nil, wire.NoSuch("Cron")
	}
	return k, c.Authorize(k.workload.namespace.project)
}

func (a *v1beta1) getCron(c *call, p *Product) (any, error) {
	k, err := a.cron(c, p)
	if err != nil {
		return nil, err
	}
	return a.cronView(k), nil
}

func (a *v1beta1) updateCron(c *call, p *Product) (any, error) {
	var in cronWrite
	k, err := a.cron(c, p)
	if err != nil {
		return nil, err
	}
	if err := a.standing(&k.life, "Cron"); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := a.apply(c, p, &in, k); err != nil {
		return nil, err
	}
	return a.cronView(k), nil
}

func (a *v1beta1) deleteCron(c *call, p *Product) (any, error) {
	k, err := a.cron(c, p)
	if err != nil {
		return nil, err
	}
	k.vanish(c.Now.Add(c.Settings.Delays.Gone))
	return a.cronView(k), nil
}

// Due is a cron whose time has come.
type Due struct {
	Entrance
	Args []byte // JSON
}

// DueCrons returns the crons that were due after one time and not after another.
func (s *Serverless) DueCrons(after, now time.Time) []Due {
	var due []Due
	for _, p := range s.Products(now) {
		for _, k := range p.crons.All(func(k *cron) bool { return k.status == statusReady }) {
			from := after
			if k.since.After(from) {
				from = k.since
			}
			when, err := clock.ParseSchedule(k.schedule)
			if err != nil {
				continue // from a seed
			}
			if next := when.Next(from); !next.IsZero() && !next.After(now) {
				args, _ := json.Marshal(k.args) // it came as JSON
				due = append(due, Due{Entrance{s, p, k.workload}, args})
			}
		}
	}
	return due
}

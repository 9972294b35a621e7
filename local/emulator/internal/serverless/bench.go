package serverless

import (
	"context"
	"net/http"
	"slices"
)

// Bench is where tests and the local runner look into functions and containers,
// and change what the API cannot. Its methods take the emulator's lock, and may be
// called from many goroutines.
type Bench struct{ s *Serverless }

// NewBench returns the bench of s.
func NewBench(s *Serverless) Bench { return Bench{s} }

// Endpoint is a function or container as the emulator knows it, with what the
// API does not tell: for tests and the local runner.
type Endpoint struct {
	Product   string   `json:"product"` // functions or containers
	Region    string   `json:"region"`
	Project   string   `json:"project"`
	Namespace string   `json:"namespace"` // its name
	Name      string   `json:"name"`
	ID        string   `json:"id"`
	Host      string   `json:"host"`
	Domains   []string `json:"domains,omitempty"` // custom domains that are ready
	Private   bool     `json:"private"`
	Status    string   `json:"status"`

	Invocations int `json:"invocations"` // as Invocations tells
}

// Endpoints returns all functions and containers, oldest first per region.
func (b Bench) Endpoints() []Endpoint {
	b.s.base.Mu.Lock()
	defer b.s.base.Mu.Unlock()
	return b.s.Endpoints()
}

// Endpoints returns all functions and containers, oldest first per region.
func (s *Serverless) Endpoints() []Endpoint {
	out := []Endpoint{}
	for _, p := range s.Products(s.base.Clock.Now()) {
		for _, w := range p.workloads.All(nil) {
			end := Endpoint{
				Product: p.name, Region: p.region, Project: w.namespace.project, Namespace: w.namespace.name, Name: w.name,
				ID: w.id, Host: w.host, Private: w.privacy == "private", Status: w.status, Invocations: w.invocations,
			}
			for _, d := range p.domains.All(func(d *domain) bool { return d.workload == w && d.status == statusReady }) {
				end.Domains = append(end.Domains, d.hostname)
			}
			out = append(out, end)
		}
	}
	return out
}

// Endpoint finds a function or container by name, or by "namespace/name" where
// several bear it; the first one if it is still not unique.
func (b Bench) Endpoint(name string) (Endpoint, bool) {
	for _, end := range b.Endpoints() {
		if name == end.Name || name == end.Namespace+"/"+end.Name {
			return end, true
		}
	}
	return Endpoint{}, false
}

// Token is a legacy token with its JWT, which the API tells only once.
type Token struct {
	Product     string `json:"product"`
	Region      string `json:"region"`
	Project     string `json:"project"`
	Namespace   string `json:"namespace"`      // its name
	Name        string `json:"name,omitempty"` // of the function or container; "" for the namespace's own
	ID          string `json:"id"`
	Description string `json:"description,omitempty"`
	Status      string `json:"status"` // creating, ready or deleting
	JWT         string `json:"-"`
}

// Tokens returns the legacy tokens that exist, oldest first per region.
func (b Bench) Tokens() []Token {
	b.s.base.Mu.Lock()
	defer b.s.base.Mu.Unlock()
	return b.s.Tokens()
}

// Tokens returns the legacy tokens that exist, oldest first per region.
func (s *Serverless) Tokens() []Token {
	out := []Token{}
	for _, p := range s.Products(s.base.Clock.Now()) {
		for _, t := range p.tokens.All(nil) {
			row := Token{
				Product: p.name, Region: p.region, Project: t.namespace.project, Namespace: t.namespace.name,
				ID: t.id, Description: t.description, Status: t.shown(), JWT: t.jwt,
			}
			if t.workload != nil {
				row.Name = t.workload.name
			}
			out = append(out, row)
		}
	}
	return out
}

// SetBehaviour puts a handler behind the gateway in place of what the seed
// says, for a function or container by its id. nil takes it away. It tells
// whether the id is known.
//
// For a function, the platform's own runtime still answers /favicon.ico and
// /robots.txt before the handler.
func (b Bench) SetBehaviour(id string, h http.Handler) bool {
	return b.change(id, func(w *Workload) { w.behaviour.handler = h })
}

// Invocations tells how often the code of a function or container has run.
// Requests that the gateway or the functions' runtime answer do not count.
func (b Bench) Invocations(id string) int {
	n := 0
	b.change(id, func(w *Workload) { n = w.invocations })
	return n
}

// InstallCode tells the emulator what deployments of a function do: build, or
// end in error. Without it a PATCH fails, and a deploy builds (A20).
func (b Bench) InstallCode(id string, builds bool) bool {
	return b.change(id, func(w *Workload) {
		if w.function == nil {
			return
		}
		w.function.code = codeBroken
		if builds {
			w.function.code = codeBuilds
		}
	})
}

// change calls f with a workload under the lock; it tells whether there is one.
func (b Bench) change(id string, f func(*Workload)) bool {
	b.s.base.Mu.Lock()
	defer b.s.base.Mu.Unlock()
	for _, p := range b.s.Products(b.s.base.Clock.Now()) {
		if w := p.workloads.Get(id); w != nil {
			f(w)
			return true
		}
	}
	return false
}

// Running returns what the code of a function or container sees at present, as
// sorted NAME=VALUE lines: the environment that the API held when the
// deployment of the revision that serves began. nil: nothing serves.
func (b Bench) Running(id string) []string {
	var lines []string
	b.change(id, func(w *Workload) {
		if r := w.runs(); r != nil {
			lines = slices.Clone(r.env)
		}
	})
	return lines
}

// FailDeployments lets every deployment of a function or container fail from
// now on, or none but for a reason of its own; it tells whether the id is known. A
// function ends in "internal error" as one without code does, a container as
// one that never listens. The environment that came with it is shown all the
// same; what serves is the revision before, for 24 hours (A74).
func (b Bench) FailDeployments(id string, fail bool) bool {
	return b.change(id, func(w *Workload) { w.failing = fail })
}

// Deployed returns once the host has no deployment of a function under way, or
// ctx is done.
func (b Bench) Deployed(ctx context.Context, id string) error {
	for {
		var under *launch
		b.change(id, func(w *Workload) {
			if w.function != nil {
				under = w.function.hosted.launch
			}
		})
		if under == nil {
			return ctx.Err()
		}
		select {
		case <-under.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Logs returns the last lines that a function's code has written, over all its
// instances, oldest first.
func (b Bench) Logs(id string) []string {
	var lines []string
	b.change(id, func(w *Workload) {
		if w.function != nil {
			lines = w.function.hosted.logs.all()
		}
	})
	return lines
}

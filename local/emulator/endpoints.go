package emulator

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
func (e *Emulator) Endpoints() []Endpoint {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.endpoints()
}

// endpoints is Endpoints with the lock held.
func (e *Emulator) endpoints() []Endpoint {
	out := []Endpoint{}
	for _, p := range e.products(e.base.Clock.Now()) {
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
func (e *Emulator) Endpoint(name string) (Endpoint, bool) {
	for _, end := range e.Endpoints() {
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
func (e *Emulator) Tokens() []Token {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.tokens()
}

// tokens is Tokens with the lock held.
func (e *Emulator) tokens() []Token {
	out := []Token{}
	for _, p := range e.products(e.base.Clock.Now()) {
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

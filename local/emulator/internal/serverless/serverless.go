// Package serverless is Serverless Functions and Serverless Containers of one
// organization, in all their regions: namespaces, functions, containers, legacy
// tokens, custom domains, crons and revisions, behind the APIs functions v1beta1,
// containers v1beta1 and containers v1. The two of containers are views of the
// same rows.
//
// It promises the answers that docs/scaleway.md has, statuses that move on the
// emulator's clock, and that code sees the environment which the API held when
// its deployment began. It tells who asks where a host leads (Entrance), tests
// what the API does not (Bench), and the auditor what it compares. What nobody
// recorded stands under A02, A05, A06, A20 to A28, A31, A72 to A74, A77 and A80
// in ASSUMPTIONS.md.
package serverless

import (
	"net/http"
	"sync"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
)

// Projects are the account's.
type Projects interface {
	// Has tells whether there is one of that id.
	Has(id string) bool
	// Default is the id of the default one.
	Default() string
	// Named finds the id of the one that a field of a seed names.
	Named(field, name string) (id string, err error)
}

// Serverless is Serverless Functions and Serverless Containers of one
// organization, in all regions. Its methods are called with the emulator's lock
// held, unless they say otherwise.
type Serverless struct {
	base     *api.Base
	projects Projects

	// What runs beside requests; with a Host only.
	host       Host // nil: the code of functions does not run
	background sync.WaitGroup

	functions  map[string]*Product // by region
	containers map[string]*Product
	uploads    map[string]*upload // by the name in their URL
}

// New returns products that hold nothing. host, if not nil, runs what is
// deployed.
func New(b *api.Base, projects Projects, host Host) *Serverless {
	return &Serverless{
		base: b, projects: projects, host: host,
		functions: map[string]*Product{}, containers: map[string]*Product{}, uploads: map[string]*upload{},
	}
}

// Wait returns once no deployment is under way. The lock must not be held.
func (s *Serverless) Wait() { s.background.Wait() }

// call is a call of one of the three APIs.
type call struct {
	*api.Call
	*Serverless
}

func (s *Serverless) handle(mux *http.ServeMux, pattern string, needs permission.Need, serve func(*call) (any, error)) {
	s.base.Handle(mux, pattern, needs, func(c *api.Call) (any, error) { return serve(&call{c, s}) })
}

// Route registers the APIs of functions v1beta1, containers v1beta1 and
// containers v1, and where archives are uploaded.
func (s *Serverless) Route(mux *http.ServeMux) {
	s.routeFunctions(mux)
	s.routeContainers(mux)
	s.routeContainersV1(mux)
	mux.HandleFunc("PUT /upload/{name}", s.receive)
}

package serverless

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// v1beta1 is how the APIs of functions and containers v1beta1 differ; the rest
// they share (docs/scaleway.md, Containers).
type v1beta1 struct {
	product string // functions or containers
	kind    string // of its workloads, as errors say it
	owner   string // the member that names a workload
	read    permission.Need
	write   permission.Need
	remove  permission.Need
}

func functionsV1beta1() *v1beta1 {
	return &v1beta1{
		product: "functions", kind: "Function", owner: "function_id",
		read: permission.ReadFunctions, write: permission.WriteFunctions, remove: permission.DeleteFunctions,
	}
}

func containersV1beta1() *v1beta1 {
	return &v1beta1{
		product: "containers", kind: "Container", owner: "container_id",
		read: permission.ReadContainers, write: permission.WriteContainers, remove: permission.DeleteContainers,
	}
}

// handle registers one route, path being what follows the region.
func (a *v1beta1) handle(s *Serverless, mux *http.ServeMux, method, path string, serve regional) {
	needs := a.read
	switch method {
	case http.MethodPost, http.MethodPatch:
		needs = a.write
	case http.MethodDelete:
		needs = a.remove
	}
	pattern := method + " /" + a.product + "/v1beta1/regions/{region}" + path
	s.handle(mux, pattern, needs, func(c *call) (any, error) {
		if !slices.Contains(regions, c.Region) {
			return nil, wire.Message(http.StatusBadRequest, "unknown region %s", c.Region)
		}
		return serve(c, s.productIn(a.product, c.Region, c.Now))
	})
}

// namespace finds a namespace that the caller may use.
func (a *v1beta1) namespace(c *call, p *Product, id string) (*Namespace, error) {
	n := p.namespaces.Get(id)
	if n == nil {
		return nil, wire.NoSuch("Namespace")
	}
	return n, c.AuthorizeOn(n.project, n.id, n.name)
}

// workload finds a function or container that the caller may use.
func (a *v1beta1) workload(c *call, p *Product, id string) (*Workload, error) {
	w := p.workloads.Get(id)
	if w == nil {
		return nil, wire.NoSuch(a.kind)
	}
	return w, c.AuthorizeOn(w.namespace.project, w.id, w.name)
}

// standing refuses to write to what is being deleted (A24).
func (a *v1beta1) standing(l *life, kind string) error {
	if l.status == statusDeleting {
		return wire.Message(http.StatusConflict, "%s is being deleted", kind)
	}
	return nil
}

// nameOf checks a name as the API's validator does. kind is Namespace,
// Function or Container.
func nameOf(kind, name string) error {
	rule := ""
	switch {
	case name == "":
		rule = "required"
	case len(name) > longestName(kind):
		rule = "max"
	default:
		return nil
	}
	return wire.Message(http.StatusBadRequest, "Key: '%s.Name' Error:Field validation for 'Name' failed on the '%s' tag", kind, rule)
}

// longestName is an assumption (A25): with 34 characters, the longest recorded,
// the first label of a host is exactly the 63 that DNS allows.
func longestName(kind string) int {
	if kind == "Namespace" {
		return 64
	}
	return 34
}

// hostname tells whether text can be a custom domain.
func hostname(text string) bool {
	labels := strings.Split(text, ".")
	if len(labels) < 2 || len(text) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

// search returns the rows of a list that the caller may see, and that pass.
// Whose right is asked for depends on the filter: one that names a project, or
// something in a project, needs the right there; without one the list holds
// what the caller's rules reach, and refuses who has none (A23).
func search[T any](c *call, rows []*T, project func(*T) string, scope string, passes func(*T) bool) ([]*T, error) {
	if scope != "" {
		if err := c.Authorize(scope); err != nil {
			return nil, err
		}
	} else if !c.AllowedSomewhere() {
		return nil, wire.Forbidden(c.Needs.Action, c.Needs.Resource)
	}
	out := []*T{}
	for _, row := range rows {
		if c.Allowed(project(row)) && passes(row) {
			out = append(out, row)
		}
	}
	return out, nil
}

// scope is the project that the query's filters name, directly or by a
// namespace or workload; "" if they name none.
func (c *call) scope(p *Product) string {
	q := c.Request.URL.Query()
	if id := q.Get("project_id"); id != "" {
		return id
	}
	if n := p.namespaces.Get(q.Get("namespace_id")); n != nil {
		return n.project
	}
	for _, name := range []string{"function_id", "container_id"} {
		if w := p.workloads.Get(q.Get(name)); w != nil {
			return w.namespace.project
		}
	}
	return ""
}

// rendered answers a page of rows.
func rendered[T any](c *call, plural string, rows []*T, view func(*T) any) (any, error) {
	return c.List(plural, wire.Views(rows, view), api.ProductPaging)
}

// projectOr is the project that a creation names, or the default one.
func (c *call) projectOr(id string) (string, error) {
	if id == "" {
		id = c.projects.Default()
	}
	if !c.projects.Has(id) {
		return "", wire.Message(http.StatusNotFound, "Project was not found")
	}
	return id, c.Authorize(id)
}

// What the routes of functions and of both containers APIs do alike.

// namespaceFor finds the namespace in which a workload of that name can be
// made.
func (a *v1beta1) namespaceFor(c *call, p *Product, id, name string) (*Namespace, error) {
	n, err := a.namespace(c, p, id)
	if err != nil {
		return nil, err
	}
	if err := a.standing(&n.life, "Namespace"); err != nil {
		return nil, err
	}
	if err := nameOf(a.kind, name); err != nil {
		return nil, err
	}
	if p.holds(n, name) {
		return nil, wire.Message(http.StatusConflict, "%s already exist", a.kind)
	}
	return n, nil
}

// holds tells whether a namespace has a workload of that name.
func (p *Product) holds(n *Namespace, name string) bool {
	return len(p.workloads.All(func(w *Workload) bool {
		return w.namespace == n && w.name == name && w.status != statusDeleting
	})) > 0
}

// newWorkload makes a workload with the defaults that functions and containers
// share.
func (c *call) newWorkload(p *Product, n *Namespace, name string) *Workload {
	return &Workload{
		id: c.Mint.UUID(), name: name, namespace: n, host: p.hostOf(n, name),
		privacy: "public", sandbox: "v2", timeout: wire.Seconds(300 * time.Second),
	}
}

// deleteWorkload starts a deletion. Deleting twice changes nothing more.
func (c *call) deleteWorkload(p *Product, w *Workload, now func(time.Time) wire.Stamp) {
	if w.status == statusDeleting {
		return
	}
	p.vanishWorkload(w, c.Now.Add(c.Settings.Delays.Gone))
	w.updated = now(c.Now)
}

// enums are the values that the APIs know.
var enums = map[string][]string{
	"privacy":     {"public", "private"},
	"http_option": {"enabled", "redirected"},
	"sandbox":     {"v1", "v2"},
	"protocol":    {"http1", "h2c"},
}

// checkEnums refuses values that are neither known nor left to the API.
func checkEnums(values map[string]string) error {
	for name, value := range values {
		if !wire.Unset(value) && !slices.Contains(enums[name], value) {
			return wire.Message(http.StatusBadRequest, "invalid value %q for %s", value, name)
		}
	}
	return nil
}

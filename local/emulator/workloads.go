package emulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// What the routes of functions and of both containers APIs do alike.

// namespaceFor finds the namespace in which a workload of that name can be
// made.
func (a *v1beta1) namespaceFor(c *call, p *product, id, name string) (*namespace, error) {
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
func (p *product) holds(n *namespace, name string) bool {
	return len(p.workloads.All(func(w *workload) bool {
		return w.namespace == n && w.name == name && w.status != statusDeleting
	})) > 0
}

// newWorkload makes a workload with the defaults that functions and containers
// share.
func (c *call) newWorkload(p *product, n *namespace, name string) *workload {
	return &workload{
		id: c.Mint.UUID(), name: name, namespace: n, host: p.hostOf(n, name),
		privacy: "public", sandbox: "v2", timeout: wire.Seconds(300 * time.Second),
	}
}

// deleteWorkload starts a deletion. Deleting twice changes nothing more.
func (c *call) deleteWorkload(p *product, w *workload, now func(time.Time) wire.Stamp) {
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

package emulator

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// product is Serverless Functions or Serverless Containers in one region.
type product struct {
	name       string // functions or containers
	region     string
	namespaces store.Table[namespace]
	workloads  store.Table[workload]
	tokens     store.Table[token]
	domains    store.Table[domain]
	crons      store.Table[cron]
}

// namespace holds workloads, and belongs to a project.
type namespace struct {
	life
	id, name, description string
	project               string
	env                   map[string]string
	secrets               secretEnv
	tags                  []string
	slug                  string // the first part of its hosts' names
	registryID            string // "" if made through containers v1, which has no registry
	publicKey             string // of all its tokens; "" until the first
	vpc                   bool
}

// workload is a function or a container: exactly one of the last two is set.
type workload struct {
	life
	id, name, description string
	namespace             *namespace
	env                   map[string]string
	secrets               secretEnv
	tags                  []string
	privacy               string
	sandbox               string
	httpsOnly             bool // http_option redirected, https_connections_only
	minScale, maxScale    uint32
	timeout               wire.Seconds
	privateNetwork        *string
	readyAt               wire.Stamp
	host                  string // its default domain, bare
	revisions             revisions
	failing               bool // its deployments do, on order

	behaviour   behaviour
	invocations int

	function  *functionSpec
	container *containerSpec
}

// settle makes every move of the product that is due.
func (p *product) settle(now time.Time) {
	settleRows(&p.namespaces, now, func(n *namespace) *life { return &n.life })
	settleRows(&p.tokens, now, func(t *token) *life { return &t.life })
	settleRows(&p.domains, now, func(d *domain) *life { return &d.life })
	settleRows(&p.crons, now, func(k *cron) *life { return &k.life })
	for _, w := range p.workloads.All(nil) {
		if w.settle(now) {
			p.workloads.Remove(w.id)
		}
	}
}

func settleRows[T any](rows *store.Table[T], now time.Time, of func(*T) *life) {
	rows.DeleteFunc(func(row *T) bool {
		_, gone := of(row).settle(now)
		return gone
	})
}

// serverlessRegions are those of functions and of both containers APIs; of
// these, containers v1 alone knows it-mil too (FACTS section 1).
var serverlessRegions = []string{"fr-par", "nl-ams", "pl-waw"}

const milan = "it-mil"

// productIn returns a product's state, settled.
func (e *Emulator) productIn(name, region string, now time.Time) *product {
	products := e.functions
	if name == "containers" {
		products = e.containers
	}
	p := products[region]
	if p == nil {
		p = &product{name: name, region: region}
		products[region] = p
	}
	p.settle(now)
	return p
}

// products returns all that exist, settled.
func (e *Emulator) products(now time.Time) []*product {
	out := []*product{}
	for _, region := range append(slices.Clone(serverlessRegions), milan) {
		for _, name := range []string{"functions", "containers"} {
			out = append(out, e.productIn(name, region, now))
		}
	}
	return out
}

// regional is an endpoint of a serverless product.
type regional func(c *call, p *product) (any, error)

// vanishNamespace deletes a namespace and all that is in it (FACTS section 4).
func (p *product) vanishNamespace(n *namespace, due time.Time) {
	for _, w := range p.workloads.All(func(w *workload) bool { return w.namespace == n }) {
		p.vanishWorkload(w, due)
	}
	for _, t := range p.tokens.All(func(t *token) bool { return t.namespace == n }) {
		t.vanish(due)
	}
	n.vanish(due)
}

// vanishWorkload deletes a workload with its tokens, domains and crons.
func (p *product) vanishWorkload(w *workload, due time.Time) {
	for _, t := range p.tokens.All(func(t *token) bool { return t.workload == w }) {
		t.vanish(due)
	}
	for _, d := range p.domains.All(func(d *domain) bool { return d.workload == w }) {
		d.vanish(due)
	}
	for _, k := range p.crons.All(func(k *cron) bool { return k.workload == w }) {
		k.vanish(due)
	}
	if w.function != nil {
		w.function.hosted.end()
	}
	w.vanish(due)
}

// What makes a slug unique, in all APIs but containers v1.
const (
	slugAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	slugSuffix   = 8
)

var notInHosts = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a namespace's name as its hosts begin: no dashes, 20 characters at
// most, then a suffix that makes it unique.
func slug(name, suffix string) string {
	bare := notInHosts.ReplaceAllString(strings.ToLower(name), "")
	return bare[:min(len(bare), 20)] + suffix
}

// hostOf is a workload's default domain. Containers share the name of
// functions there (FACTS section 5).
func (p *product) hostOf(n *namespace, name string) string {
	return n.slug + "-" + name + ".functions.fnc." + p.region + ".scw.cloud"
}

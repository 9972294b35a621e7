package serverless

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Product is Serverless Functions or Serverless Containers in one region.
type Product struct {
	name       string // functions or containers
	region     string
	namespaces store.Table[Namespace]
	workloads  store.Table[Workload]
	tokens     store.Table[token]
	domains    store.Table[domain]
	crons      store.Table[cron]
}

// Namespace holds workloads, and belongs to a project.
type Namespace struct {
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

// Workload is a function or a container: exactly one of the last two is set.
type Workload struct {
	life
	id, name, description string
	namespace             *Namespace
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
func (p *Product) settle(now time.Time) {
	settleRows(&p.namespaces, now, func(n *Namespace) *life { return &n.life })
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

// regions are those of functions and of both containers APIs; of
// these, containers v1 alone knows it-mil too (docs/scaleway.md, Requests and
// answers).
var regions = []string{"fr-par", "nl-ams", "pl-waw"}

const milan = "it-mil"

// productIn returns a product's state, settled.
func (s *Serverless) productIn(name, region string, now time.Time) *Product {
	products := s.functions
	if name == "containers" {
		products = s.containers
	}
	p := products[region]
	if p == nil {
		p = &Product{name: name, region: region}
		products[region] = p
	}
	p.settle(now)
	return p
}

// Products returns all that exist, settled.
func (s *Serverless) Products(now time.Time) []*Product {
	out := []*Product{}
	for _, region := range append(slices.Clone(regions), milan) {
		for _, name := range []string{"functions", "containers"} {
			out = append(out, s.productIn(name, region, now))
		}
	}
	return out
}

// regional is an endpoint of a serverless product.
type regional func(c *call, p *Product) (any, error)

// vanishNamespace deletes a namespace and all that is in it (docs/scaleway.md,
// Functions).
func (p *Product) vanishNamespace(n *Namespace, due time.Time) {
	for _, w := range p.workloads.All(func(w *Workload) bool { return w.namespace == n }) {
		p.vanishWorkload(w, due)
	}
	for _, t := range p.tokens.All(func(t *token) bool { return t.namespace == n }) {
		t.vanish(due)
	}
	n.vanish(due)
}

// vanishWorkload deletes a workload with its tokens, domains and crons.
func (p *Product) vanishWorkload(w *Workload, due time.Time) {
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
// functions there (docs/scaleway.md, Containers).
func (p *Product) hostOf(n *Namespace, name string) string {
	return n.slug + "-" + name + ".functions.fnc." + p.region + ".scw.cloud"
}

// Statuses as the rows keep them. Each API has its own word for pending:
// containers v1 says creating or updating, tokens say creating.
const (
	statusCreated  = "created" // never deployed
	statusPending  = "pending"
	statusReady    = "ready"
	statusError    = "error"
	statusDeleting = "deleting"
)

// life is the part of a serverless resource that moves by itself. Nothing runs
// in the background: whoever looks settles first, so that a test moves
// everything by moving the clock.
type life struct {
	created, updated wire.Stamp
	status           string
	problem          string // the error message, with status error
	served           bool   // was ready at least once
	rewritten        bool   // was changed through containers v1, whose word for that is updating
	ahead            *move  // what is under way; nil: nothing is
}

// move is an asynchronous change of status.
type move struct {
	due     time.Time
	status  string // then; "" means that the row is gone
	problem string
	stamp   func(time.Time) wire.Stamp // of updated_at when it is done; nil leaves it alone
}

// begin puts the row into a transitional status. A move that was under way is
// forgotten: the last write counts. No write to something that is moving was ever
// recorded (docs/scaleway.md, Deployments).
func (l *life) begin(status string, next move) {
	l.status, l.problem, l.ahead = status, "", &next
}

// vanish starts a deletion. One that is under way already is never put off.
func (l *life) vanish(due time.Time) {
	if l.status == statusDeleting && l.ahead.due.Before(due) {
		return
	}
	l.begin(statusDeleting, move{due: due})
}

// settle makes the move that is due at now. done tells that one was made, gone
// that the row does not exist any more.
func (l *life) settle(now time.Time) (done, gone bool) {
	if l.ahead == nil || now.Before(l.ahead.due) {
		return false, false
	}
	next := l.ahead
	if next.status == "" {
		return true, true
	}
	l.status, l.problem, l.ahead = next.status, next.problem, nil
	if next.stamp != nil {
		l.updated = next.stamp(next.due)
	}
	l.served = l.served || l.status == statusReady
	return true, false
}

// errorMessage is the member of the v1beta1 APIs: null unless there is one.
func (l *life) errorMessage() *string {
	if l.problem == "" {
		return nil
	}
	return &l.problem
}

// written ends the answer to the call that wrote the row: only that answer has
// nine digits of a second (docs/scaleway.md, Times and durations).
func (l *life) written() {
	l.created, l.updated = l.created.Stored(), l.updated.Stored()
}

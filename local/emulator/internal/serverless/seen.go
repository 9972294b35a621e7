package serverless

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// What the auditor sees. It is told what it asks for; the rows keep their fields
// to themselves.

// Workloads are the functions or containers of a project that are there to stay.
func (p *Product) Workloads(project string) []*Workload {
	return p.workloads.All(func(w *Workload) bool { return w.namespace.project == project && w.status != statusDeleting })
}

// Namespaces are those of a project that are there to stay.
func (p *Product) Namespaces(project string) []*Namespace {
	return p.namespaces.All(func(n *Namespace) bool { return n.project == project && n.status != statusDeleting })
}

// Place names a workload: the function shop/checkout in fr-par.
func (p *Product) Place(w *Workload) string {
	return "the " + strings.TrimSuffix(p.name, "s") + " " + w.namespace.name + "/" + w.name + " in " + p.region
}

// NamespacePlace names a namespace.
func (p *Product) NamespacePlace(n *Namespace) string {
	return "the namespace " + n.name + " of " + p.name + " in " + p.region
}

// Namespace is what w is in.
func (w *Workload) Namespace() *Namespace { return w.namespace }

// Variables are those of w itself, the secret ones apart.
func (w *Workload) Variables() (env, secrets map[string]string) { return w.env, w.secrets.plain() }

// Variables are those that all in the namespace have.
func (n *Namespace) Variables() (env, secrets map[string]string) { return n.env, n.secrets.plain() }

// RunsWith is what the revision that serves sees; nil: none serves.
func (w *Workload) RunsWith() []string { return w.runs().lines() }

// DeploysWith is what the deployment under way will see; nil: there is none.
func (w *Workload) DeploysWith() []string { return w.revisions.starting.lines() }

// RanWith is what the revision saw that served last and does not any more, and
// when it ended; nil: there is none.
func (w *Workload) RanWith() (lines []string, until time.Time) {
	if r := w.revisions.before; r != nil {
		return r.env, r.until
	}
	return nil, time.Time{}
}

func (r *revision) lines() []string {
	if r == nil {
		return nil
	}
	return r.env
}

// Fails tells whether deployments of w fail, on order.
func (w *Workload) Fails() bool { return w.failing }

// Describe writes down what there is: of one project all but variables,
// deployments and legacy tokens, of others all. What is being deleted is gone:
// whether it is there still is the clock's doing.
func (p *Product) Describe(out io.Writer, project string) {
	own := func(n *Namespace) bool { return n.project == project }
	for _, n := range p.namespaces.All(func(n *Namespace) bool { return n.status != statusDeleting }) {
		fmt.Fprintln(out, p.name, "namespace", n.id, n.name, n.description, n.tags)
		if !own(n) {
			fmt.Fprintln(out, n.env, n.secrets.plain())
		}
	}
	for _, w := range p.workloads.All(func(w *Workload) bool { return w.status != statusDeleting }) {
		fmt.Fprintln(out, p.name, w.id, w.name, w.description, w.tags, w.privacy, w.sandbox, w.httpsOnly, w.minScale, w.maxScale,
			w.timeout, w.spec())
		if !own(w.namespace) {
			fmt.Fprintln(out, w.env, w.secrets.plain(), w.revisions.begun)
		}
	}
	for _, t := range p.tokens.All(func(t *token) bool { return !own(t.namespace) && t.status != statusDeleting }) {
		fmt.Fprintln(out, "token", t.id)
	}
	for _, d := range p.domains.All(func(d *domain) bool { return d.status != statusDeleting }) {
		fmt.Fprintln(out, "domain", d.id, d.hostname)
	}
	for _, k := range p.crons.All(func(k *cron) bool { return k.status != statusDeleting }) {
		fmt.Fprintln(out, "cron", k.id, k.schedule, k.args)
	}
}

// spec is what makes a workload the one it is.
func (w *Workload) spec() string {
	if f := w.function; f != nil {
		return fmt.Sprint(f.runtime, f.handler, f.memory, len(f.hosted.archive))
	}
	c := *w.container
	behind, _ := json.Marshal([]any{c.liveness, c.startup, c.scaling}) //nolint:errchkjson // texts and numbers
	c.liveness, c.startup, c.scaling = probe{}, nil, scaling{}
	return fmt.Sprintf("%+v %s", c, behind)
}

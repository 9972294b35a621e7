package serverless

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// behaviour is what stands behind an endpoint. The zero value answers 200
// "ok" to everything.
type behaviour struct {
	answer     *seeds.Answer
	healthPath string       // of a container: 200 there, 404 elsewhere
	handler    http.Handler // takes the place of the rest
}

// Entrance is where a host leads: to a function or container, or to nothing. Its
// methods are called with the emulator's lock held.
type Entrance struct {
	s        *Serverless
	product  *Product
	workload *Workload
}

// At is where a host leads: the default domain of a function or container, or a
// custom domain that is ready.
func (s *Serverless) At(host string) Entrance {
	for _, p := range s.Products(s.base.Clock.Now()) {
		for _, w := range p.workloads.All(nil) {
			if w.host == host && (w.container == nil || !w.container.publicOff) {
				return Entrance{s, p, w}
			}
		}
		for _, d := range p.domains.All(nil) {
			if d.hostname == host && d.status == statusReady {
				return Entrance{s, p, d.workload}
			}
		}
	}
	return Entrance{}
}

// Of is the entrance to a function or container, whatever its host.
func (s *Serverless) Of(id string) Entrance {
	at := Entrance{}
	for _, p := range s.Products(s.base.Clock.Now()) {
		if w := p.workloads.Get(id); w != nil {
			at = Entrance{s, p, w}
		}
	}
	return at
}

// Known tells whether the entrance leads to something that is, or is being
// deleted.
func (at Entrance) Known() bool { return at.workload != nil }

// Leads tells whether it leads to something that is not being deleted.
func (at Entrance) Leads() bool { return at.Known() && at.workload.status != statusDeleting }

// Gone makes the moves that are due at now, and tells whether what was there does
// not exist any more.
func (at Entrance) Gone(now time.Time) bool { return at.workload.settle(now) }

// Serves tells whether a revision serves.
func (at Entrance) Serves() bool { return at.workload.runs() != nil }

// Host is the default domain.
func (at Entrance) Host() string { return at.workload.host }

// HTTPSOnly tells whether HTTP is redirected.
func (at Entrance) HTTPSOnly() bool { return at.workload.httpsOnly }

// Private tells whether only who has a key or a token may enter.
func (at Entrance) Private() bool { return at.workload.privacy == "private" }

// Product is functions or containers.
func (at Entrance) Product() string { return at.product.name }

// Project is the id of the project that it belongs to.
func (at Entrance) Project() string { return at.workload.namespace.project }

// Opens tells whether a text is a legacy token of the product in this region, and
// whether it opens this entrance now.
func (at Entrance) Opens(jwt string, now time.Time) (opens, known bool) {
	for _, t := range at.product.tokens.All(nil) {
		if t.jwt == jwt {
			return t.opens(at.workload, now), true
		}
	}
	return false, false
}

// opens tells whether a token opens w now. One that is being deleted does not
// any more (A31), nor does one that has expired.
func (t *token) opens(w *Workload, now time.Time) bool {
	if t.status == statusDeleting || t.expires.Due(now) {
		return false
	}
	if t.workload != nil {
		return t.workload == w
	}
	return t.namespace == w.namespace
}

// Behind returns what answers a request that was let in, and counts it. The
// handler runs without the lock: it may take its time, and call the API.
func (at Entrance) Behind(r *http.Request) http.Handler {
	w := at.workload
	// Source: IsRejectedRequest in serverless-functions-go, framework/core.
	if w.function != nil && (r.URL.Path == "/favicon.ico" || r.URL.Path == "/robots.txt") {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	}
	w.invocations++
	b := w.behaviour
	if b.handler != nil {
		return b.handler
	}
	if w.function != nil && w.function.hosted.serving != nil {
		return w.function.hosted.serving.enter()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { at.s.act(w, r, b) })
}

// act answers as the seed says.
func (s *Serverless) act(w http.ResponseWriter, r *http.Request, b behaviour) {
	a := seeds.Answer{}
	if b.answer != nil {
		a = *b.answer
	}
	if a.Delay > 0 && s.base.Clock.Sleep(r.Context(), time.Duration(a.Delay)) != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	status, body := a.Status, a.Body
	if status == 0 {
		status = http.StatusOK
	}
	switch {
	case b.healthPath != "" && r.URL.Path == b.healthPath:
		status, body = http.StatusOK, "healthy\n"
	case b.healthPath != "" && b.answer == nil:
		status, body = http.StatusNotFound, "not found\n"
	case a.Redirect != "":
		w.Header().Set("Location", a.Redirect)
		if a.Status == 0 {
			status = http.StatusFound
		}
	case b.answer == nil:
		body = "ok\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	if a.EchoHeaders {
		body += echo(w.Header(), r.Header)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// echo sends a request's headers back as careless code does, and as the
// platform's CoreProcessing does with all of them, X-Auth-Token too.
func echo(out, in http.Header) string {
	var body strings.Builder
	for _, name := range slices.Sorted(maps.Keys(in)) {
		for _, value := range in[name] {
			out.Add(name, value)
			fmt.Fprintf(&body, "%s: %s\n", name, value)
		}
	}
	return body.String()
}

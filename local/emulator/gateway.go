package emulator

import (
	"net/http"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// gatewayServer is the Server header of endpoints; never recorded (A29).
const gatewayServer = "envoy"

// Gateway returns what stands in front of all functions and containers: it
// serves a request by its Host, the default domain of one or a custom domain
// that is ready.
//
// It is an assumption in most it does (A29 to A33): no call to an endpoint was
// ever recorded (FACTS section 10).
func (e *Emulator) Gateway() http.Handler {
	return e.traffic.Observe(gatewayServer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.enter(w, r, e.endpointOf(traffic.HostOnly(r.Host)))
	}))
}

// Door returns the gateway in front of one function or container, whatever the
// Host of a request and whether it is HTTPS: a front door for curl.
func (e *Emulator) Door(id string) http.Handler {
	return e.traffic.Observe(gatewayServer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.base.Mu.Lock()
		at := entrance{}
		for _, p := range e.products(e.base.Clock.Now()) {
			if found := p.workloads.Get(id); found != nil {
				at = entrance{product: p, workload: found}
			}
		}
		e.base.Mu.Unlock()
		e.enter(w, r.WithContext(traffic.WithScheme(r.Context(), "https")), at)
	}))
}

// Serves tells whether the emulator answers for a host: the API's, and any
// that is or was an endpoint's (the gateway's domain, or a custom one).
func (e *Emulator) Serves(host string) bool {
	if host == traffic.APIHost || strings.Contains(host, ".functions.fnc.") && strings.HasSuffix(host, ".scw.cloud") {
		return true
	}
	return e.endpointOf(host).workload != nil
}

// entrance is where a host leads: to nothing if workload is nil.
type entrance struct {
	product  *product
	workload *workload
}

func (e *Emulator) endpointOf(host string) entrance {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	for _, p := range e.products(e.base.Clock.Now()) {
		for _, w := range p.workloads.All(nil) {
			if w.host == host && (w.container == nil || !w.container.publicOff) {
				return entrance{product: p, workload: w}
			}
		}
		for _, d := range p.domains.All(nil) {
			if d.hostname == host && d.status == statusReady {
				return entrance{product: p, workload: d.workload}
			}
		}
	}
	return entrance{}
}

// enter lets a request through the gateway, or turns it away. What is behind
// runs without the lock: it may take its time, and call the API.
func (e *Emulator) enter(w http.ResponseWriter, r *http.Request, at entrance) {
	e.base.Mu.Lock()
	verdict := e.admit(r, at)
	var behind http.Handler
	if verdict == nil {
		behind = e.behind(r, at)
	}
	e.base.Mu.Unlock()
	if verdict != nil {
		verdict.write(w)
		return
	}
	behind.ServeHTTP(w, r)
}

// refusal is an answer of the gateway itself.
type refusal struct {
	status   int
	body     string
	location string
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.location != "" {
		w.Header().Set("Location", f.location)
	}
	kind := "text/plain"
	if strings.HasPrefix(f.body, "{") {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.body)) //nolint:gosec // the emulator's own refusal, from its options
}

// admit returns why a request is turned away, or nil. The order is an
// assumption (A30): HTTPS first, then who may enter, then whether somebody is
// at home. e.base.mu is held.
func (e *Emulator) admit(r *http.Request, at entrance) *refusal {
	w := at.workload
	if w == nil || w.status == statusDeleting {
		return &refusal{status: http.StatusNotFound, body: "404 page not found\n"}
	}
	if w.httpsOnly && !traffic.Secure(r) {
		return &refusal{status: http.StatusMovedPermanently, location: "https://" + traffic.HostOnly(r.Host) + r.URL.RequestURI()}
	}
	if w.privacy == "private" && !e.mayEnter(r, at) {
		return e.refuse()
	}
	if w.runs() != nil {
		return nil
	}
	return unavailable()
}

func unavailable() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, body: "no healthy upstream"}
}

// refuse is how the gateway turns away who has no valid token (A07).
func (e *Emulator) refuse() *refusal {
	f := &refusal{status: e.base.Settings.Answers.RefusalStatus, body: e.base.Settings.Answers.RefusalBody}
	if f.status == 0 {
		f.status = http.StatusForbidden
	}
	if f.body == "" {
		f.body = `{"error":"request is forbidden"}`
	}
	return f
}

// mayEnter tells whether the X-Auth-Token opens a private workload: the secret
// of an IAM key whose bearer may call private ones in this project, or a
// legacy token of the workload or its namespace.
func (e *Emulator) mayEnter(r *http.Request, at entrance) bool {
	presented := r.Header.Get("X-Auth-Token")
	if presented == "" {
		return false
	}
	now := e.base.Clock.Now()
	for _, t := range at.product.tokens.All(nil) {
		if t.jwt == presented {
			return t.opens(at.workload, now)
		}
	}
	who, err := e.iam.PrivateCaller(presented, at.product.name, at.workload.namespace.project, now)
	if err != nil {
		return false
	}
	traffic.Noted(r).AccessKey = who.AccessKey
	return true
}

// opens tells whether a token opens w now. One that is being deleted does not
// any more (A31), nor does one that has expired.
func (t *token) opens(w *workload, now time.Time) bool {
	if t.status == statusDeleting || t.expires.Due(now) {
		return false
	}
	if t.workload != nil {
		return t.workload == w
	}
	return t.namespace == w.namespace
}

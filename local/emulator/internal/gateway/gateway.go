package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// serverName is the Server header of endpoints; never recorded (A29).
const serverName = "envoy"

// Access is what the gateway asks of IAM.
type Access interface {
	// PrivateCaller tells who bears a secret key, if they may call private
	// endpoints of a product (functions or containers) in a project.
	PrivateCaller(secret, product, project string, now time.Time) (*api.Caller, error)
}

// Gateway is what stands in front of all functions and containers. Its methods
// take the emulator's lock.
type Gateway struct {
	base    *api.Base
	traffic *traffic.Traffic
	access  Access
	behind  *serverless.Serverless
}

// New returns the gateway in front of what is behind it.
func New(b *api.Base, t *traffic.Traffic, access Access, behind *serverless.Serverless) *Gateway {
	return &Gateway{base: b, traffic: t, access: access, behind: behind}
}

// Handler serves a request by its Host, the default domain of a function or
// container, or a custom domain that is ready.
func (g *Gateway) Handler() http.Handler {
	return g.traffic.Observe(serverName, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.enter(w, r, g.at(traffic.HostOnly(r.Host)))
	}))
}

// Door serves every request as one to that function or container, whatever the
// Host and whether it is HTTPS.
func (g *Gateway) Door(id string) http.Handler {
	return g.traffic.Observe(serverName, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.base.Mu.Lock()
		at := g.behind.Of(id)
		g.base.Mu.Unlock()
		g.enter(w, r.WithContext(traffic.WithScheme(r.Context(), "https")), at)
	}))
}

// Serves tells whether a host is that of an endpoint, or was one on the
// gateway's domain.
func (g *Gateway) Serves(host string) bool {
	if strings.Contains(host, ".functions.fnc.") && strings.HasSuffix(host, ".scw.cloud") {
		return true
	}
	return g.at(host).Known()
}

func (g *Gateway) at(host string) serverless.Entrance {
	g.base.Mu.Lock()
	defer g.base.Mu.Unlock()
	return g.behind.At(host)
}

// enter lets a request through the gateway, or turns it away. What is behind
// runs without the lock: it may take its time, and call the API.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request, at serverless.Entrance) {
	g.base.Mu.Lock()
	verdict := g.admit(r, at)
	var behind http.Handler
	if verdict == nil {
		behind = at.Behind(r)
	}
	g.base.Mu.Unlock()
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
// at home. The lock is held.
func (g *Gateway) admit(r *http.Request, at serverless.Entrance) *refusal {
	if !at.Leads() {
		return &refusal{status: http.StatusNotFound, body: "404 page not found\n"}
	}
	if at.HTTPSOnly() && !traffic.Secure(r) {
		return &refusal{status: http.StatusMovedPermanently, location: "https://" + traffic.HostOnly(r.Host) + r.URL.RequestURI()}
	}
	if at.Private() && !g.mayEnter(r, at) {
		return g.refuse()
	}
	if at.Serves() {
		return nil
	}
	return unavailable()
}

func unavailable() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, body: "no healthy upstream"}
}

// refuse is how the gateway turns away who has no valid token (A07).
func (g *Gateway) refuse() *refusal {
	f := &refusal{status: g.base.Settings.Answers.RefusalStatus, body: g.base.Settings.Answers.RefusalBody}
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
func (g *Gateway) mayEnter(r *http.Request, at serverless.Entrance) bool {
	presented := r.Header.Get("X-Auth-Token")
	if presented == "" {
		return false
	}
	now := g.base.Clock.Now()
	if opens, known := at.Opens(presented, now); known {
		return opens
	}
	who, err := g.access.PrivateCaller(presented, at.Product(), at.Project(), now)
	if err != nil {
		return false
	}
	traffic.Noted(r).AccessKey = who.AccessKey
	return true
}

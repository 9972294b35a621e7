package emulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// call is one authenticated request to the API while it is being served; the
// emulator's lock is held.
type call struct {
	*Emulator
	r      *http.Request
	body   []byte
	now    time.Time
	region string // of a regional product, else ""
	who    *caller
	needs  need
}

// endpoint serves one route. It returns the object to send with 200, or nil
// for 204 without a body.
type endpoint func(c *call) (any, error)

// need says what a caller must hold to use a route: one of the permission
// sets, in the scope that the endpoint passes to authorize.
type need struct {
	action   string // as the 403 names it: read, write, delete, …
	resource string // as the 403 names it: api_key, function, …
	sets     []string
}

// routes registers every route that exists. What is not here answers as an API
// gateway does; it is counted, and shows in the history as unknown.
func (e *Emulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	e.routeMetadata(mux)
	e.routeAccount(mux)
	e.routeIAM(mux)
	e.routeSecrets(mux)
	e.routeFunctions(mux)
	e.routeContainers(mux)
	e.routeContainersV1(mux)
	mux.HandleFunc("PUT /upload/{name}", e.receive)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.NotFound("route", e.traffic.Unknown(r)))
	})
	return mux
}

// handle registers one route. pattern is that of http.ServeMux; {region} in it
// makes the route regional.
func (e *Emulator) handle(mux *http.ServeMux, pattern string, needs need, serve endpoint) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			wire.WriteError(w, wire.Message(http.StatusBadRequest, "cannot read the request"))
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		c := &call{Emulator: e, r: r, body: body, now: e.clock.Now(), region: r.PathValue("region"), needs: needs}
		answer, err := c.serve(serve)
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteAnswer(w, answer)
	})
}

func (c *call) serve(serve endpoint) (any, error) {
	who, err := c.authenticate(c.r.Header.Get("X-Auth-Token"))
	if err != nil {
		return nil, err
	}
	c.who = who
	traffic.Noted(c.r).AccessKey = who.accessKey
	return serve(c)
}

// decode reads the request's JSON body into v; unknown fields are ignored, as
// the real API does.
func (c *call) decode(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return wire.Message(http.StatusBadRequest, "invalid JSON in the request's body: %v", err)
	}
	return nil
}

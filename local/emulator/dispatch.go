package emulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

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
		if noted, ok := r.Context().Value(requestKey{}).(*Request); ok {
			noted.Unknown = true
		}
		route, first := e.history.miss(r.Method, r.URL.EscapedPath())
		if first && e.options.OnUnknownRoute != nil {
			e.options.OnUnknownRoute(route)
		}
		wire.WriteError(w, wire.NotFound("route", route))
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
	if noted, ok := c.r.Context().Value(requestKey{}).(*Request); ok {
		noted.AccessKey = who.accessKey
	}
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

// API returns the emulated api.scaleway.com.
func (e *Emulator) API() http.Handler {
	return e.observe("Scaleway API Gateway (fr-par-1;edge01)", e.mux)
}

// requestKey is the context key under which the history's line travels.
type requestKey struct{}

// observe wraps what the emulator serves: headers, latency, faults, history.
func (e *Emulator) observe(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noted := &Request{
			Seq: e.history.next(), Method: r.Method, Host: r.Host,
			Path: r.URL.Path, Query: r.URL.RawQuery, UserAgent: r.UserAgent(),
		}
		answer := &recorder{header: http.Header{}}
		fault := e.faults.strike(r)
		defer func() {
			noted.Time = e.clock.Now()
			noted.Status = answer.status
			e.history.add(*noted)
			e.mu.Lock()
			if e.auditor != nil {
				e.auditor.after(noted)
			}
			e.mu.Unlock()
			if answer.status == 0 {
				panic(http.ErrAbortHandler) // the server cuts the connection
			}
		}()
		wait := e.Latency()
		if fault != nil {
			noted.Fault = fault.name()
			wait += fault.Delay
		}
		if wait > 0 && e.clock.Sleep(r.Context(), wait) != nil {
			return // the client has gone
		}
		if fault != nil && fault.DropFirst {
			return
		}
		answer.Header().Set("Server", server)
		e.mu.Lock()
		answer.Header().Set("X-Request-Id", e.mint.UUID())
		e.mu.Unlock()
		answer.Header().Set("Date", e.clock.Now().Format(http.TimeFormat))
		if fault != nil && fault.Status != 0 {
			fault.answer(answer)
		} else {
			r = r.WithContext(contextWith(r.Context(), noted))
			next.ServeHTTP(answer, r)
			answer.WriteHeader(http.StatusOK) // of a handler that wrote nothing
			noted.Route = strings.TrimSuffix(r.Pattern, "/")
		}
		if fault != nil && fault.spoil(answer) {
			return
		}
		answer.copyTo(w)
	})
}

package traffic

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
)

// Controls are what a test, or a person, sees and sets of the traffic. Their
// methods may be called from many goroutines.
type Controls struct {
	history history
	faults  faults
	latency atomic.Int64 // of type time.Duration
}

// History returns the requests so far, API and gateway, in order of arrival.
func (c *Controls) History() []Request { return c.history.all() }

// ForgetHistory empties the history; sequence numbers go on, and so do the
// counts of Served and UnknownRoutes.
func (c *Controls) ForgetHistory() { c.history.clear() }

// Served tells how many requests have arrived, at API and gateway.
func (c *Controls) Served() int { return c.history.served() }

// UnknownRoutes returns what was asked of the API and does not exist here, in
// the order in which it was first asked for.
func (c *Controls) UnknownRoutes() []UnknownRoute { return c.history.missed() }

// Latency is how long every API call and endpoint takes at present.
func (c *Controls) Latency() time.Duration { return time.Duration(c.latency.Load()) }

// SetLatency changes it, from the next request on.
func (c *Controls) SetLatency(d time.Duration) { c.latency.Store(int64(d)) }

// Arm lets a fault strike from now on.
func (c *Controls) Arm(f Fault) { c.faults.arm(f) }

// Disarm removes all faults.
func (c *Controls) Disarm() { c.faults.clear() }

// Faults returns what of the armed faults can still strike.
func (c *Controls) Faults() []Fault { return c.faults.left() }

// Hooks are what is called while requests pass. None may be nil.
type Hooks struct {
	RequestID func() string      // makes the X-Request-Id of an answer
	Unknown   func(route string) // is called the first time that an unknown route is asked for
	Served    func(*Request)     // is called after each request, one that was cut too
}

// Traffic is what all requests pass through, API and gateway alike.
type Traffic struct {
	*Controls
	clock *clock.Clock
	hooks Hooks
}

// New returns a traffic that nothing has passed through.
func New(c *clock.Clock, hooks Hooks) *Traffic {
	return &Traffic{Controls: &Controls{}, clock: c, hooks: hooks}
}

// Unknown notes a request for a route that does not exist, and names the route.
func (t *Traffic) Unknown(r *http.Request) (route string) {
	Noted(r).Unknown = true
	route, first := t.history.miss(r.Method, r.URL.EscapedPath())
	if first {
		t.hooks.Unknown(route)
	}
	return route
}

// requestKey is the context key under which the history's line travels.
type requestKey struct{}

// Noted is the history's line of a request that is being served. Of one that
// nobody observes it is a line that nobody reads.
func Noted(r *http.Request) *Request {
	if line, ok := r.Context().Value(requestKey{}).(*Request); ok {
		return line
	}
	return &Request{}
}

// Observe wraps what the emulator serves: headers, latency, faults, history.
// server is what the answers name as such.
func (t *Traffic) Observe(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noted := &Request{
			Seq: t.history.next(), Method: r.Method, Host: r.Host,
			Path: r.URL.Path, Query: r.URL.RawQuery, UserAgent: r.UserAgent(),
		}
		answer := &recorder{header: http.Header{}}
		fault := t.faults.strike(r)
		defer func() {
			noted.Time = t.clock.Now()
			noted.Status = answer.status
			t.history.add(*noted)
			t.hooks.Served(noted)
			if answer.status == 0 {
				panic(http.ErrAbortHandler) // the server cuts the connection
			}
		}()
		wait := t.Latency()
		if fault != nil {
			noted.Fault = fault.name()
			wait += fault.Delay
		}
		if wait > 0 && t.clock.Sleep(r.Context(), wait) != nil {
			return // the client has gone
		}
		if fault != nil && fault.DropFirst {
			return
		}
		answer.Header().Set("Server", server)
		answer.Header().Set("X-Request-Id", t.hooks.RequestID())
		answer.Header().Set("Date", t.clock.Now().Format(http.TimeFormat))
		if fault != nil && fault.Status != 0 {
			fault.answer(answer)
		} else {
			r = r.WithContext(context.WithValue(r.Context(), requestKey{}, noted))
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

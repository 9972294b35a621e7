package traffic

import (
	"regexp"
	"slices"
	"sync"
	"time"
)

// Request is one line of the emulator's history. It holds no secret: neither
// headers nor bodies are kept.
type Request struct {
	Seq       int       `json:"seq"` // from 1, in the order the requests arrived
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Host      string    `json:"host"`
	Path      string    `json:"path"`
	Query     string    `json:"query,omitempty"`
	Route     string    `json:"route,omitempty"`      // the pattern that matched; empty: unknown route, or the gateway
	Unknown   bool      `json:"unknown,omitempty"`    // the emulator has no such route
	AccessKey string    `json:"access_key,omitempty"` // of the caller, where one was known
	UserAgent string    `json:"user_agent,omitempty"`
	Status    int       `json:"status"`          // 0: the connection was cut
	Fault     string    `json:"fault,omitempty"` // the fault that struck
}

// UnknownRoute is what was asked of the API and does not exist here: a method
// and a path, with {id} for what looks like an identifier.
type UnknownRoute struct {
	Route string `json:"route"`
	Count int    `json:"count"` // of the requests for it
}

// history records the requests of API and gateway.
type history struct {
	mu       sync.Mutex
	seq      int
	requests []Request
	unknown  []UnknownRoute // in the order in which they were first asked for
}

func (h *history) next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	return h.seq
}

func (h *history) add(r Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r)
}

// all returns the requests in the order of arrival; they are kept in the order
// in which they ended.
func (h *history) all() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	requests := slices.Clone(h.requests)
	slices.SortFunc(requests, func(a, b Request) int { return a.Seq - b.Seq })
	return requests
}

func (h *history) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = nil
}

var identifiers = regexp.MustCompile(`/(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|SCW[A-Z0-9]{17})(/|$)`)

// miss counts a request for what does not exist. first tells whether it is the
// first of its kind.
func (h *history) miss(method, path string) (route string, first bool) {
	route = method + " " + identifiers.ReplaceAllString(path, "/{id}$1")
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.unknown {
		if h.unknown[i].Route == route {
			h.unknown[i].Count++
			return route, false
		}
	}
	h.unknown = append(h.unknown, UnknownRoute{Route: route, Count: 1})
	return route, true
}

// served is how many requests have arrived.
func (h *history) served() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seq
}

func (h *history) missed() []UnknownRoute {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]UnknownRoute{}, h.unknown...)
}

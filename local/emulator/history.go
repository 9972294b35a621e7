package emulator

import (
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
	AccessKey string    `json:"access_key,omitempty"` // of the caller, where one was known
	UserAgent string    `json:"user_agent,omitempty"`
	Status    int       `json:"status"`          // 0: the connection was cut
	Fault     string    `json:"fault,omitempty"` // the fault that struck
}

// history records the requests of API and gateway.
type history struct {
	mu       sync.Mutex
	seq      int
	requests []Request
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

func (h *history) all() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Request(nil), h.requests...)
}

func (h *history) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = nil
}

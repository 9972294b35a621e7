package faults_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
)

// fault is one way in which a request can go wrong. It stands between the
// client and the emulator, so that the emulator's own history stays true.
type fault struct {
	name string
	// before takes the place of the request; after is what becomes of its
	// answer, once it took effect. One of the two is set.
	before func(*http.Request) (*http.Response, error)
	after  func(*http.Response) (*http.Response, error)
	lasts  time.Duration // it strikes all requests for so long, not one
	dies   bool          // nothing of the run reaches anybody from then on
	fresh  bool          // it strikes only what names something just created
}

func status(code int, header http.Header, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		sent := http.Header{}
		maps.Copy(sent, header)
		if body != "" {
			sent.Set("Content-Type", "application/json")
		}
		return &http.Response{
			Status: http.StatusText(code), StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: sent, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
		}, nil
	}
}

// faults are those of the matrix.
func faults() []fault {
	const forbidden = `{"details":[],"message":"insufficient permissions","type":"permissions_denied"}`
	lost := func(resp *http.Response) (*http.Response, error) {
		_ = resp.Body.Close()
		return nil, syscall.ECONNRESET
	}
	cut := func(resp *http.Response) (*http.Response, error) {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
		return resp, nil
	}
	page := func(resp *http.Response) (*http.Response, error) {
		const html = "<html>It works!</html>"
		_ = resp.Body.Close()
		resp.StatusCode, resp.ContentLength = http.StatusOK, int64(len(html))
		resp.Body = io.NopCloser(strings.NewReader(html))
		return resp, nil
	}
	timeout := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return []fault{
		{name: "dies before", dies: true, before: func(*http.Request) (*http.Response, error) { return nil, runtest.ErrDead }},
		{name: "dies after", dies: true, after: func(*http.Response) (*http.Response, error) { return nil, runtest.ErrDead }},
		{name: "reset after", after: lost},
		{name: "answers lost for 45 s", after: lost, lasts: 45 * time.Second},
		{name: "500", before: status(http.StatusInternalServerError, nil, `{"message":"Internal error"}`)},
		{name: "503", before: status(http.StatusServiceUnavailable, nil, `{"message":"error while authenticating, please retry later"}`)},
		{name: "429", before: status(http.StatusTooManyRequests, http.Header{"X-Envoy-Ratelimited": {"true"}}, "")},
		{name: "429 with Retry-After", before: status(http.StatusTooManyRequests, http.Header{"Retry-After": {"7"}}, "")},
		{name: "timeout", before: timeout},
		{name: "half a body", after: cut},
		{name: "not JSON", after: page},
		{name: "401", before: status(http.StatusUnauthorized, nil, `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`)},
		{name: "403", before: status(http.StatusForbidden, nil, forbidden)},
		{name: "403 for 45 s", before: status(http.StatusForbidden, nil, forbidden), lasts: 45 * time.Second},
		{name: "404 just after a creation", fresh: true, before: status(http.StatusNotFound, nil, `{"message":"resource is not found","resource":"secret","resource_id":"","type":"not_found"}`)},
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// saboteur lets a fault strike the k-th request.
type saboteur struct {
	next  http.RoundTripper
	fault fault
	k     int // from 1; 0: never
	// changes: k counts only the requests that change something.
	changes bool

	mu      sync.Mutex
	seen    int
	struck  time.Time // when it struck first
	dead    bool
	created []string // identifiers of what was made through it
}

func (s *saboteur) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		return nil, runtest.ErrDead
	}
	counts := !s.changes || r.Method != http.MethodGet
	if counts {
		s.seen++
	}
	strike := counts && s.seen == s.k && (!s.fault.fresh || s.names(r))
	if strike {
		s.struck = time.Now()
	}
	strike = strike || (s.fault.lasts > 0 && !s.struck.IsZero() && time.Since(s.struck) < s.fault.lasts)
	if strike && s.fault.dies && s.fault.before != nil {
		s.dead = true
	}
	s.mu.Unlock()
	if strike && s.fault.before != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return s.fault.before(r)
	}
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	s.learn(r, resp)
	if strike {
		if s.fault.dies {
			s.mu.Lock()
			s.dead = true
			s.mu.Unlock()
		}
		return s.fault.after(resp)
	}
	return resp, nil
}

// names tells whether a request names something that was made just now.
func (s *saboteur) names(r *http.Request) bool {
	for _, id := range s.created {
		if strings.Contains(r.URL.Path, id) {
			return true
		}
	}
	return false
}

// learn notes what a creation made.
func (s *saboteur) learn(r *http.Request, resp *http.Response) {
	if r.Method != http.MethodPost || resp.StatusCode != http.StatusOK {
		return
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var made struct {
		ID        string `json:"id"`
		AccessKey string `json:"access_key"`
	}
	if json.Unmarshal(body, &made) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range []string{made.ID, made.AccessKey} {
		if id != "" {
			s.created = append(s.created, id)
		}
	}
}

package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	// connectFor is how long connections that cannot be made are tried again,
	// counted from the first that failed after the last that was made: the network
	// of an instance that has just started may take its time, and an API that is
	// gone for good must not take all of a run's.
	connectFor = 2 * time.Minute
	// transientFor is how long a resource that is changing is waited for.
	transientFor = time.Minute
)

// persist sends a call again where nothing can have taken effect: while
// connections cannot be made, and while the resource is in a transient state
// (409).
func (t *Transport) persist(ctx context.Context, r *retryablehttp.Request) (*http.Response, error) {
	start := t.clock.Now()
	for n := 0; ; n++ {
		callOf(ctx).again = 0
		resp, err := t.retry.Do(r)
		_, unmade := errors.AsType[*UnmadeError](err)
		switch {
		case single(ctx):
			return resp, err
		case unmade && t.darkFor() < connectFor:
		case err == nil && changing(resp) && t.clock.Now().Sub(start) < transientFor:
		default:
			return resp, err
		}
		t.retries.Add(1)
		if over := t.clock.Sleep(ctx, Backoff(n, resp)); over != nil {
			return nil, over
		}
	}
}

// changing tells whether an answer is that the resource is changing just now.
func changing(resp *http.Response) bool {
	if resp.StatusCode != http.StatusConflict {
		return false
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		return false
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var said struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(body, &said) == nil && said.Type == "transient_state"
}

// UnmadeError is a connection that was never made: nothing was sent.
type UnmadeError struct{ cause error }

func (e *UnmadeError) Error() string { return e.cause.Error() }

func (e *UnmadeError) Unwrap() error { return e.cause }

// watch notes whether the connection that an attempt asks for is made. A
// transport that is not net/http's tells nothing.
func watch(ctx context.Context) (watched context.Context, made func() connection) {
	var state atomic.Int32
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { state.Store(int32(connectionAsked)) },
		GotConn: func(httptrace.GotConnInfo) { state.Store(int32(connectionMade)) },
	}), func() connection { return connection(state.Load()) }
}

// connection is how far an attempt's came.
type connection int32

const (
	connectionUntold connection = iota
	connectionAsked
	connectionMade
)

// neverMade tells whether an attempt failed before it had a connection: the name
// was not found, nobody listened, or TLS was not agreed upon. A certificate that
// is wrong is none of these: it stays so.
func neverMade(err error, made connection) bool {
	_, wrong := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case wrong || made == connectionMade:
		return false
	case made == connectionAsked:
		return true
	}
	_, lookup := errors.AsType[*net.DNSError](err)
	op, ok := errors.AsType[*net.OpError](err)
	return lookup || ok && op.Op == "dial"
}

// darkness is a time in which no connection could be made.
type darkness struct{ since, last time.Time }

// sawDark notes whether a connection was made; what lies too far back says
// nothing of the present.
func (t *Transport) sawDark(dark bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	switch {
	case !dark:
		t.dark = darkness{}
	case t.dark.since.IsZero() || now.Sub(t.dark.last) > attemptTime+2*backoffMax:
		t.dark = darkness{now, now}
	default:
		t.dark.last = now
	}
}

func (t *Transport) darkFor() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock.Now().Sub(t.dark.since)
}

// Package transport is how calls are sent: retried where that is safe, spaced as
// the API allows, and counted. It stands under Scaleway's SDK, and knows nothing
// of what is called.
package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/scw-key-rotator/rotator/internal/clock"
)

const (
	Attempts    = 5 // of one call, the first included
	attemptTime = 30 * time.Second
	backoffMin  = 500 * time.Millisecond
	backoffMax  = 15 * time.Second
	// retryAfterMax is the longest that a Retry-After is waited for.
	retryAfterMax = time.Minute
	// jumpMax is how far ahead of those before it an answer's Date is believed.
	jumpMax = 2 * time.Minute
)

// Transport is the one place where calls are retried, spaced and counted. It
// stands under the SDK, which retries nothing.
//
// Retried are 429 for every call, since the gateway refused it before it took
// effect, and 502, 503, 504 and connection errors only for calls that can be
// repeated: a lost answer to a creation may hide a success. Where the connection
// was never made, or the answer is that a resource is changing just now, nothing
// has taken effect: see persist. Nothing is retried for those marked by Once.
type Transport struct {
	retry  *retryablehttp.Client
	flight chan struct{} // one slot a request on the wire
	pace   *pace
	base   http.RoundTripper
	clock  clock.Clock

	calls   atomic.Int64 // requests sent, each retry counted
	retries atomic.Int64

	mu     sync.Mutex
	offset time.Duration // the API's clock less ours
	dated  bool          // offset was read at least once
	dark   darkness
}

// New returns a transport over another, with so many requests in flight and no
// more than so many a second.
func New(base http.RoundTripper, c clock.Clock, inFlight, perSecond int) *Transport {
	t := &Transport{
		base: base, clock: c,
		flight: make(chan struct{}, inFlight),
		pace:   newPace(c, perSecond),
	}
	t.retry = &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: roundTrip(t.send), CheckRedirect: Stay},
		RetryMax:     Attempts - 1,
		CheckRetry:   checkRetry,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }, // PrepareRetry waits, on our clock
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(r *http.Request) error {
			t.retries.Add(1)
			return t.clock.Sleep(r.Context(), callOf(r.Context()).wait)
		},
	}
	return t
}

// Calls returns how many requests were sent so far, and how many of them were
// retries.
func (t *Transport) Calls() (sent, retried int64) { return t.calls.Load(), t.retries.Load() }

// PerSecond returns how many calls a second are allowed by now.
func (t *Transport) PerSecond() float64 { return t.pace.perSecond() }

// Now returns the API's time.
func (t *Transport) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock.Now().Add(t.offset).UTC()
}

// ClockOffset returns how far the API's clock is from ours, and whether any
// answer has told.
func (t *Transport) ClockOffset() (offset time.Duration, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.offset, t.dated
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Stay follows no redirect: Go's client would send X-Auth-Token along.
func Stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// call is one call on its way through its attempts.
type call struct {
	repeatable bool
	again      int           // retries decided upon so far, of this row
	wait       time.Duration // before the next
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// RoundTrip sends a call, again where that is safe.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := context.WithValue(r.Context(), callKey{}, &call{repeatable: repeatable(r)})
	again, err := retryablehttp.FromRequest(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	resp, err := t.persist(ctx, again)
	if err == nil {
		return resp, nil
	}
	if resp != nil {
		_ = resp.Body.Close() // it came when the context had ended
	}
	if over := context.Cause(ctx); over != nil {
		return nil, over
	}
	for { // the client above wraps once more; a URL has a query
		wrapped, ok := errors.AsType[*url.Error](err)
		if !ok {
			return nil, err
		}
		err = wrapped.Err
	}
}

// send puts one attempt on the wire, and reads the answer to its end.
func (t *Transport) send(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	select {
	case t.flight <- struct{}{}:
		defer func() { <-t.flight }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := t.pace.wait(ctx); err != nil {
		return nil, err
	}
	t.calls.Add(1)
	attempt, cancel := clock.WithTimeout(ctx, t.clock, attemptTime)
	defer cancel()
	watched, made := watch(attempt)
	resp, err := t.base.RoundTrip(r.WithContext(watched))
	if err == nil {
		err = buffer(resp)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case err != nil && attempt.Err() != nil:
		err = fmt.Errorf("no answer within %s", attemptTime)
	case err != nil && resp != nil: // some of it came
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, failing{err}))
	}
	if resp == nil || err != nil && attempt.Err() != nil {
		if neverMade(err, made()) {
			t.sawDark(true)
			err = &UnmadeError{err}
		}
		return nil, err
	}
	t.sawDark(false)
	t.pace.answered(resp)
	t.readDate(resp.Header.Get("Date"))
	if r.Method != http.MethodDelete && resp.StatusCode == http.StatusOK && resp.ContentLength == 0 {
		resp.ContentLength = -1 // else the SDK takes no answer for an empty one: a list without items
	}
	return resp, nil
}

// buffer reads an answer's body to its end, or as far as it comes.
func buffer(resp *http.Response) error {
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// failing reads as what comes no further.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// readDate keeps how far the API's clock is from ours. The header has whole
// seconds, so a difference under a second means nothing.
func (t *Transport) readDate(header string) {
	date, err := http.ParseTime(header)
	if err != nil {
		return
	}
	offset := date.Sub(t.clock.Now())
	if offset.Abs() < time.Second {
		offset = 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dated && offset > t.offset+jumpMax {
		return // one answer ahead of all others would end every grace
	}
	t.offset, t.dated = offset, true
}

type onceKey struct{}

// Once marks a call that is sent a single time, come what may: what it says is
// stale after a wait.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

func single(ctx context.Context) bool {
	single, _ := ctx.Value(onceKey{}).(bool)
	return single
}

// repeatable tells whether sending r twice does what sending it once does.
func repeatable(r *http.Request) bool {
	return r.Method != http.MethodPost || strings.HasSuffix(r.URL.Path, "/disable")
}

func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	c := callOf(ctx)
	retry := false
	switch {
	case single(ctx):
	case err != nil:
		// The library knows which connection errors repeating cannot mend.
		mendable, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
		_, unmade := errors.AsType[*UnmadeError](err) // persist's business
		retry = c.repeatable && mendable && !unmade
	case resp.StatusCode == http.StatusTooManyRequests:
		retry = true
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusGatewayTimeout:
		retry = c.repeatable
	}
	if retry {
		c.wait = Backoff(c.again, resp)
		c.again++
	}
	return retry, nil
}

// Backoff doubles from backoffMin to backoffMax, between half and all of it by chance;
// the server's Retry-After goes before it.
func Backoff(attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if wait, ok := retryAfter(resp); ok {
			return wait
		}
	}
	full := min(backoffMin<<min(attempt, 16), backoffMax)
	var chance [8]byte
	_, _ = rand.Read(chance[:])                                                           // never fails
	return full/2 + time.Duration(binary.LittleEndian.Uint64(chance[:])%uint64(full/2+1)) //nolint:gosec // full is positive
}

// retryAfter reads the header in both of its forms: seconds, or a date, which
// is told against the answer's own Date.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	header := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return clamp(time.Duration(min(seconds, int(retryAfterMax/time.Second))) * time.Second), true
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return clamp(at.Sub(now)), true
}

func clamp(d time.Duration) time.Duration { return max(0, min(d, retryAfterMax)) }

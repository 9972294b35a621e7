package scaleway

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
)

// NewTransport is what stands under the SDK.
func NewTransport(base http.RoundTripper, c clock.Clock, inFlight, perSecond int) http.RoundTripper {
	return newTransport(base, c, inFlight, perSecond)
}

// RetryAfter reads an answer's header of that name.
func RetryAfter(resp *http.Response) (time.Duration, bool) { return retryAfter(resp) }

// Backoff is the wait before the retry after so many, where the answer sets none.
func Backoff(attempt int) time.Duration { return backoff(attempt, nil) }

// DecodePayload reads what a version holds.
func DecodePayload(data []byte) (KeyPair, error) { return decodePayload(data) }

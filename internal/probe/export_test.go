package probe

import (
	"net/http"
	"time"
)

// BoundedTransport is what a prober takes that was given no transport.
func BoundedTransport(timeout time.Duration) *http.Transport {
	return client(nil, timeout).Transport.(*http.Transport)
}

// Cause is what an answer says of an error.
func Cause(err error) string { return cause(err) }

// Judge fills a row's result in.
func (r *Row) Judge() { r.judge() }

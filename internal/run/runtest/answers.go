package runtest

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// ErrDead is what a client gets whose process was killed.
var ErrDead = errors.New(`unsupported protocol scheme "dead"`) // worded so that the retrying client gives up at once

// Over is a transport made of a function.
type Over func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f Over) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Answered is an answer of the API.
func Answered(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Request: r, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
)

// NewRoundTripper returns a transport that serves requests in this process:
// those to api.scaleway.com by api, all others by gateway. It opens no socket
// and starts no goroutine, so it can be used inside a testing/synctest bubble.
//
// A connection that the emulator cuts is an error that wraps ECONNRESET and
// io.ErrUnexpectedEOF; an answer shorter than it announced reads as
// io.ErrUnexpectedEOF. A request is served in the goroutine that sends it: a
// handler behind the gateway that does not heed its context is waited for.
func NewRoundTripper(api, gateway http.Handler) http.RoundTripper {
	return &inProcess{api: api, gateway: gateway}
}

// Send has a handler serve a client's request whose answer is nobody's. That
// the connection was cut is in the history, as status 0.
func Send(handler http.Handler, r *http.Request) {
	if served, err := asServer(r); err == nil {
		_ = serveOnce(handler, &recorder{header: http.Header{}}, served)
	}
}

type inProcess struct{ api, gateway http.Handler }

func (t *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // a RoundTripper must, also on errors
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" && r.URL.Scheme != "http" {
		return nil, fmt.Errorf("unsupported protocol scheme %q", r.URL.Scheme)
	}
	served, err := asServer(r)
	if err != nil {
		return nil, err
	}
	answer := &recorder{header: http.Header{}}
	handler := t.gateway
	if r.URL.Hostname() == APIHost {
		handler = t.api
	}
	if err := serveOnce(handler, answer, served); err != nil {
		// A client that has gone sees its own cancellation, not the cut.
		if gone := context.Cause(ctx); gone != nil {
			return nil, gone
		}
		return nil, err
	}
	return answer.response(r)
}

// asServer turns a client's request into what a server would have read.
func asServer(r *http.Request) (*http.Request, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	served := r.Clone(r.Context())
	if served.Header == nil {
		served.Header = http.Header{}
	}
	served.Body = io.NopCloser(bytes.NewReader(body))
	served.ContentLength = int64(len(body))
	served.GetBody = nil
	served.RequestURI = r.URL.RequestURI()
	served.Proto, served.ProtoMajor, served.ProtoMinor = "HTTP/1.1", 1, 1
	served.RemoteAddr = "127.0.0.1:1"
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	if username := r.URL.User; username != nil && served.Header.Get("Authorization") == "" {
		password, _ := username.Password()
		served.SetBasicAuth(username.Username(), password)
	}
	// A server knows the scheme by the connection, not by the URL.
	served.URL.Scheme, served.URL.Host, served.URL.User = "", "", nil
	served = served.WithContext(WithScheme(r.Context(), strings.ToLower(r.URL.Scheme)))
	return served, nil
}

// errCut is what a client sees of a connection that the server cut.
var errCut = fmt.Errorf("read: %w: %w", syscall.ECONNRESET, io.ErrUnexpectedEOF)

// serveOnce runs handler and turns the panic by which a handler cuts the
// connection into an error. Any other panic is a bug and goes on.
func serveOnce(handler http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			err = errCut
		default:
			panic(cause)
		}
	}()
	handler.ServeHTTP(w, r)
	return nil
}

// response is the answer as a client reads it off the wire.
func (a *recorder) response(r *http.Request) (*http.Response, error) {
	a.WriteHeader(http.StatusOK) // a handler that wrote nothing answers so
	length := int64(a.body.Len())
	if text := a.header.Get("Content-Length"); text != "" {
		announced, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errors.Join(errCut, err)
		}
		length = announced
	}
	for name, values := range a.header {
		if len(values) == 0 {
			delete(a.header, name)
		}
	}
	var body io.ReadCloser = http.NoBody
	if r.Method != http.MethodHead && a.status != http.StatusNoContent {
		body = &wireBody{ctx: r.Context(), rest: a.body.Bytes(), missing: length - int64(a.body.Len())}
	}
	if a.status == http.StatusNoContent {
		length = 0
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: body, ContentLength: length, Request: r,
	}, nil
}

// wireBody reads as a body off a connection: it fails once the client has
// cancelled, or at its end if bytes that were announced never came.
type wireBody struct {
	ctx     context.Context //nolint:containedctx // a body's reads take no context; net/http's own keeps it the same way
	rest    []byte
	missing int64
	closed  bool
}

func (b *wireBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	if len(b.rest) == 0 {
		if b.missing > 0 {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *wireBody) Close() error {
	b.closed = true
	return nil
}

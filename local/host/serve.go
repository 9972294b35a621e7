package host

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// bodyLimit is more than a function takes: it answers for what is too large.
const bodyLimit = 6291456 + 1

// ServeHTTP implements emulator.Revision.
func (r *revision) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, bodyLimit))
	if err != nil {
		panic(http.ErrAbortHandler) // the caller broke off
	}
	out := forward(req, body)
	answered := make(chan answer, 1)
	// The code goes on when its caller has gone, and its instance is busy
	// until then.
	r.calls.Go(func() { answered <- r.call(out, req.Context().Done()) })
	select {
	case a := <-answered:
		if a.status != 0 {
			a.write(w)
			return
		}
	case <-req.Context().Done():
	}
	panic(http.ErrAbortHandler) // the caller has gone
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that has gone needs none
}

// forward is a request as an instance gets it: all that the caller sent, but
// what concerns the connection.
func forward(req *http.Request, body []byte) *http.Request {
	out := req.Clone(context.WithoutCancel(req.Context()))
	out.URL = &url.URL{Scheme: "http", Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.RequestURI, out.TransferEncoding, out.Trailer, out.Close = "", nil, nil, false
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		out.Header.Del(name)
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "") // none, not Go's own
	}
	return out
}

// call has an instance serve a request, once one is free.
func (r *revision) call(out *http.Request, gone <-chan struct{}) answer {
	after := r.host.options.After
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-after(r.d.Timeout):
		return timedOut()
	case <-r.host.closing:
		return broken()
	case <-gone:
		return answer{}
	}
	i, err := r.take(out.Context())
	if err != nil {
		r.host.log(r.d, "instance: "+err.Error())
		return broken()
	}
	defer r.release(i)
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	exchanged := make(chan answer, 1)
	go func() { exchanged <- i.exchange(out.WithContext(ctx)) }()
	select {
	case a := <-exchanged:
		return a
	case <-after(r.d.Timeout):
		r.host.log(r.d, "instance: ended, the request took longer than "+r.d.Timeout.String())
		i.end()
		return timedOut()
	}
}

// exchange sends a request to an instance that is free. What comes of one that
// breaks is unknown: it is not used again.
func (i *instance) exchange(out *http.Request) answer {
	out.URL.Host = i.addr
	in, err := i.client.RoundTrip(out)
	if err != nil {
		i.end()
		return broken()
	}
	defer in.Body.Close()
	body, err := io.ReadAll(in.Body)
	if err != nil {
		i.end()
		return broken()
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Date", "Content-Length"} {
		in.Header.Del(name) // the gateway has its own
	}
	return answer{status: in.StatusCode, header: in.Header, body: body}
}

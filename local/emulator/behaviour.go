package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// behaviour is what stands behind an endpoint. The zero value answers 200
// "ok" to everything.
type behaviour struct {
	answer     *seeds.Answer
	healthPath string       // of a container: 200 there, 404 elsewhere
	handler    http.Handler // takes the place of the rest
}

// SetBehaviour puts a handler behind the gateway in place of what the seed
// says, for a function or container by its id. nil takes it away. It tells
// whether the id is known.
//
// For a function, the platform's own runtime still answers /favicon.ico and
// /robots.txt before the handler.
func (e *Emulator) SetBehaviour(id string, h http.Handler) bool {
	return e.change(id, func(w *workload) { w.behaviour.handler = h })
}

// Invocations tells how often the code of a function or container has run.
// Requests that the gateway or the functions' runtime answer do not count.
func (e *Emulator) Invocations(id string) int {
	n := 0
	e.change(id, func(w *workload) { n = w.invocations })
	return n
}

// InstallCode tells the emulator what deployments of a function do: build, or
// end in error. Without it a PATCH fails, and a deploy builds (A20).
func (e *Emulator) InstallCode(id string, builds bool) bool {
	return e.change(id, func(w *workload) {
		if w.function == nil {
			return
		}
		w.function.code = codeBroken
		if builds {
			w.function.code = codeBuilds
		}
	})
}

// change calls f with a workload under the lock; it tells whether there is one.
func (e *Emulator) change(id string, f func(*workload)) bool {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	for _, p := range e.products(e.base.Clock.Now()) {
		if w := p.workloads.Get(id); w != nil {
			f(w)
			return true
		}
	}
	return false
}

// behind returns what answers an admitted request, and counts it. e.base.mu is
// held; the handler runs without it.
func (e *Emulator) behind(r *http.Request, at entrance) http.Handler {
	w := at.workload
	// Source: IsRejectedRequest in serverless-functions-go, framework/core.
	if w.function != nil && (r.URL.Path == "/favicon.ico" || r.URL.Path == "/robots.txt") {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	}
	w.invocations++
	b := w.behaviour
	if b.handler != nil {
		return b.handler
	}
	if w.function != nil && w.function.hosted.serving != nil {
		return w.function.hosted.serving.enter()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.act(w, r, b) })
}

// act answers as the seed says.
func (e *Emulator) act(w http.ResponseWriter, r *http.Request, b behaviour) {
	a := seeds.Answer{}
	if b.answer != nil {
		a = *b.answer
	}
	if a.Delay > 0 && e.base.Clock.Sleep(r.Context(), time.Duration(a.Delay)) != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	status, body := a.Status, a.Body
	if status == 0 {
		status = http.StatusOK
	}
	switch {
	case b.healthPath != "" && r.URL.Path == b.healthPath:
		status, body = http.StatusOK, "healthy\n"
	case b.healthPath != "" && b.answer == nil:
		status, body = http.StatusNotFound, "not found\n"
	case a.Redirect != "":
		w.Header().Set("Location", a.Redirect)
		if a.Status == 0 {
			status = http.StatusFound
		}
	case b.answer == nil:
		body = "ok\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	if a.EchoHeaders {
		body += echo(w.Header(), r.Header)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// echo sends a request's headers back as careless code does, and as the
// platform's CoreProcessing does with all of them, X-Auth-Token too.
func echo(out, in http.Header) string {
	var body strings.Builder
	for _, name := range slices.Sorted(maps.Keys(in)) {
		for _, value := range in[name] {
			out.Add(name, value)
			fmt.Fprintf(&body, "%s: %s\n", name, value)
		}
	}
	return body.String()
}

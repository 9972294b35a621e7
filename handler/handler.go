// Package handler is the HTTP edge of the function: a request in, a run's
// report out.
//
// Every key that may call private functions of the project opens the function's
// endpoint, so what goes beyond a plain run needs the control secret (control.go).
// It decodes strictly, lets one run at a time through, and holds the only
// table from outcomes to statuses and the only recover. What a run is, it
// leaves to package run.
package handler

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/safe"
)

// bodyMax is the largest request body: what a run takes is a few names.
const bodyMax = 64 << 10

// Options are the handler's surroundings. Zero fields take the real ones.
type Options struct {
	API       http.RoundTripper // under the Scaleway SDK
	Endpoints http.RoundTripper // under the probes
	Tell      http.RoundTripper // under what is told of a run
	Clock     clock.Clock
	NewRunID  func() string
}

// Handler serves runs. It may be called from many goroutines.
type Handler struct {
	cfg     config.Config
	invalid error // why the configuration is refused, or nil
	options Options
	log     *slog.Logger
	running sync.Mutex
}

// New reads the configuration from environ (KEY=VALUE lines) and returns a
// handler that logs to out, one JSON object a line. A configuration that is
// refused is what the handler then answers, with 500.
func New(environ []string, out io.Writer, o Options) *Handler {
	if o.Clock.Now == nil {
		o.Clock = clock.Real()
	}
	if o.NewRunID == nil {
		o.NewRunID = newRunID
	}
	cfg, err := config.Read(environ)
	return &Handler{
		cfg: cfg, invalid: err, options: o,
		log: slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: printable.Attr})),
	}
}

func newRunID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// failure is an answer other than a report.
type failure struct {
	status int
	text   string
	hint   string
}

func (f *failure) Error() string { return f.text }

// ServeHTTP does one run and answers with its report: 200 if the run did all it
// should, 500 if it failed somewhere or the configuration is wrong. Errors of
// the request are 400, 403, 404, 405, 409 and 413, and change nothing.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	runID := h.options.NewRunID()
	log := h.log.With("run_id", runID)
	if id := r.Header.Get("X-Request-Id"); id != "" {
		log = log.With("request_id", report.Line(id))
	}
	may := h.authority(r)
	want, err := wanted(r)
	if err != nil {
		h.refuse(w, log, asJSON, err)
		return
	}
	done, err := h.serve(r, may, runID, log)
	if err != nil {
		h.refuse(w, log, want.format, err)
		return
	}
	status := http.StatusOK
	if done.Outcome != report.Success {
		status = http.StatusInternalServerError
	}
	if !want.full {
		done.SumUp()
	}
	var body bytes.Buffer
	if err := draw(&body, done, want.format, may == control); err != nil {
		h.refuse(w, log, want.format, err)
		return
	}
	write(w, status, want.format, body.Bytes())
}

// draw writes a report as the caller wants it, and as much as they may see.
func draw(w io.Writer, done *report.Report, as format, whole bool) error {
	switch {
	case as == asText && whole:
		return done.Text(w)
	case as == asText:
		return done.BriefText(w, wholeReport)
	case as == asHTML && whole:
		return done.HTML(w)
	case as == asHTML:
		return done.BriefHTML(w, wholeReport)
	case whole:
		return done.JSON(w)
	default:
		return encode(w, done.Brief(wholeReport))
	}
}

// serve checks the request and does the run.
func (h *Handler) serve(r *http.Request, may authority, runID string, log *slog.Logger) (done *report.Report, err error) {
	req, err := request(r)
	if err != nil {
		return nil, err
	}
	if h.invalid != nil {
		return nil, h.invalid
	}
	if err := h.allowed(may, req); err != nil {
		return nil, err
	}
	if !h.running.TryLock() {
		return nil, &failure{http.StatusConflict, "a run is in progress in this instance", "wait for its end, then ask again"}
	}
	defer h.running.Unlock()
	defer func() {
		if v := recover(); v != nil {
			// What a panic says may hold anything: only its stack is logged.
			stack := string(debug.Stack())
			if p, ok := v.(*safe.Panic); ok {
				stack = p.Stack // of the goroutine where it began
			}
			log.Error("panic in a run", "stack", stack)
			done, err = nil, &failure{http.StatusInternalServerError, "the run ended in a panic; its stack is in the log", "please report it"}
		}
	}()
	// A caller that goes away must not stop a run between two writes.
	ctx := context.WithoutCancel(r.Context())
	before := cpuTime()
	done, err = run.Do(ctx, h.cfg, req, run.Options{
		API: h.options.API, Endpoints: h.options.Endpoints, Tell: h.options.Tell, Clock: h.options.Clock, Log: log, RunID: runID,
	})
	if err == nil && !h.options.Clock.Emulated {
		cost(done, cpuTime()-before)
	}
	return done, err
}

// refuse answers with an error. This is the only place where one becomes a
// status.
func (h *Handler) refuse(w http.ResponseWriter, log *slog.Logger, as format, err error) {
	var (
		known   *failure
		refused *run.RequestError
		invalid *config.Error
		tooBig  *http.MaxBytesError
	)
	answer := failure{status: http.StatusInternalServerError, text: "internal error", hint: "the log says more"}
	switch {
	case errors.As(err, &known):
		answer = *known
	case errors.As(err, &refused):
		answer = failure{http.StatusBadRequest, printable.Line(refused.Error()), "nothing was changed"}
	case errors.As(err, &invalid):
		answer = failure{http.StatusInternalServerError, invalid.Error(), invalid.Hint()}
	case errors.As(err, &tooBig):
		answer = failure{http.StatusRequestEntityTooLarge, "the body is larger than 64 KiB", "send an empty body or a JSON object"}
	}
	say := log.Error
	if answer.status < http.StatusInternalServerError { // the caller's doing, and nothing is wrong here
		say = log.Warn
	}
	say("request refused", "status", answer.status, "error", err.Error())
	if answer.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, POST")
	}
	var body bytes.Buffer
	switch as {
	case asText:
		body.WriteString("✗ " + answer.text + "\n")
		if answer.hint != "" {
			body.WriteString("  → " + answer.hint + "\n")
		}
	case asHTML:
		_ = report.RefusalHTML(&body, answer.text, answer.hint) // a buffer takes everything
	default:
		_ = encode(&body, map[string]string{"error": answer.text, "hint": answer.hint}) // strings always encode
	}
	write(w, answer.status, as, body.Bytes())
}

func write(w http.ResponseWriter, status int, as format, body []byte) {
	kind := "application/json"
	switch as {
	case asText:
		kind = "text/plain; charset=utf-8"
	case asHTML:
		kind = "text/html; charset=utf-8"
		w.Header().Set("Content-Security-Policy", report.ContentSecurityPolicy())
		w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// format is how an answer is written.
type format int

const (
	asJSON format = iota
	asText        // to be read
	asHTML        // to be looked at
)

// wish is how a caller wants the report.
type wish struct {
	format format
	full   bool // each row that is as it should be, too
}

const wishes = "want ?format=json, text or html, ?full=1, or none"

// wanted reads it from the query, or the Accept header.
func wanted(r *http.Request) (wish, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return wish{}, bad("the query of the address cannot be read; " + wishes)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != "format" && name != "full" || len(query[name]) != 1 {
			return wish{}, bad("%s: no such parameter, or given twice; "+wishes+"; what a run is to do stands in its body", quote(name))
		}
	}
	var w wish
	switch full := query.Get("full"); full {
	case "1":
		w.full = true
	case "0", "":
	default:
		return w, bad("full: %s is not right; want 1, or 0", quote(full))
	}
	switch name := query.Get("format"); name {
	case "text":
		w.format = asText
	case "html":
		w.format = asHTML
	case "json":
	case "":
		w.format = accepted(r.Header.Get("Accept"))
	default:
		return w, &failure{http.StatusBadRequest, "format: " + quote(name) + " is not a format; want json, text or html", ""}
	}
	return w, nil
}

// accepted is the format that a caller names first, if there is such a one.
func accepted(header string) format {
	switch {
	case strings.HasPrefix(header, "text/plain"):
		return asText
	case strings.HasPrefix(header, "text/html"):
		return asHTML
	default:
		return asJSON
	}
}

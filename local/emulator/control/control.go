package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/account"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/iam"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

const controlHelp = `The control listener of an emulator of Scaleway. It is no part of Scaleway's API.

GET /state      the clock, and all that the emulator holds; never a secret
GET /history    the requests that API and endpoints have had, one JSON object a line
                ?since=SEQ  only those after that seq    ?unknown=1  only unknown routes
DELETE /history
GET /unknown    routes that were asked for and that the emulator does not have
POST /clock     {"advance": "30d"} or {"to": "2027-01-01T00:00:00Z"}; it never goes back
POST /latency   {"latency": "50ms"}, of every API call and endpoint
POST /faults    something that goes wrong with requests to come:
                  which ones   "method", "path" (with *), "skip" and "times" (1; -1 for ever)
                  and how      "status" with "header" and "body", or one of "drop_first",
                               "drop_after", "half", "not_json"; "delay" with any of them or alone
                {"method": "POST", "path": "/iam/v1alpha1/api-keys", "status": 503}
DELETE /faults  all of them

  curl -d '{"advance": "30d"}' $EMULATOR_CONTROL_URL/clock
  curl $EMULATOR_CONTROL_URL/state
`

// Emulator is what the listener shows and moves.
type Emulator struct {
	Base       *api.Base
	Traffic    *traffic.Controls
	Account    *account.Account
	IAM        *iam.IAM
	Secrets    *secrets.Secrets
	Serverless *serverless.Serverless
}

// Handler returns the handler of the listener. GET / says how.
func (e *Emulator) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /state":      func(*http.Request) (any, error) { return e.state(), nil },
		"GET /unknown":    func(*http.Request) (any, error) { return e.unknown(), nil },
		"DELETE /history": func(*http.Request) (any, error) { e.Traffic.ForgetHistory(); return nil, nil },
		"DELETE /faults":  func(*http.Request) (any, error) { e.Traffic.Disarm(); return nil, nil },
		"POST /clock":     e.moveClock,
		"POST /latency":   e.changeLatency,
		"POST /faults":    e.armFault,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := serve(r)
			if err != nil {
				wire.WriteError(w, wire.Message(http.StatusBadRequest, "%s", strings.ReplaceAll(err.Error(), "\n", "; ")))
				return
			}
			writePretty(w, answer)
		})
	}
	mux.HandleFunc("GET /history", e.serveHistory)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, controlHelp)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.Message(http.StatusNotFound, "no %s %s here; GET / says what there is", r.Method, r.URL.Path))
	})
	return mux
}

// writePretty answers for people to read.
func writePretty(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(answer)
}

// longestCommand is far more than any command needs.
const longestCommand = 1 << 20

// command reads the JSON of a request into v.
func command(r *http.Request, v any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, longestCommand))
	if err != nil {
		return fmt.Errorf("cannot read the request: %w", err)
	}
	return strict.Read(text, v)
}

func (e *Emulator) unknown() any {
	routes, count := e.Traffic.UnknownRoutes(), 0
	for _, route := range routes {
		count += route.Count
	}
	return wire.Object{"count": count, "routes": routes}
}

// serveHistory writes a line for each request, so that nothing more than grep
// is needed to find one.
func (e *Emulator) serveHistory(w http.ResponseWriter, r *http.Request) {
	since, unknown, err := historyFilters(r)
	if err != nil {
		wire.WriteError(w, wire.Message(http.StatusBadRequest, "%v", err))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, row := range e.Traffic.History() {
		if row.Seq <= since || unknown && !row.Unknown {
			continue
		}
		if lines.Encode(row) != nil { //nolint:gosec // an access key is no secret
			return // the client has gone
		}
	}
}

func historyFilters(r *http.Request) (since int, unknown bool, err error) {
	for name, values := range r.URL.Query() {
		value := values[len(values)-1]
		switch name {
		case "since":
			if since, err = strconv.Atoi(value); err != nil || since < 0 {
				return 0, false, fmt.Errorf("since: want the seq of a request, such as 12, not %q", value)
			}
		case "unknown":
			if unknown, err = strconv.ParseBool(value); err != nil {
				return 0, false, fmt.Errorf("unknown: want 1 or 0, not %q", value)
			}
		default:
			return 0, false, fmt.Errorf("%s: no such filter; want since or unknown", name)
		}
	}
	return since, unknown, nil
}

// lastYear leaves room before 9999, the last that JSON can tell.
const lastYear = 9000

func (e *Emulator) moveClock(r *http.Request) (any, error) {
	var in struct {
		Advance seeds.Age  `json:"advance"`
		To      *time.Time `json:"to"`
	}
	if err := command(r, &in); err != nil {
		return nil, err
	}
	now := e.Base.Clock.Now()
	switch {
	case (in.Advance != 0) == (in.To != nil):
		return nil, errors.New(`advance: want either this, such as "30d", or to, such as "2027-01-01T00:00:00Z"`)
	case in.Advance < 0:
		return nil, fmt.Errorf("advance: want a duration such as 30d, not %s: the clock never goes back", in.Advance)
	case in.To != nil && !in.To.After(now):
		return nil, fmt.Errorf("to: want a time after %s, which it is now: the clock never goes back", now.Format(time.RFC3339))
	}
	by := time.Duration(in.Advance)
	if in.To != nil {
		by = in.To.Sub(now)
	}
	if by == math.MaxInt64 {
		return nil, errors.New("to: want a time within 292 years from now")
	}
	if now.Add(by).Year() > lastYear {
		return nil, fmt.Errorf("advance: want less: the clock ends with the year %d", lastYear)
	}
	e.Base.Clock.Advance(by)
	return wire.Object{"clock": e.Base.Clock.Now()}, nil
}

func (e *Emulator) changeLatency(r *http.Request) (any, error) {
	var in struct {
		Latency *seeds.Age `json:"latency"`
	}
	if err := command(r, &in); err != nil {
		return nil, err
	}
	if in.Latency == nil || *in.Latency < 0 {
		return nil, errors.New("latency: want a duration such as 50ms, or 0s for none")
	}
	e.Traffic.SetLatency(time.Duration(*in.Latency))
	return wire.Object{"latency": *in.Latency}, nil
}

// faultView is a Fault in JSON.
type faultView struct {
	Method    string            `json:"method,omitempty"`
	Path      string            `json:"path,omitempty"`
	Skip      int               `json:"skip,omitempty"`
	Times     int               `json:"times,omitempty"`
	Delay     seeds.Age         `json:"delay,omitempty"`
	Status    int               `json:"status,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
	Body      string            `json:"body,omitempty"`
	DropFirst bool              `json:"drop_first,omitempty"`
	DropAfter bool              `json:"drop_after,omitempty"`
	Half      bool              `json:"half,omitempty"`
	NotJSON   bool              `json:"not_json,omitempty"`
}

func (e *Emulator) armFault(r *http.Request) (any, error) {
	var in faultView
	if err := command(r, &in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	f := traffic.Fault{
		Method: in.Method, Path: in.Path, Skip: in.Skip, Times: in.Times, Delay: time.Duration(in.Delay), Status: in.Status,
		Body: in.Body, DropFirst: in.DropFirst, DropAfter: in.DropAfter, Half: in.Half, NotJSON: in.NotJSON, Header: http.Header{},
	}
	for name, value := range in.Header {
		f.Header.Set(name, value)
	}
	e.Traffic.Arm(f)
	return wire.Object{"faults": viewFaults(e.Traffic.Faults())}, nil
}

// faultMethods are those that the API has.
var faultMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

func (f *faultView) check() error {
	effects := 0
	for _, has := range []bool{f.Status != 0, f.DropFirst, f.DropAfter, f.Half, f.NotJSON} {
		if has {
			effects++
		}
	}
	switch {
	case f.Method != "" && !slices.Contains(faultMethods, f.Method):
		return strict.NoneOf("method", f.Method, faultMethods)
	case f.Path != "" && (!strings.HasPrefix(f.Path, "/") || !validPattern(f.Path)):
		return fmt.Errorf("path: want a pattern over the whole path, such as /iam/v1alpha1/api-keys/*, not %q", f.Path)
	case f.Skip < 0:
		return fmt.Errorf("skip: want how many requests to leave alone first, not %d", f.Skip)
	case f.Delay < 0:
		return fmt.Errorf("delay: want a duration such as 2s, not %s", f.Delay)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: want a number from 200 to 599, not %d", f.Status)
	case f.Status == 0 && (f.Body != "" || len(f.Header) > 0):
		return errors.New("status: is required with header and body")
	case effects > 1:
		return errors.New("status: want only one of status, drop_first, drop_after, half and not_json")
	case effects == 0 && f.Delay == 0:
		return errors.New("status: want an effect: status, drop_first, drop_after, half, not_json or delay")
	}
	return nil
}

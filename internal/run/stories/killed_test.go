package stories_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// via does one run through a transport.
func (l *tale) via(strike func(*http.Request) *http.Response) {
	l.t.Helper()
	if !l.start() {
		l.down++
		return
	}
	o := l.with()
	var mu sync.Mutex
	o.API = runtest.Over(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		resp := strike(r)
		mu.Unlock()
		switch {
		case resp == toldDead:
			return nil, runtest.ErrDead
		case resp != nil:
			return resp, nil
		}
		return l.RoundTripper().RoundTrip(r)
	})
	rep, err := run.Do(l.t.Context(), l.Cfg, run.Request{}, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.last = rep
	if rep.Outcome == report.Success {
		l.outcomes += "v"
	} else {
		l.outcomes += "x"
	}
}

// toldDead stands for a process that is killed before it sends a request.
var toldDead = &http.Response{}

func killAt(method, prefix string) func(*http.Request) *http.Response {
	dead := false
	return func(r *http.Request) *http.Response {
		dead = dead || r.Method == method && strings.Contains(r.URL.Path, prefix)
		if dead {
			return toldDead
		}
		return nil
	}
}

func TestStoryKilled(t *testing.T) {
	t.Parallel()
	kill := func(method, at string, from int) func(l *tale) {
		return func(l *tale) {
			l.days(from)
			old := l.pair("orders", runtest.KeyA)
			l.via(killAt(method, at))
			l.pass(24)
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": runtest.KeyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.excused["courier"] = true // should the key be dead
			l.days(1)
			delete(l.excused, "courier")
			delete(l.refused, "courier")
			l.days(12)
			l.green()
			l.converged("orders")
			l.toldTwice()
		}
	}
	playAll(t, []bstory{
		{"between the ledger and the deletion of a key", emulator.Options{}, world(31, 31), nil, kill(http.MethodDelete, "/api-keys/", 7)},
		{"before the ledger", emulator.Options{}, world(31, 31), nil, kill(http.MethodPost, "/versions", 7)},
		{"at the version's disabling", emulator.Options{}, world(31, 31), nil, kill(http.MethodPost, "/disable", 7)},
		{"at the version's deletion", emulator.Options{}, world(31, 31), nil, kill(http.MethodDelete, "/versions/", 7)},
		{"at the same, daily for a week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(7)
			for range 7 {
				l.via(killAt(http.MethodDelete, "/api-keys/"))
				l.pass(24)
			}
			l.days(5)
			l.green()
			l.converged("orders")
		}},
		{"killed at each own redeployment, for a week", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			e, _ := l.Endpoint("key-rotator")
			for range 7 {
				l.via(killAt(http.MethodPatch, e.ID))
				l.pass(24)
			}
			l.days(20)
			l.green()
			l.converged("rotator")
			l.toldUp()
		}},
		{"killed after each own redeployment's ledger write, and the ledger restored to before", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			e, _ := l.Endpoint("key-rotator")
			l.ask(run.Request{Steps: []string{run.StepDeliver}})
			text := l.toldRead()
			for range 4 {
				l.via(killAt(http.MethodPatch, e.ID))
				l.toldWrite(text)
				l.pass(24)
			}
			l.days(60)
			l.toldUp()
			l.green()
		}},
		{"killed while it delivers to a namespace, and rolled back", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.via(killAt(http.MethodPatch, "/namespaces/"))
			l.pass(12)
			l.ask(runtest.Rollback("orders"))
			l.days(3)
			l.ask(run.Request{Force: true})
			l.days(20)
			l.green()
		}},
	})
}

// limited answers 429 to what it picks, until so much time has passed.
func (l *tale) limited(lasts time.Duration, after string, pick func(*http.Request) bool) func(*http.Request) *http.Response {
	until := l.Clock().Now().Add(lasts)
	n := 0
	return func(r *http.Request) *http.Response {
		if !pick(r) || !l.Clock().Now().Before(until) {
			return nil
		}
		n++
		resp := runtest.Answered(r, http.StatusTooManyRequests, "")
		if after != "" {
			resp.Header.Set("Retry-After", after)
		}
		return resp
	}
}

func TestStoryRates(t *testing.T) {
	t.Parallel()
	all := func(*http.Request) bool { return true }
	writes := func(r *http.Request) bool { return r.Method != http.MethodGet }
	var rows []bstory
	for _, after := range []string{"", "7", "120", "nonsense"} {
		for what, pick := range map[string]func(*http.Request) bool{"all": all, "writes": writes, "deletes": func(r *http.Request) bool { return r.Method == http.MethodDelete }, "patches": func(r *http.Request) bool { return r.Method == http.MethodPatch }} {
			for _, lasts := range []time.Duration{2 * time.Minute, 8 * time.Minute} {
				rows = append(rows, bstory{fmt.Sprintf("%s for %s, Retry-After %q", what, lasts, after), emulator.Options{}, world(31, 31), nil, func(l *tale) {
					for range 3 {
						l.via(l.limited(lasts, after, pick))
						l.pass(24)
					}
					l.days(6)
					for range 2 {
						l.via(l.limited(lasts, after, pick))
						l.pass(24)
					}
					l.days(9)
					l.green()
					l.converged("orders")
					l.converged("rotator")
				}})
			}
		}
	}
	playAll(t, rows)
}

var _ = slices.Sorted[string]

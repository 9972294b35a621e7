package handler_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// held is a function whose first call of the API waits for release.
func held(t *testing.T) (f *function, entered, release chan struct{}) {
	t.Helper()
	var once sync.Once
	entered, release = make(chan struct{}), make(chan struct{})
	f = start(t, surroundings{api: func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			once.Do(func() {
				close(entered)
				<-release
			})
			return next.RoundTrip(r)
		})
	}})
	return f, entered, release
}

// TestACrowdDuringARun asks 200 times while a run is under way: each is
// answered at once, nobody waits, and when all is over nobody is left. A bubble
// ends only once all of its goroutines have.
func TestACrowdDuringARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, entered, release := held(t)
		first := make(chan answer)
		go func() { first <- f.send(t.Context(), http.MethodPost, "/", "") }()
		<-entered
		var (
			all    sync.WaitGroup
			counts [600]atomic.Int32
		)
		for i := range 200 {
			all.Go(func() {
				method := []string{http.MethodPost, http.MethodGet}[i%2]
				counts[f.send(t.Context(), method, "/", "").status].Add(1)
			})
		}
		all.Wait()
		if n := counts[http.StatusConflict].Load(); n != 200 {
			t.Errorf("%d of 200 requests during a run got 409", n)
		}
		close(release)
		if a := <-first; a.status != http.StatusOK {
			t.Errorf("the run itself: status %d:\n%s", a.status, a.body)
		}
	})
}

// TestACrowdAtOnce asks 200 times with no run under way: one gets it.
func TestACrowdAtOnce(t *testing.T) {
	t.Parallel()
	f, entered, release := held(t)
	statuses := make(chan int, 200)
	for range 200 {
		go func() { statuses <- f.send(t.Context(), http.MethodPost, "/", "").status }()
	}
	<-entered
	for range 199 {
		if status := <-statuses; status != http.StatusConflict {
			t.Errorf("status %d beside a run, want 409", status)
		}
	}
	close(release)
	if status := <-statuses; status != http.StatusOK {
		t.Errorf("the one that ran: status %d, want 200", status)
	}
}

// spaces is a body of nothing else, for ever; read counts it.
type spaces struct{ read atomic.Int64 }

func (e *spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestABodyIsReadNoFurtherThanItMayBe(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{})
	for name, size := range map[string]int64{"7 MiB": 7 << 20, "a body without end": 1 << 62} {
		body := &spaces{}
		if a := f.sendBody(t.Context(), http.MethodPost, "/", io.LimitReader(body, size)); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d, want 413", name, a.status)
		}
		if n := body.read.Load(); n > 256<<10 {
			t.Errorf("%s: %d bytes were read of it", name, n)
		}
	}
	if n := len(f.History()); n > 0 {
		t.Errorf("%d calls were made for them", n)
	}
}

// TestABodyThatNeverComesHoldsNobodyUp has one caller that sends nothing, while
// another one's run goes through: who runs is decided once the body is there.
func TestABodyThatNeverComesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{})
	body, never := io.Pipe()
	slow := make(chan answer)
	go func() { slow <- f.sendBody(t.Context(), http.MethodPost, "/", body) }()
	if _, err := io.WriteString(never, "{"); err != nil { // it is being read
		t.Fatal(err)
	}
	f.run(t, "")
	_ = never.CloseWithError(io.ErrUnexpectedEOF) // what a server's timeout comes to
	if a := <-slow; a.status != http.StatusBadRequest {
		t.Errorf("the slow one: status %d, want 400:\n%s", a.status, a.body)
	}
	f.run(t, "")
}

var oneIn = flag.Int("one-in", 150, "as in internal/run: how many cases stand for each that is tried; 1: all are")

// TestAPanicAnywhereIsA500 has every request of the demo's run panic in its
// turn, in whatever goroutine sends it: the process lives, nobody is left, the
// log has the stack and no secret, and the next run goes on.
func TestAPanicAnywhereIsA500(t *testing.T) {
	t.Parallel()
	count := func() int64 {
		var n atomic.Int64
		f := start(t, surroundings{all: true, api: func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) { n.Add(1); return next.RoundTrip(r) })
		}})
		f.run(t, "")
		return n.Load()
	}
	total := count()
	if total < 100 {
		t.Fatalf("the demo's run has %d requests: too few to be it", total)
	}
	tried := 0
	for k := int64(1); k <= total; k += int64(min(*oneIn, 60)) {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			var struck atomic.Bool
			f := start(t, surroundings{environ: []string{"ROTATOR_LOG_LEVEL=debug"}, all: true, api: func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if n.Add(1) == k {
						struck.Store(true)
						panic(fmt.Sprint("canary-0e1f ", r.Header.Get("X-Auth-Token")))
					}
					return next.RoundTrip(r)
				})
			}})
			known := emulatortest.Secrets{"canary-0e1f": "what the panic says"}
			known.Learn(f.Emulator)
			auditor := f.Audit(emulator.AuditRules{
				Project: f.Project("demo"), Path: "/rotator", Applications: []string{"checkout", "storefront", "nightly-batch"},
				OwnKey: f.Keys("rotator")[0].AccessKey, Grace: 7 * 24 * time.Hour,
			})
			a := f.send(t.Context(), http.MethodPost, "/", "")
			if !struck.Load() {
				return // fewer requests than the first time: chance decides about a few
			}
			if a.status != http.StatusInternalServerError || !strings.Contains(a.body, "ended in a panic") {
				t.Errorf("status %d, want 500:\n%s", a.status, a.body)
			}
			lines := having(f.lines(t), "panic in a run")
			if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["stack"]), "handler_test.TestAPanicAnywhereIsA500") {
				t.Errorf("the log has %d lines about it, or not where it began: %v", len(lines), lines)
			}
			if tried++; tried%3 == 0 { // each run costs as much as all the rest here
				f.Clock().Advance(70 * time.Minute)
				f.run(t, "")
			}
			known.Learn(f.Emulator)
			if found := known.Leaks(f.log.String(), a.body, fmt.Sprint(a.header)); len(found) > 0 {
				t.Errorf("it says a secret:\n%s", strings.Join(found, "\n"))
			}
			if _, violations := auditor.Result(); len(violations) > 0 {
				t.Errorf("invariants:\n%s", strings.Join(violations, "\n"))
			}
			time.Sleep(time.Minute) // the HTTP client's own timer outlives a panic under it by its timeout
		})
		if t.Failed() {
			t.Fatalf("with a panic at request %d of %d", k, total)
		}
	}
}

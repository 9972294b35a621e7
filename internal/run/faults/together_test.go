package faults_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
)

// turnstile lets the requests of several runs through one at a time, in an
// order that a seed decides.
type turnstile struct {
	next   http.RoundTripper
	chance *rand.Rand

	mu      sync.Mutex
	waiting []waiting
}

// waiting is a request that waits for its turn.
type waiting struct {
	what string
	turn chan struct{}
}

// lane is a run's way through the turnstile.
type lane struct {
	*turnstile
	name string
}

// RoundTrip waits for its turn. Who waits stands in an order that is the same
// each time, whichever goroutine came first.
func (l lane) RoundTrip(r *http.Request) (*http.Response, error) {
	w := waiting{what: l.name + " " + r.Method + " " + r.URL.String() + " " + r.Header.Get("X-Auth-Token"), turn: make(chan struct{})}
	l.mu.Lock()
	i, _ := slices.BinarySearchFunc(l.waiting, w, func(a, b waiting) int { return strings.Compare(a.what, b.what) })
	l.waiting = slices.Insert(l.waiting, i, w)
	l.mu.Unlock()
	select {
	case <-w.turn:
		return l.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// play lets request after request through until all runs have ended.
func (s *turnstile) play(ended *atomic.Int32, runs int32) {
	for ended.Load() < runs {
		synctest.Wait() // everybody waits for a turn, or for time to pass
		s.mu.Lock()
		n := len(s.waiting)
		if n == 0 {
			s.mu.Unlock()
			time.Sleep(time.Second)
			continue
		}
		i := s.chance.IntN(n)
		turn := s.waiting[i].turn
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.mu.Unlock()
		close(turn)
	}
}

// TestRunsAtTheSameTime plays two and three runs at once on one project, as
// separate instances would, interleaved at every request.
func TestRunsAtTheSameTime(t *testing.T) {
	t.Parallel()
	var played, requests atomic.Int64
	t.Cleanup(func() { t.Logf("runs at once: %d interleavings, %d requests audited", played.Load(), requests.Load()) })
	var chosen []scenario
	for _, sc := range append(scenarios(), carrierScenarios()...) {
		switch sc.name {
		case "consumers get the new key", "the function's own key is due", "a rotation that is due", "a grace period ends", "legacy tokens in all scopes", "an orphan was left", "20 versions are reached":
			chosen = append(chosen, sc)
		}
	}
	each := runtest.Some(1000)
	for _, sc := range chosen {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for seed := range each {
				synctest.Test(t, func(t *testing.T) { requests.Add(sc.together(t, uint64(seed), 2+seed%2)) })
				played.Add(1)
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

func (sc scenario) together(t *testing.T, seed uint64, runs int) int64 {
	t.Helper()
	r, auditor := sc.rehearse(t)
	gate := &turnstile{next: r.RoundTripper(), chance: rand.New(rand.NewPCG(seed, 7))}
	var ended atomic.Int32
	reports := make([]*report.Report, runs)
	for i := range runs {
		o := r.Surroundings()
		way := lane{gate, fmt.Sprint("run-", i)}
		o.API, o.Endpoints, o.Clock, o.RunID = way, way, clock.Real(), way.name
		go func() {
			defer ended.Add(1)
			time.Sleep(time.Duration(gate.chance.IntN(3)) * 20 * time.Second * time.Duration(i)) // some start later
			var err error
			if reports[i], err = run.Do(t.Context(), r.Cfg, run.Request{}, o); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait() // one at a time uses the source of chance
	}
	before := len(r.Keys("orders"))
	gate.play(&ended, int32(runs))
	published := 0
	for _, rep := range reports {
		for _, c := range rep.Changes {
			if c.Kind == "publish" && c.Result == report.Done {
				published++
			}
		}
	}
	if published > sc.rotated {
		t.Errorf("%d keys were published, want %d: a run did not build on the other's work", published, sc.rotated)
	}
	time.Sleep(70 * time.Minute)
	last := runThrough(t, r, &saboteur{next: r.RoundTripper()})
	if last.Outcome != report.Success {
		t.Errorf("one further run does not converge:\n%s", runtest.Text(t, last))
	}
	for _, p := range unconverged(r, last, nobody) {
		t.Error(p)
	}
	if n := len(r.Keys("orders")); n > before+1 {
		t.Errorf("%d keys are left of %d: more than one extra for longer than an orphan may live", n, before)
	}
	audited, violations := auditor.Result()
	if len(violations) > 0 {
		t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
	}
	if t.Failed() {
		for _, rep := range reports {
			t.Log(runtest.Text(t, rep))
		}
	}
	return int64(audited)
}

package reports_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const latency = 50 * time.Millisecond // of each call, and of each request to an endpoint

// paced is what a run that finds nothing to do takes in a large project, in
// simulated time, and what it would take at the least.
type paced struct {
	report                 *report.Report
	took, least, oneByOne  time.Duration
	calls, probes, longest int
}

func (p paced) String() string {
	return fmt.Sprintf("%d calls, %d requests to endpoints: %s, which is %.2f of the least (%s), and %.1f times as fast as one after the other",
		p.calls, p.probes, p.took.Round(time.Millisecond), p.took.Seconds()/p.least.Seconds(), p.least.Round(time.Millisecond), p.oneByOne.Seconds()/p.took.Seconds())
}

func pace(t *testing.T, n int, settings ...string) (p paced) {
	t.Helper()
	r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, emulatortest.Large(n),
		append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_LEGACY_TOKENS=report", "ROTATOR_REGIONS=fr-par,nl-ams,pl-waw"}, settings...)...)
	once := func() *report.Report {
		o := r.Surroundings()
		o.Clock = clock.Real()
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil || got.Outcome != report.Success {
			t.Fatalf("%v\n%s", err, runtest.Errors(got))
		}
		return got
	}
	once() // which has keys to make
	time.Sleep(24 * time.Hour)
	once()
	time.Sleep(24 * time.Hour)
	r.SetLatency(latency)
	start := time.Now()
	p.report = once()
	p.took = time.Since(start)
	p.calls, p.probes = int(p.report.API.Calls), int(p.report.API.Probes)
	// Lists of namespaces, of what is in them, of domains; the refusals and then the
	// key at one endpoint; what tells that the current keys work.
	// The longest chain of calls of which each needs the one before: namespaces, what
	// is in them, their domains; what the ledger says; policies, versions, what readers
	// get, what else may hold a key; an endpoint's refusals and the checking key; and
	// the four other keys there, one at a time.
	p.longest = 15
	each := func(n, at int) time.Duration { return time.Duration(n) * latency / time.Duration(at) }
	p.least = slices.Max([]time.Duration{each(p.calls, r.Cfg.Concurrency), each(p.probes, r.Cfg.ProbeConcurrency), each(p.longest, 1)})
	if most := time.Duration(p.calls) * time.Second / time.Duration(r.Cfg.RequestsPerSecond); most > p.least {
		p.least = most
	}
	p.oneByOne = each(p.calls+p.probes, 1)
	return p
}

// A run takes little more than what its calls take at the least, and twenty times
// less than one after the other.
func TestLongARunTakesLittleMoreThanItsCalls(t *testing.T) {
	t.Parallel()
	sizes := []int{10, 100}
	if *runtest.OneIn == 1 {
		sizes = append(sizes, 1000)
	}
	for _, n := range sizes {
		for _, ceiling := range []string{"1000", "100"} {
			t.Run(fmt.Sprint(n, " of each, at most ", ceiling, " calls a second"), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := pace(t, n, "ROTATOR_REQUESTS_PER_SECOND="+ceiling)
					t.Log(p)
					for _, e := range p.report.Endpoints {
						if e.Result != "ok" {
							t.Errorf("%s: %s", e.URL, strings.TrimSpace(e.Detail))
						}
					}
					if p.took > p.least*5/4 {
						t.Errorf("it took %.2f of the least, want at most 1.25", p.took.Seconds()/p.least.Seconds())
					}
				})
			})
		}
	}
}

package reports_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// BenchmarkRun is a whole run that finds nothing to do, in a project of so many
// functions and as many containers, with 50 ms for every API call and every
// endpoint. least/run is by how much it takes longer than its calls do at the
// least, and serial/run how often it would fit into the time of the same calls one
// after the other. TestLongARunTakesLittleMoreThanItsCalls holds both in simulated time.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("each=%d", n), func(b *testing.B) {
			env := emulatortest.Start(b, emulator.Options{Clock: emulator.NewClock()}, emulatortest.Large(n))
			own := env.Keys("rotator")[0]
			cfg, err := config.Read([]string{
				"ROTATOR_ACCESS_KEY=" + own.AccessKey, "ROTATOR_SECRET_KEY=" + own.SecretKey,
				"ROTATOR_ORGANIZATION_ID=" + env.Organization(), "ROTATOR_PROJECT_ID=" + env.Project("demo"),
				"ROTATOR_REGIONS=fr-par,nl-ams,pl-waw", "ROTATOR_LEGACY_TOKENS=report",
				"ROTATOR_REQUESTS_PER_SECOND=1000", "ROTATOR_VERIFY_WINDOW=1s",
			})
			if err != nil {
				b.Fatal(err)
			}
			do := func() *report.Report {
				got, err := run.Do(b.Context(), cfg, run.Request{}, run.Options{
					API: env.RoundTripper(), Endpoints: env.RoundTripper(), Clock: clock.Real(),
					Log: slog.New(slog.DiscardHandler), RunID: "bench",
				})
				if err != nil || got.Outcome != report.Success {
					b.Fatalf("the run failed: %v", err)
				}
				return got
			}
			do() // the first run has keys to rotate
			do()
			env.SetLatency(latency)
			b.ResetTimer()
			for b.Loop() {
				start := time.Now()
				got := do()
				took := time.Since(start)
				least := max(time.Duration(got.API.Calls)*latency/time.Duration(cfg.Concurrency), time.Duration(got.API.Probes)*latency/time.Duration(cfg.ProbeConcurrency))
				b.ReportMetric(float64(got.API.Calls), "calls/run")
				b.ReportMetric(float64(got.API.Probes), "probes/run")
				b.ReportMetric(took.Seconds()/least.Seconds(), "least/run")
				b.ReportMetric((time.Duration(got.API.Calls+got.API.Probes)*latency).Seconds()/took.Seconds(), "serial/run")
			}
		})
	}
}

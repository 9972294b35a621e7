package run_test

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

// BenchmarkRun is a whole run that finds nothing to change, on a project of so
// many private functions, with 50 ms for every API call and every endpoint.
func BenchmarkRun(b *testing.B) {
	for _, functions := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("functions=%d", functions), func(b *testing.B) {
			namespace := emulator.SeedFunctionNamespace{Name: "many"}
			for i := range functions {
				namespace.Functions = append(namespace.Functions, emulator.SeedFunction{Name: fmt.Sprintf("function-%04d", i)})
			}
			seed := emulator.Demo()
			seed.Serverless = []emulator.SeedPlace{{Project: "demo", Serverless: emulator.SeedServerless{
				FunctionNamespaces: []emulator.SeedFunctionNamespace{namespace},
			}}}
			env := emulatortest.Start(b, emulator.Options{Clock: emulator.NewClock(), Latency: 50 * time.Millisecond}, seed)
			own := env.Keys("rotator")[0]
			cfg, err := config.Read([]string{
				"ROTATOR_ACCESS_KEY=" + own.AccessKey, "ROTATOR_SECRET_KEY=" + own.SecretKey,
				"ROTATOR_ORGANIZATION_ID=" + env.Organization(), "ROTATOR_PROJECT_ID=" + env.Project("demo"),
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
			b.ResetTimer()
			for b.Loop() {
				got := do()
				b.ReportMetric(float64(got.API.Calls), "calls/run")
				b.ReportMetric(float64(got.API.Probes), "probes/run")
			}
		})
	}
}

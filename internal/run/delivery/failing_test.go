package delivery_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// lineOf finds a line of a report.
func lineOf(t *testing.T, rep *report.Report, name string) report.Consumer {
	t.Helper()
	i := slices.IndexFunc(rep.Consumers, func(c report.Consumer) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("the report has no consumer %s:\n%s", name, runtest.Text(t, rep))
	}
	return rep.Consumers[i]
}

// A deployment that fails leaves the revision before for a day, and with it the
// superseded key.
func TestLongConsumerWhoseDeploymentFailsKeepsItsKey(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		failed string // whose deployments fail
		grace  string
		mended time.Duration // after the first run
	}{
		{"a function", "courier", "7d", 20 * time.Hour},
		{"a container", "packer", "7d", 20 * time.Hour},
		{"a function that runs with its namespace's", "nightly", "7d", 20 * time.Hour},
		{"a container that runs with its namespace's", "cruncher", "7d", 20 * time.Hour},
		{"the grace is over before", "courier", "2h", 20 * time.Hour},
		{"the grace is over before, in a namespace", "nightly", "2h", 20 * time.Hour},
		{"mended soon", "courier", "7d", time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(31), "ROTATOR_GRACE="+row.grace, "ROTATOR_REGIONS=fr-par")
			auditor := r.Watch(t)
			failed, _ := r.Endpoint(row.failed)
			r.FailDeployments(failed.ID, true)
			hours := 24
			for since := time.Duration(0); since < row.mended; since += 5 * time.Hour {
				rep := r.Run(t, run.Request{})
				line := lineOf(t, rep, row.failed)
				if rep.Outcome != report.Failure || line.Result != "failed" || line.HoursLeft < hours-1 || line.HoursLeft > hours {
					t.Fatalf("%s after the first run, %d hours before the end:\n%s", since, hours, runtest.Text(t, rep))
				}
				if said := strings.Join(runtest.Step(t, rep, run.StepDeliver).Errors, "\n"); !strings.Contains(said, row.failed+": its deployment failed") {
					t.Errorf("%s after the first run, the step says: %s", since, said)
				}
				if since > 0 && !slices.ContainsFunc(runtest.Did(rep), func(did string) bool {
					return strings.HasPrefix(did, "redeploy ") && strings.HasSuffix(did, " "+row.failed)
				}) {
					t.Errorf("%s after the first run, it did not try again, but %v", since, runtest.Did(rep))
				}
				r.Served(t)
				r.Clock().Advance(5*time.Hour - r.Clock().Now().Sub(rep.StartedAt))
				hours -= 5
			}
			r.FailDeployments(failed.ID, false)
			rep := r.Run(t, run.Request{})
			if line := lineOf(t, rep, row.failed); line.Result != "redeployed" || line.HoursLeft != 0 {
				t.Fatalf("once mended:\n%s", runtest.Text(t, rep))
			}
			for _, later := range []struct {
				wait  time.Duration
				lives bool
			}{{r.Cfg.Grace - time.Minute, true}, {25 * time.Hour, false}} {
				r.Served(t)
				r.Clock().Advance(later.wait)
				if rep = r.MustRun(t, run.Request{}); r.Lives(runtest.KeyA) != later.lives {
					t.Errorf("the superseded key lives: %t:\n%s", !later.lives, runtest.Text(t, rep))
				}
			}
			r.Served(t)
			runtest.Upright(t, auditor)
		})
	}
}

// Once the revision before has ended too, nothing runs with the superseded key.
func TestConsumerThatIsNeverMendedKeepsNoKeyForEver(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Failing(), "ROTATOR_REGIONS=fr-par")
	auditor := r.Watch(t)
	for range 8 {
		rep := r.Run(t, run.Request{})
		if rep.Outcome != report.Failure || lineOf(t, rep, "courier").Result != "failed" {
			t.Fatalf("the run does not fail:\n%s", runtest.Text(t, rep))
		}
		r.Clock().Advance(24 * time.Hour)
	}
	r.Run(t, run.Request{})
	if r.Lives(runtest.KeyA) {
		t.Errorf("%s lives on", runtest.KeyA)
	}
	runtest.Upright(t, auditor)
}

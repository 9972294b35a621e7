package faults_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
)

// I5, for everything that a request can ask for.
func TestLongDryRunAnnouncesEveryDelivery(t *testing.T) {
	t.Parallel()
	for _, sc := range carrierScenarios() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				req := sc.request
				for i, wait := range []time.Duration{0, 0, 0, 8 * 24 * time.Hour, 0, 0} {
					time.Sleep(wait)
					if i > 0 {
						sc.next(t, r, auditor)
					}
					foretold(t, r, i, req)
					req = run.Request{}
				}
				runtest.Upright(t, auditor)
			})
		})
	}
}

// foretold compares a run with the dry run right before it.
func foretold(t *testing.T, r *runtest.Rig, i int, req run.Request) {
	t.Helper()
	s := &saboteur{next: r.RoundTripper()}
	r.ForgetHistory()
	only := req
	only.DryRun = true
	dry, err := runAny(t, r, s, only)
	if err != nil {
		t.Fatal(err)
	}
	r.OnlyPlanned(t, dry)
	r.ForgetHistory()
	wet, err := runAny(t, r, s, req)
	if err != nil {
		t.Fatal(err)
	}
	made := runtest.Did(wet)
	if slices.ContainsFunc(wet.Consumers, func(c report.Consumer) bool { return c.Result == "failed" }) {
		made = slices.Compact(made) // a failure that nobody foresaw is noted where the delivery is
	}
	if diff := cmp.Diff(runtest.Did(dry), made); diff != "" {
		t.Errorf("run %d: announced and done differ (-announced +done):\n%s\n%s", i, diff, runtest.Text(t, wet))
	}
	if n := len(r.Writes()); n != len(wet.Changes) {
		t.Errorf("run %d: %d writes went out for %d changes", i, n, len(wet.Changes))
	}
}

package run_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A report says of each variable which key was in it, also where a delivery put
// another there, or a dry run would.
func TestAReportSaysWhichKeyAVariableHeld(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, carrying(31))
	held := func(rep *report.Report, result, want string, same bool) {
		t.Helper()
		n := 0
		for _, c := range rep.Consumers {
			for _, v := range c.Variables {
				n++
				if c.Result != result || v.Held != want || (v.AccessKey == v.Held) != same {
					t.Errorf("%s %s: %s held %q, and holds %q", c.Name, c.Result, v.Name, v.Held, v.AccessKey)
				}
			}
		}
		if n == 0 {
			t.Error("nothing carries a key")
		}
	}
	held(r.mustRun(t, run.Request{DryRun: true}), "would deliver", keyA, false)
	rep := r.mustRun(t, run.Request{})
	held(rep, "delivered", keyA, false)
	held(r.mustRun(t, run.Request{}), "up to date", current(t, rep), true)
}

package delivery_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A report says of each variable which key was in it, also where a delivery put
// another there, or a dry run would.
func TestAReportSaysWhichKeyAVariableHeld(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(31))
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
	held(r.MustRun(t, run.Request{DryRun: true}), "would deliver", runtest.KeyA, false)
	rep := r.MustRun(t, run.Request{})
	held(rep, "delivered", runtest.KeyA, false)
	held(r.MustRun(t, run.Request{}), "up to date", runtest.Current(t, rep), true)
}

package runtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Watch lets an auditor judge the keys of orders and of the function's own
// application, but for revoked ones.
func (r *Rig) Watch(t *testing.T, revoked ...string) *emulator.Auditor {
	t.Helper()
	auditor := r.Audit(emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: []string{"orders"},
		OwnKey: r.Cfg.AccessKey, OwnApplication: "rotator", Grace: r.Cfg.Grace,
	})
	for _, key := range revoked {
		auditor.Revoked(key)
	}
	t.Cleanup(func() {
		if _, violations := auditor.Result(); len(violations) > 0 {
			t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
		}
	})
	return auditor
}

// Announced does a dry run, which must change nothing, and then a real one,
// which must change exactly what the dry one said.
func (r *Rig) Announced(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	r.ForgetHistory()
	dry := req
	dry.DryRun = true
	said := r.Run(t, dry)
	r.OnlyPlanned(t, said)
	got := r.Run(t, req)
	if diff := cmp.Diff(Did(said), Did(got)); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
	return got
}

// Upright fails the test if an invariant was broken.
func Upright(t *testing.T, a *emulator.Auditor) {
	t.Helper()
	if n, violations := a.Result(); len(violations) > 0 || n == 0 {
		t.Errorf("invariants, after %d requests:\n  %s", n, strings.Join(violations, "\n  "))
	}
}

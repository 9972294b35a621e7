package stories_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// The hints, followed, end the findings.
func TestStoryHints(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"a version by hand: the version is deleted, as the hint says", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", runtest.KeyA)
			l.version("sales", k.AccessKey, k.SecretKey, "by hand")
			l.days(3)
			l.says("version 2", "delete that version")
			l.MustCall("DELETE", l.secretPath("sales")+"/versions/2", nil)
			l.days(1)
			l.quiet()
			l.days(45)
			l.green()
		}},
		{"half an own pair: both are set", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			now := l.newest("rotator")
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": "nonsense"})
			l.deployOwn(now)
			l.days(20)
			l.green()
			l.quiet()
		}},
		{"a plain secret: it is made a secret variable", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.put("seller", map[string]string{"EXTRA": old.SecretKey}, nil)
			l.days(2)
			l.says("EXTRA")
			l.put("seller", map[string]string{"EXTRA": "no"}, map[string]string{"EXTRA2": old.SecretKey})
			l.days(12)
			l.quiet()
			l.green()
		}},
		{"a doubted key: it is revoked", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.MustCall("POST", "/iam/v1alpha1/api-keys", map[string]any{"application_id": runtest.OrdersID, "description": "mine", "default_project_id": runtest.DemoProject})
			k := l.newest("orders")
			l.days(1)
			l.auditor.Revoked(k.AccessKey)
			l.ask(runtest.Revoke(k.AccessKey))
			l.days(2)
			l.quiet()
		}},
		{"the path is set elsewhere, and back as the hint says", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.Cfg.SecretPath = "/elsewhere"
			l.auditor.PublishesAt("fr-par", "/elsewhere")
			l.days(3)
			l.says("set ROTATOR_SECRET_PATH")
			l.Cfg.SecretPath = "/rotator"
			l.auditor.PublishesAt("fr-par", "/rotator")
			l.days(20)
			l.t.Log(runtest.Text(l.t, l.last))
		}},
		{"an excluded consumer: it is given the key by hand, in its namespace too", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier,batch"}, func(l *tale) {
			l.days(5)
			l.says("courier")
			l.says("batch")
			k := l.newest("orders")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": k.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": k.SecretKey})
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": k.SecretKey})
			e, _ := l.Endpoint("nightly")
			l.MustCall("POST", runtest.Deployment(e), map[string]any{})
			l.days(10)
			l.quiet()
			l.converged("orders")
		}},
	})
	_ = run.Request{}
}

// quiet: nothing to act on.
func (l *tale) quiet() {
	l.t.Helper()
	for _, f := range l.last.Findings {
		if f.Level != "note" {
			l.t.Errorf("%s %s: %s → %s", f.Level, f.Subject, f.Text, f.Hint)
		}
	}
}

package stories_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestStoryRevokes(t *testing.T) {
	t.Parallel()
	now := run.Request{Revoke: []string{runtest.KeyA}, Now: true}
	playAll(t, []bstory{
		{"revoke of the current key, then days", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			l.auditor.Revoked(runtest.KeyA)
			l.ask(runtest.Revoke(runtest.KeyA))
			l.days(45)
			l.green()
		}},
		{"revoke now with an excluded consumer, named until mended", emulator.Options{}, world(10, 10), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier,batch"}, func(l *tale) {
			l.excused["courier"], l.excused["nightly"] = true, true
			l.days(1)
			l.auditor.RevokedNow(runtest.KeyA)
			l.ask(now)
			l.days(200)
			l.says("courier")
			l.says("batch")
			k := l.newest("orders")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": k.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": k.SecretKey})
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": k.SecretKey})
			e, _ := l.Endpoint("nightly")
			l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
			l.Clock().Advance(time.Minute)
			clear(l.excused)
			clear(l.refused)
			l.days(2)
			l.green()
		}},
		{"the same, five more rotations come", emulator.Options{}, world(10, 10), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_ROTATE_AFTER=2d", "ROTATOR_GRACE=1d"}, func(l *tale) {
			l.excused["courier"] = true
			l.days(1)
			l.auditor.RevokedNow(runtest.KeyA)
			l.ask(now)
			l.days(60)
			l.says("courier")
		}},
		{"revoke now, and the deployment of a consumer fails", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.excused["courier"] = true
			l.days(1)
			l.fail("courier", true)
			l.auditor.RevokedNow(runtest.KeyA)
			l.ask(now)
			l.pass(8)
			l.ask(run.Request{})
			l.pass(8)
			l.ask(run.Request{})
			l.fail("courier", false)
			l.ask(run.Request{})
			clear(l.excused)
			clear(l.refused)
			l.days(2)
			l.green()
		}},
		{"rollback, then force, again and again", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			for range 2 {
				l.ask(runtest.Rollback("orders"))
				l.pass(24)
				l.ask(run.Request{Force: true})
				l.pass(24)
				l.days(1)
			}
			l.days(20)
			l.green()
			l.converged("orders")
		}},
		{"rollback, and the held key nears its end", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.ask(runtest.Rollback("orders"))
			l.days(80)
			l.green()
			l.converged("orders")
		}},
		{"rollback, then revoke of the held key", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.ask(runtest.Rollback("orders"))
			l.days(1)
			l.auditor.Revoked(runtest.KeyA)
			l.ask(runtest.Revoke(runtest.KeyA))
			l.days(20)
			l.green()
		}},
		{"rollback while a consumer is excluded", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.days(2)
			k := l.newest("orders")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": k.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": k.SecretKey})
			l.ask(runtest.Rollback("orders"))
			l.days(40)
			if !slices.ContainsFunc(l.Keys("orders"), func(p emulator.KeyPair) bool { return p.AccessKey == k.AccessKey }) {
				l.t.Error("the key that was rolled back and is carried is gone")
			}
		}},
		{"rollback, and a person enables the disabled version", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.ask(runtest.Rollback("orders"))
			l.days(1)
			l.MustCall(http.MethodPost, l.secretPath("orders")+"/versions/2/enable", map[string]any{})
			l.days(20)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"a version by hand of a key by hand", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": runtest.OrdersID, "description": "mine", "default_project_id": runtest.DemoProject})
			l.version("orders", row["access_key"].(string), row["secret_key"].(string), "by hand")
			l.days(60)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"a version by hand that is no JSON", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			l.MustCall(http.MethodPost, l.secretPath("orders")+"/versions", map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(`{"hello":"x"}`))})
			l.days(30)
			l.says("version 2")
		}},
		{"revoke with the consumer's namespace set by hand to the key after", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(1)
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": old.SecretKey}) // not deployed
			l.auditor.Revoked(runtest.KeyA)
			l.ask(runtest.Revoke(runtest.KeyA))
			l.days(10)
			l.green()
		}},
		{"revoke of two at once, current and superseded", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			k := l.newest("orders")
			l.auditor.Revoked(runtest.KeyA)
			l.auditor.Revoked(k.AccessKey)
			l.ask(runtest.Revoke(runtest.KeyA, k.AccessKey))
			l.days(10)
			l.green()
		}},
		{"revoke now of all of two applications at once", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			for n := range l.calls {
				l.excused[n] = true
			}
			l.auditor.RevokedNow(runtest.KeyA)
			l.auditor.RevokedNow(keyS)
			l.ask(run.Request{Revoke: []string{runtest.KeyA, keyS}, Now: true})
			clear(l.excused)
			l.days(10)
			l.green()
		}},
		{"force on each day of a week with a consumer excluded", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			for range 10 {
				l.ask(run.Request{Force: true})
				l.pass(24)
			}
			l.days(20)
		}},
	})
}

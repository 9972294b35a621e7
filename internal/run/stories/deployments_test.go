package stories_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestStoryDeployments(t *testing.T) {
	t.Parallel()
	slow := func(h int) emulator.Options {
		return emulator.Options{Delays: emulator.Delays{Deploy: time.Duration(h) * time.Hour}}
	}
	playAll(t, []bstory{
		{"each deployment hangs for two hours", slow(2), world(31, 10), nil, func(l *tale) { l.days(45) }},
		{"each deployment hangs for 50 hours", slow(50), world(31, 10), nil, func(l *tale) { l.days(45) }},
		{"each deployment hangs for nine days", slow(216), world(31, 10), nil, func(l *tale) { l.days(60) }},
		{"each deployment hangs for nine days, the own one too", slow(216), world(31, 31), nil, func(l *tale) { l.days(60) }},
		{"each deployment hangs for nine days, and a grace of one", slow(216), world(31, 31), []string{"ROTATOR_GRACE=1d"}, func(l *tale) { l.days(60) }},
		{"and a pipeline deploys old values meanwhile", slow(50), world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			for range 8 {
				l.days(1)
				l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": old.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			}
			l.days(20)
		}},
		{"a container in error carries the key", emulator.Options{}, inError(world(31, 10)), nil, func(l *tale) { l.days(45); l.t.Log(l.outcomes) }},
		{"deployments of all fail for two days, and all are mended", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for name := range l.calls {
				l.fail(name, true)
			}
			l.days(2)
			for name := range l.calls {
				l.fail(name, false)
			}
			l.days(20)
			l.green()
		}},
		{"a deployment fails every other day", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for i := range 20 {
				l.fail("courier", i%2 == 0)
				l.days(1)
			}
			l.fail("courier", false)
			l.days(20)
			l.green()
		}},
		{"a deployment fails for 23 hours, and again after a forced rotation", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.fail("courier", true)
			l.ask(run.Request{})
			l.pass(20)
			l.fail("courier", false)
			l.ask(run.Request{})
			l.pass(4)
			l.fail("courier", true)
			l.ask(run.Request{Force: true})
			l.pass(20)
			l.fail("courier", false)
			l.days(15)
			l.green()
		}},
		{"a namespace's container fails, and the namespace is set back by hand", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.fail("cruncher", true)
			l.days(1)
			l.nsPut("containers/v1", "jobs", map[string]string{"ORDERS_TOKEN": old.SecretKey})
			l.fail("cruncher", false)
			e, _ := l.Endpoint("cruncher")
			l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
			l.Clock().Advance(time.Minute)
			l.days(20)
			l.green()
		}},
	})
}

func TestStoryQuotas(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"30 days, then one, then none", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.cap(30 * runtest.Day)
			l.days(25)
			l.cap(runtest.Day)
			l.days(20)
			l.cap(0)
			l.days(45)
			l.green()
		}},
		{"30 days, then three, then none", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.cap(30 * runtest.Day)
			l.days(25)
			l.cap(3 * runtest.Day)
			l.days(25)
			l.cap(0)
			l.days(45)
			l.green()
			l.converged("orders")
		}},
		{"none, then 10 days, then none, each for a week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for range 5 {
				l.cap(0)
				l.days(7)
				l.cap(10 * runtest.Day)
				l.days(7)
			}
			l.green()
		}},
		{"a consumer is excluded under a cap", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.excused["courier"] = true
			l.cap(10 * runtest.Day)
			l.days(40)
			l.says("courier")
		}},
		{"two keys of an application", emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}}, world(31, 31), nil, func(l *tale) { l.days(80); l.green() }},
		{"two keys, and one held by an excluded consumer", emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.excused["courier"] = true
			l.days(65)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"one key of an application", emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 1}}, world(31, 31), nil, func(l *tale) {
			l.days(50)
		}},
		{"two versions of a secret", emulator.Options{Quotas: emulator.Quotas{VersionsPerSecret: 2}}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) { l.excused["courier"] = true; l.days(65) }},
		{"twenty versions by daily rotation with an excluded consumer each", emulator.Options{Quotas: emulator.Quotas{VersionsPerSecret: 4}}, world(31, 31), []string{"ROTATOR_ROTATE_AFTER=1d", "ROTATOR_GRACE=1d", "ROTATOR_CONSUMERS_EXCLUDE=courier,packer"}, func(l *tale) {
			l.days(30)
			l.t.Log(l.outcomes)
		}},
		{"a person fills the secret with versions", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			k := l.pair("orders", runtest.KeyA)
			l.days(1)
			for range 19 {
				l.version("orders", k.AccessKey, k.SecretKey, "by hand")
			}
			l.days(40)
			l.t.Log(runtest.Text(t, l.last))
		}},
	})
}

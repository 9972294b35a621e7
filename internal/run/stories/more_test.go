package stories_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func (l *tale) newOwnKey() emulator.KeyPair {
	l.t.Helper()
	row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": runtest.RotatorID, "description": "by hand", "default_project_id": runtest.DemoProject})
	return emulator.KeyPair{AccessKey: row["access_key"].(string), SecretKey: row["secret_key"].(string)}
}

func idle(seed emulator.Seed) emulator.Seed {
	seed.Serverless[0].FunctionNamespaces[0].Functions = append(seed.Serverless[0].FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "sleeper", Privacy: "public", Status: "created", SecretEnv: map[string]string{"KEY": "${secret_key:" + runtest.KeyA + "}"},
	})
	return seed
}

func overridden(seed emulator.Seed) emulator.Seed {
	batch := &seed.Serverless[0].FunctionNamespaces[1]
	batch.Functions[0].SecretEnv = map[string]string{"X_AUTH_TOKEN": "${secret_key:" + keyS + "}"}
	return seed
}

func TestStoryMore(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"no run for 95 days, the own key is dead, a person deploys another", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.noAudit = true
			for n := range l.calls {
				l.excused[n] = true
			}
			l.pass(95 * 24)
			l.ask(run.Request{})
			l.silent = nil // a function without a key can name nobody
			l.deployOwn(l.newOwnKey())
			l.auditor.Forgive("orders")
			l.auditor.Forgive("sales")
			l.auditor.Forgive("rotator")
			l.ask(run.Request{})
			clear(l.excused)
			clear(l.refused)
			l.days(12)
			l.green()
			l.converged("orders")
		}},
		{"two functions with one own key, the second's deployment fails for 30 hours", emulator.Options{}, two(world(31, 31)), nil, func(l *tale) {
			l.fail("key-rotator-2", true)
			l.ask(run.Request{})
			l.pass(20)
			l.fail("key-rotator-2", false)
			l.days(20)
			l.green()
			l.converged("rotator")
			e, _ := l.Endpoint("key-rotator-2")
			for _, line := range l.Running(e.ID) {
				if len(line) > 19 && line[:19] == "ROTATOR_ACCESS_KEY=" && !l.Has(line[19:]) {
					t.Error("the second function runs with a dead key")
				}
			}
		}},
		{"a function that was never deployed is, after weeks", emulator.Options{}, idle(world(31, 31)), nil, func(l *tale) {
			l.days(20)
			e, _ := l.Endpoint("sleeper")
			l.InstallCode(e.ID, true)
			l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
			l.Clock().Advance(10 * time.Minute)
			l.calls["sleeper"] = "KEY"
			l.days(20)
			l.green()
		}},
		{"a function overrides its namespace's key with another application's", emulator.Options{}, overridden(world(31, 31)), nil, func(l *tale) {
			l.days(45)
			l.green()
		}},
		{"and the override is taken away after a rotation", emulator.Options{}, overridden(world(31, 31)), nil, func(l *tale) {
			l.days(5)
			e, _ := l.Endpoint("nightly")
			l.MustCall(http.MethodPatch, fnPath+e.ID, map[string]any{"secret_environment_variables": []any{map[string]any{"key": "X_AUTH_TOKEN", "value": nil}}})
			l.Clock().Advance(time.Minute)
			l.days(45)
			l.green()
		}},
		{"ROTATOR_ROTATE_AFTER is cut to a day for a week, and back", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(3)
			l.Cfg.RotateAfter, l.Cfg.Grace = runtest.Day, runtest.Day
			l.noAudit = true
			for range 7 {
				l.ask(run.Request{})
				l.pass(24)
			}
			l.Cfg.RotateAfter, l.Cfg.Grace = 30*runtest.Day, 7*runtest.Day
			l.days(20)
			l.green()
			l.converged("orders")
		}},
		{"ROTATOR_KEY_LIFETIME is cut to 38 days", emulator.Options{}, world(31, 31), []string{"ROTATOR_KEY_LIFETIME=38d"}, func(l *tale) {
			l.days(100)
			l.green()
		}},
		{"hand-made key is carried, published by hand, then forced", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": runtest.OrdersID, "description": "mine", "default_project_id": runtest.DemoProject})
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": row["secret_key"].(string)})
			l.days(3)
			l.version("orders", row["access_key"].(string), row["secret_key"].(string), "rotator: key "+row["access_key"].(string))
			l.days(3)
			l.ask(run.Request{Force: true})
			l.days(40)
			l.green()
		}},
		{"a rollback while a deployment fails", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.fail("courier", true)
			l.ask(runtest.Rollback("orders"))
			l.pass(12)
			l.fail("courier", false)
			l.days(30)
			l.green()
		}},
		{"all consumers excluded, then a revoke, then not excluded", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.Cfg.ConsumersExclude = []string{"courier", "packer", "batch", "jobs"}
			l.days(3)
			l.ask(runtest.Revoke(runtest.KeyA))
			l.days(2)
			l.Cfg.ConsumersExclude = nil
			l.auditor.Revoked(runtest.KeyA)
			l.ask(runtest.Revoke(runtest.KeyA))
			l.days(3)
			l.green()
			if slices.ContainsFunc(l.Keys("orders"), func(k emulator.KeyPair) bool { return k.AccessKey == runtest.KeyA }) {
				l.t.Error("the revoked key lives")
			}
		}},
		{"consumers report only, and revoke now of the current key, then deliver", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.Cfg.Consumers = config.ConsumersReport
			l.days(1)
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.auditor.RevokedNow(runtest.KeyA)
			l.ask(run.Request{Revoke: []string{runtest.KeyA}, Now: true})
			l.days(3)
			l.Cfg.Consumers = config.ConsumersDeliver
			l.ask(run.Request{})
			clear(l.excused)
			clear(l.refused)
			l.days(2)
			l.green()
		}},
		{"20 applications' keys due at once with a hang of an hour", emulator.Options{Delays: emulator.Delays{Deploy: time.Hour}}, world(31, 31), nil, func(l *tale) { l.days(12); l.green() }},
		{"the secret's folder is protected by a person", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(1)
			l.MustCall(http.MethodPost, l.secretPath("orders")+"/protect", map[string]any{})
			l.days(45)
			l.green()
		}},
		{"the secret is renamed", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(1)
			l.MustCall(http.MethodPatch, l.secretPath("orders"), map[string]any{"name": "orders-old"})
			l.days(20)
			l.t.Log(runtest.Text(l.t, l.last))
		}},
	})
	_ = report.Success
}

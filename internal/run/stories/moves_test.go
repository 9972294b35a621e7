package stories_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestStoryMoves(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"an application is deleted and made anew with its name", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+runtest.OrdersID, nil)
			l.days(3)
			id := l.makeApplication("orders")
			l.days(3)
			l.t.Log(runtest.Text(t, l.last))
			// the hint is followed: the new one's published key
			k := l.Keys(id)
			now := k[len(k)-1]
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": now.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": now.SecretKey})
			l.put("packer", nil, map[string]string{"ORDERS_API_KEY": now.SecretKey})
			l.nsPut("containers/v1", "jobs", map[string]string{"ORDERS_TOKEN": now.SecretKey})
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": now.SecretKey})
			for _, n := range []string{"nightly", "cruncher"} {
				e, _ := l.Endpoint(n)
				l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
			}
			l.Clock().Advance(time.Minute)
			clear(l.excused)
			clear(l.refused)
			l.days(10)
			l.t.Log("AFTER " + runtest.Text(t, l.last))
			l.green()
		}},
		{"an application is deleted and made anew at once, before a run", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+runtest.OrdersID, nil)
			l.makeApplication("orders")
			l.days(10)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"an application that never rotated since the ledger is deleted, its consumers stay", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.days(1)
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+runtest.OrdersID, nil)
			l.days(10)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"an application loses its policy, its consumers are refused", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.days(1)
			for _, p := range l.MustCall(http.MethodGet, "/iam/v1alpha1/policies?organization_id="+l.Organization()+"&page_size=100", nil)["policies"].([]any) {
				if row := p.(map[string]any); row["name"] == "orders" {
					l.MustCall(http.MethodDelete, "/iam/v1alpha1/policies/"+row["id"].(string), nil)
				}
			}
			l.days(3)
			l.says("function courier", "no run replaces it any more") // whether it calls anything else with it, nobody here knows
			l.silent = nil
		}},
		{"a consumer is moved to another namespace with an old value", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(5)
			l.deleteFunction("courier")
			l.makeFunction("courier", l.namespaceID("batch"), map[string]string{"ORDERS_ACCESS_KEY": runtest.KeyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.days(30)
			l.green()
		}},
		{"the same, with the value that was current, and no run between two rotations", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			now := l.newest("orders")
			l.deleteFunction("courier")
			l.days(36) // rotated and retired
			l.makeFunction("courier", l.namespaceID("batch"), map[string]string{"ORDERS_ACCESS_KEY": now.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": now.SecretKey})
			l.excused["courier"] = true
			l.days(1)
			clear(l.excused)
			clear(l.refused)
			l.days(5)
			l.green()
		}},
		{"a namespace is deleted, made anew with the old value after a week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(2)
			l.deleteFunction("nightly")
			l.MustCall(http.MethodDelete, "/functions/v1beta1/regions/fr-par/namespaces/"+l.namespaceID("batch"), nil)
			delete(l.calls, "nightly")
			l.days(9)
			row := l.MustCall(http.MethodPost, "/functions/v1beta1/regions/fr-par/namespaces", map[string]any{
				"name": "batch", "project_id": runtest.DemoProject,
				"secret_environment_variables": []any{map[string]any{"key": "X_AUTH_TOKEN", "value": old.SecretKey}},
			})
			l.Clock().Advance(time.Hour)
			l.makeFunction("nightly", row["id"].(string), map[string]string{"A": "b"}, nil)
			l.calls["nightly"] = "X_AUTH_TOKEN"
			l.days(5)
			l.green()
		}},
		{"an excluded function is renamed", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(10)
			l.deleteFunction("courier")
			delete(l.calls, "courier")
			l.makeFunction("courier2", l.namespaceID("shop"), map[string]string{"ORDERS_ACCESS_KEY": runtest.KeyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.calls["courier2"] = "ORDERS_SECRET_KEY"
			l.days(20)
			l.green()
		}},
		{"a consumer is deleted while it holds a key, and made anew a day later", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(20)
			l.deleteFunction("courier")
			l.days(1)
			l.makeFunction("courier", l.namespaceID("shop"), nil, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.days(20)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"an application is renamed to another's name", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.MustCall(http.MethodPatch, "/iam/v1alpha1/applications/"+salesID, map[string]any{"name": "orders"})
			l.days(45)
			l.green()
		}},
	})
}

func TestStorySwaps(t *testing.T) {
	t.Parallel()
	swap := func(l *tale, a, b emulator.KeyPair) {
		l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": b.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": b.SecretKey})
		l.put("seller", nil, map[string]string{"SALES_KEY": a.SecretKey})
	}
	playAll(t, []bstory{
		{"current keys are swapped", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			swap(l, l.newest("orders"), l.newest("sales"))
			l.days(45)
			l.green()
			l.converged("orders")
		}},
		{"superseded keys are swapped", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			a, b := l.pair("orders", runtest.KeyA), l.pair("sales", keyS)
			l.days(6)
			swap(l, a, b)
			l.days(45)
			l.green()
		}},
		{"only secrets are swapped, access keys stay", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": l.newest("sales").SecretKey})
			l.days(45)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"two secrets of two applications beside one access key", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": l.newest("orders").SecretKey, "OTHER": l.newest("sales").SecretKey})
			l.days(45)
			l.green()
		}},
		{"deleted keys are swapped in", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			a, b := l.pair("orders", runtest.KeyA), l.pair("sales", keyS)
			l.days(10)
			swap(l, a, b)
			l.excused["courier"], l.excused["seller"] = true, true
			l.ask(run.Request{})
			clear(l.excused)
			l.days(3)
			l.green()
		}},
		{"the secret of sales gets a version with the key of orders", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", runtest.KeyA)
			l.version("sales", k.AccessKey, k.SecretKey, "by hand")
			l.days(40)
			l.t.Log(runtest.Text(t, l.last))
			if !slices.ContainsFunc(l.Keys("sales"), func(p emulator.KeyPair) bool { got, _ := l.Variable("seller", "SALES_KEY"); return p.SecretKey == got }) {
				l.t.Log("seller carries no key of sales")
			}
		}},
		{"the same, described as the rotator's", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", runtest.KeyA)
			l.version("sales", k.AccessKey, k.SecretKey, "rotator: key "+runtest.KeyA)
			l.days(45)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"a version says sales' key and holds the secret of orders", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", runtest.KeyA)
			l.version("sales", keyS, k.SecretKey, "rotator: key "+keyS)
			l.days(45)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"a version says the superseded key of orders and holds the current secret", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.version("orders", runtest.KeyA, l.newest("orders").SecretKey, "rotator: key "+runtest.KeyA)
			l.days(45)
			l.t.Log(runtest.Text(t, l.last))
		}},
		{"a namespace of functions carries sales, and a function in it orders", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.nsPut("functions/v1beta1", "shop", map[string]string{"ORDERS_SECRET_KEY": l.newest("sales").SecretKey})
			l.days(45)
			l.green()
		}},
	})
}

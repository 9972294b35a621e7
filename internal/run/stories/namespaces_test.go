package stories_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func (l *tale) unset(path, name string) {
	l.t.Helper()
	if strings.HasPrefix(path, "/functions/") {
		l.MustCall(http.MethodPatch, path, map[string]any{"secret_environment_variables": []any{map[string]any{"key": name, "value": nil}}})
	} else {
		l.MustCall(http.MethodPatch, path, map[string]any{"secret_environment_variables": map[string]any{name: nil}})
	}
	l.Clock().Advance(time.Minute)
}

func (l *tale) redeployByHand(name string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
	l.Clock().Advance(10 * time.Minute)
}

func (l *tale) namespacePath(product, name string) string {
	l.t.Helper()
	path := "/" + product + "/regions/fr-par/namespaces"
	for _, n := range l.MustCall(http.MethodGet, path+"?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			return path + "/" + row["id"].(string)
		}
	}
	l.t.Fatal("no namespace " + name)
	return ""
}

func TestStoryNamespaces(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"the namespace's secret is removed, the function not redeployed, 100 days", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(2)
			l.unset(l.namespacePath("functions/v1beta1", "batch"), "X_AUTH_TOKEN")
			l.days(40)
			l.says("nightly", "redeploy")
			l.redeployByHand("nightly")
			l.days(2)
			l.quiet()
		}},
		{"the same, of containers", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(2)
			l.unset(l.namespacePath("containers/v1", "jobs"), "ORDERS_TOKEN")
			l.days(100)
		}},
		{"removed, and added again with the old value after 3 days, not redeployed", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(1)
			l.unset(l.namespacePath("functions/v1beta1", "batch"), "X_AUTH_TOKEN")
			l.days(3)
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": old.SecretKey})
			l.days(40)
			l.green()
			l.converged("orders")
			l.toldTwice()
		}},
		{"a function's own variable overrides with the superseded key", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(3)
			l.put("nightly", nil, map[string]string{"X_AUTH_TOKEN": old.SecretKey})
			l.days(40)
			l.green()
			l.converged("orders")
		}},
		{"an override by a plain variable of the same name, and away again", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(1)
			l.put("nightly", map[string]string{"X_AUTH_TOKEN": old.SecretKey}, nil)
			l.days(8)
			l.says("nightly")
			l.days(40)
			l.says("nightly")
			k := l.newest("orders")
			e, _ := l.Endpoint("nightly")
			l.MustCall(http.MethodPatch, fnPath+e.ID, map[string]any{"environment_variables": map[string]any{}})
			l.Clock().Advance(time.Minute)
			_ = k
			l.days(20)
			l.green()
			l.converged("orders")
		}},
		{"the container is moved to another namespace that has another key", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(2)
			l.nsPut("functions/v1beta1", "shop", map[string]string{"X_AUTH_TOKEN": l.newest("sales").SecretKey})
			l.deleteFunction("nightly")
			l.makeFunction("nightly", l.namespaceID("shop"), map[string]string{"A": "b"}, map[string]string{"X_AUTH_TOKEN": old.SecretKey})
			l.days(5)
			e, _ := l.Endpoint("nightly")
			l.unset(fnPath+e.ID, "X_AUTH_TOKEN")
			l.days(40)
			l.green()
		}},
		{"two namespaces take turns: the key is moved from one to the other each week", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(1)
			for i := range 6 {
				k := l.newest("orders")
				if i%2 == 0 {
					l.unset(l.namespacePath("functions/v1beta1", "batch"), "X_AUTH_TOKEN")
					l.put("nightly", nil, map[string]string{"X_AUTH_TOKEN": k.SecretKey})
				} else {
					l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": k.SecretKey})
					e, _ := l.Endpoint("nightly")
					l.unset(fnPath+e.ID, "X_AUTH_TOKEN")
				}
				l.redeployByHand("nightly")
				l.days(7)
			}
			l.days(20)
			l.green()
		}},
		{"removed from the namespace while what is in it fails to deploy", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(1)
			l.fail("nightly", true)
			l.unset(l.namespacePath("functions/v1beta1", "batch"), "X_AUTH_TOKEN")
			l.days(3)
			l.fail("nightly", false)
			l.days(20)
			l.t.Log(l.outcomes)
		}},
		{"a namespace is excluded later, and its functions run since before", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(1)
			l.Cfg.ConsumersExclude = []string{"batch"}
			l.days(40)
			l.Cfg.ConsumersExclude = nil
			l.days(15)
			l.green()
			l.converged("orders")
		}},
		{"the namespace's value is changed by hand to the current key without a redeployment, under exclude", emulator.Options{}, world(31, 10), []string{"ROTATOR_CONSUMERS_EXCLUDE=batch"}, func(l *tale) {
			l.days(2)
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": l.newest("orders").SecretKey})
			l.excused["nightly"] = true // a person wants it left, and is told
			l.days(90)
			l.says("nightly", "which is gone", "redeploy it")
		}},
		{"the namespace's variable is removed, and the function never redeployed", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			l.days(2)
			l.unset(l.namespacePath("functions/v1beta1", "batch"), "X_AUTH_TOKEN")
			l.days(40)
			l.says("nightly", "redeploy")
			l.excused["nightly"] = true // nobody did what was said
			l.days(60)
			l.says("nightly", "which is gone", "redeploy it")
			l.redeployByHand("nightly")
			l.days(1)
			for _, f := range l.last.Findings {
				if strings.Contains(f.Text, "which is gone") {
					l.t.Errorf("it was redeployed, and is named still: %s", f.Text)
				}
			}
		}},
	})
}

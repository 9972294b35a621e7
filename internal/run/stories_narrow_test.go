package run_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

const (
	toldKeyE = "SCWEEEEEEEEEEEEEEEEE"
	toldKeyF = "SCWFFFFFFFFFFFFFFFFF"
	toldAppE = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f2e1"
	toldAppF = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f2f1"
)

// toldHub has four applications whose keys stand in one function, hub.
func toldHub(o, s, e, f int) emulator.Seed {
	seed := world(o, 10)
	seed.Applications[len(seed.Applications)-1].Keys = []emulator.SeedKey{minted(keyS, s)}
	sales := credentialOf(holds(keyS, s))
	sales.Name, sales.Tags = salesID, []string{"rotator", "application=" + salesID}
	seed.Secrets[len(seed.Secrets)-1] = sales
	for _, a := range []struct {
		name, id, key string
		days          int
	}{{"east", toldAppE, toldKeyE, e}, {"far", toldAppF, toldKeyF, f}} {
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: a.name, ID: a.id, Keys: []emulator.SeedKey{minted(a.key, a.days)},
			Policies: []emulator.SeedPolicy{{Name: a.name, Rules: emulator.CallerRules("demo")}},
		})
		s := credentialOf(holds(a.key, a.days))
		s.Name, s.Tags = a.id, []string{"rotator", "application=" + a.id}
		seed.Secrets = append(seed.Secrets, s)
	}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "hub", Privacy: "public",
		Env:       map[string]string{"O_ID": keyA, "S_ID": keyS, "E_ID": toldKeyE},
		SecretEnv: map[string]string{"O": "${secret_key:" + keyA + "}", "S": "${secret_key:" + keyS + "}", "E": "${secret_key:" + toldKeyE + "}", "F": "${secret_key:" + toldKeyF + "}", "DB": "x"},
	})
	return seed
}

// hub lets days pass with hub calling with all that it has.
func (l *tale) hub(n int, reqs ...run.Request) {
	l.t.Helper()
	if len(reqs) == 0 {
		reqs = []run.Request{{}}
	}
	for range n {
		for _, q := range reqs {
			l.ask(q)
			l.hubCalls("run")
		}
		for range 6 {
			l.pass(4)
			l.hubCalls("day")
		}
	}
}

func (l *tale) hubCalls(when string) {
	for _, v := range []string{"O", "S", "E", "F"} {
		if l.CallAs("hub", v, "checkout") == http.StatusForbidden && !l.excused["hub"] {
			l.refused["hub "+v] = append(l.refused["hub "+v], when+l.Clock().Now().Format(" 01-02 15h"))
		}
	}
}

func narrow(force bool, names ...string) run.Request {
	return run.Request{Applications: names, Force: force}
}

func (l *tale) allConverged(names ...string) {
	l.t.Helper()
	for _, n := range names {
		l.converged(n)
	}
}

func TestStoryNarrow(t *testing.T) {
	t.Parallel()
	apps := []string{"orders", "sales", "east", "far"}
	seed := func() emulator.Seed { return toldHub(31, 31, 20, 5) }
	playAll(t, []bstory{
		{"only narrow runs, one application a day, in turn, for 80 days", emulator.Options{}, seed(), nil, func(l *tale) {
			for i := range 80 {
				l.hub(1, narrow(false, apps[i%4]))
				if i%25 == 24 {
					l.ask(run.Request{Steps: []string{run.StepOwnKey}})
				}
			}
			l.hub(12)
			l.green()
		}},
		{"narrow forced runs, one a day in turn, and a whole run each fourth day", emulator.Options{}, seed(), nil, func(l *tale) {
			for i := range 24 {
				l.hub(1, narrow(true, apps[i%4]))
				if i%4 == 3 {
					l.hub(1)
				}
			}
			l.hub(20)
			l.green()
			l.allConverged(apps...)
			l.toldTwice()
		}},
		{"a narrow run of two before each whole run", emulator.Options{}, seed(), nil, func(l *tale) {
			l.hub(45, narrow(false, "sales", "far"), run.Request{})
			l.green()
		}},
		{"a narrow run after each whole run, forced, by turns", emulator.Options{}, seed(), nil, func(l *tale) {
			for i := range 16 {
				l.hub(1, run.Request{}, narrow(true, apps[i%4]))
			}
			l.hub(20)
			l.green()
			l.allConverged(apps...)
		}},
		{"forced each day, all of them", emulator.Options{}, seed(), nil, func(l *tale) {
			l.hub(20, run.Request{Force: true})
			l.hub(20)
			l.green()
			l.allConverged(apps...)
		}},
		{"revoke and rollback in turn", emulator.Options{}, seed(), nil, func(l *tale) {
			for range 3 {
				l.hub(1, narrow(true, "orders"))
				l.ask(rollback("orders"))
				l.hubCalls("rollback")
				l.pass(12)
				k := l.toldCurrent("orders")
				l.auditor.Revoked(k)
				l.ask(revoke(k))
				l.hubCalls("revoke")
				l.hub(8)
			}
			l.hub(20)
			l.green()
		}},
		{"revoke of another application's key each day", emulator.Options{}, seed(), nil, func(l *tale) {
			l.hub(1)
			for i := range 12 {
				k := l.toldCurrent(apps[i%4])
				l.auditor.Revoked(k)
				l.ask(revoke(k))
				l.hubCalls("revoke")
				l.pass(8)
			}
			l.hub(12)
			l.green()
			l.allConverged(apps...)
		}},
		{"narrow runs of orders with the ledger lost before each", emulator.Options{}, seed(), nil, func(l *tale) {
			l.hub(1)
			for range 12 {
				l.forgetLedgerQuiet()
				l.hub(1, narrow(false, "orders"))
			}
			l.hub(12)
			l.green()
		}},
		{"narrow: a whole run only delivers, narrow runs rotate", emulator.Options{}, seed(), nil, func(l *tale) {
			for i := range 30 {
				l.hub(1, run.Request{Applications: []string{apps[i%4]}, Steps: []string{run.StepRotate}}, run.Request{Steps: []string{run.StepDeliver}})
			}
			l.hub(12)
			l.green()
		}},
		{"narrow: only retire of one, hub excluded, then not", emulator.Options{}, seed(), []string{"ROTATOR_CONSUMERS_EXCLUDE=hub"}, func(l *tale) {
			l.hub(3)
			for range 15 {
				l.hub(1, run.Request{Applications: []string{"orders"}, Steps: []string{run.StepRetire}})
			}
			l.cfg.ConsumersExclude = nil
			l.hub(15)
			l.green()
		}},
		{"hub's variables are swapped by hand between two narrow runs", emulator.Options{}, seed(), nil, func(l *tale) {
			l.hub(2)
			l.ask(narrow(true, "orders"))
			o, s := l.newest("orders"), l.newest("sales")
			l.put("hub", map[string]string{"O_ID": s.AccessKey, "S_ID": o.AccessKey}, map[string]string{"O": s.SecretKey, "S": o.SecretKey})
			l.hub(1, narrow(false, "sales"))
			l.hub(40)
			l.green()
			l.toldTwice()
		}},
		{"the superseded key of sales is put into hub while only orders is run", emulator.Options{}, seed(), nil, func(l *tale) {
			old := l.pair("sales", keyS)
			l.hub(3)
			l.put("hub", map[string]string{"S_ID": keyS}, map[string]string{"S": old.SecretKey})
			l.hub(10, narrow(true, "orders"))
			l.hub(12)
			l.green()
		}},
	})
}

// toldCurrent is the access key that readers of an application's secret get.
func (l *tale) toldCurrent(app string) string {
	l.t.Helper()
	for _, a := range l.last.Applications {
		for _, k := range a.Keys {
			if a.Name == app && k.State == "current" {
				return k.AccessKey
			}
		}
	}
	l.t.Fatalf("no current key of %s:\n%s", app, text(l.t, l.last))
	return ""
}

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
	l.MustCall(http.MethodPost, deployment(e), map[string]any{})
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
			old := l.pair("orders", keyA)
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
			old := l.pair("orders", keyA)
			l.days(3)
			l.put("nightly", nil, map[string]string{"X_AUTH_TOKEN": old.SecretKey})
			l.days(40)
			l.green()
			l.converged("orders")
		}},
		{"an override by a plain variable of the same name, and away again", emulator.Options{}, world(31, 10), nil, func(l *tale) {
			old := l.pair("orders", keyA)
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
			old := l.pair("orders", keyA)
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
			l.cfg.ConsumersExclude = []string{"batch"}
			l.days(40)
			l.cfg.ConsumersExclude = nil
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

// throng has so many functions that carry the key of orders.
func throng(n int) emulator.Seed {
	seed := world(31, 10)
	place := &seed.Serverless[0]
	for i := range n {
		place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
			Name: fmt.Sprintf("many-%03d", i), Privacy: "public", SecretEnv: map[string]string{"K": "${secret_key:" + keyA + "}", "DB": "x", "MORE": "y"},
		})
	}
	return seed
}

func TestStoryMany(t *testing.T) {
	t.Parallel()
	for _, each := range []time.Duration{2 * time.Millisecond, 30 * time.Millisecond, 150 * time.Millisecond} {
		for _, lose := range []bool{false, true} {
			if !inSample(t, fmt.Sprint(each, lose)) {
				continue
			}
			t.Run(fmt.Sprint(each, lose), func(t *testing.T) {
				t.Parallel()
				l := tell(t, emulator.Options{}, throng(60), "ROTATOR_REGIONS=fr-par", "ROTATOR_VERIFY_WINDOW=5s", "ROTATOR_VERIFY_BOUND=20s", "ROTATOR_DEPLOY_BOUND=1m", "ROTATOR_BUDGET=100s")
				l.noDry = true
				l.cfg.Budget = time.Minute
				var looks atomic.Int64
				base := int64(0)
				l.skew = func() time.Duration { return time.Duration(looks.Add(1)-base) * each }
				for i := range 60 {
					l.calls[fmt.Sprintf("many-%03d", i)] = "K"
				}
				for i := range 50 {
					base = looks.Load()
					l.ask(run.Request{})
					if lose && i%3 == 0 {
						l.forgetLedgerQuiet()
					}
					l.pass(24)
				}
				l.t.Log(l.outcomes, len(l.last.Left), l.last.Comparisons)
				l.fine()
			})
		}
	}
}

func TestStoryCaps(t *testing.T) {
	t.Parallel()
	eternal := func() emulator.Seed {
		seed := world(31, 31)
		for i := range seed.Applications {
			for j := range seed.Applications[i].Keys {
				seed.Applications[i].Keys[j].ExpiresIn = 0
			}
		}
		return seed
	}
	playAll(t, []bstory{
		{"keys without expiry, excluded, 200 days", emulator.Options{}, eternal(), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) { l.days(200); l.says("courier") }},
		{"the interval is 30 days, runs are daily", emulator.Options{}, world(5, 5), []string{"ROTATOR_INTERVAL=30d"}, func(l *tale) { l.days(70); l.green() }},
		{"the interval is a day, runs come every 20 days", emulator.Options{}, world(5, 5), nil, func(l *tale) {
			for range 10 {
				l.ask(run.Request{})
				l.pass(20 * 24)
			}
			l.green()
		}},
		{"the interval is a day, runs come every 45 days", emulator.Options{}, world(5, 5), nil, func(l *tale) {
			for range 6 {
				l.ask(run.Request{})
				l.pass(45 * 24)
			}
			l.days(10)
			l.green()
		}},
		{"runs come at changing hours", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			for i := range 60 {
				l.ask(run.Request{})
				l.pass(4 + 4*(i*7%11))
			}
			l.days(10)
			l.green()
		}},
		{"a cap of 20 days that goes up and down each 3 days", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			for i := range 20 {
				l.cap(time.Duration([]int{20, 5, 60, 0, 12}[i%5]) * day)
				l.days(3)
			}
			l.cap(0)
			l.days(40)
			l.green()
		}},
		{"a cap of 9 days with an interval of 3", emulator.Options{}, world(25, 25), []string{"ROTATOR_INTERVAL=3d"}, func(l *tale) {
			l.cap(9 * day)
			for range 20 {
				l.ask(run.Request{})
				l.pass(72)
			}
			l.t.Log(l.outcomes)
		}},
		{"a cap of 9 days, an excluded consumer, and a rollback", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.cap(9 * day)
			l.days(10)
			l.ask(run.Request{Force: true})
			l.pass(24)
			l.ask(rollback("orders"))
			l.days(30)
			l.green()
		}},
		{"the lifetime is raised to a year and cut to 45 days", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.cfg.KeyLifetime = 365 * day
			l.days(40)
			l.cfg.KeyLifetime = 45 * day
			l.days(60)
			l.green()
		}},
		{"no run for 30 days, then revoke, then none for 30", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.days(8)
			l.pass(30 * 24)
			k := l.toldCurrent("orders")
			l.auditor.Revoked(k)
			l.ask(revoke(k))
			l.pass(30 * 24)
			l.days(10)
			l.green()
		}},
		{"interval 30d, runs 30 days apart, with own key and consumers, for a year", emulator.Options{}, world(25, 25), []string{"ROTATOR_INTERVAL=30d"}, func(l *tale) {
			for range 12 {
				l.ask(run.Request{})
				l.pass(30 * 24)
			}
			l.green()
			l.toldUp()
		}},
	})
}

var (
	_ = clock.Real
	_ = config.Margin
	_ = report.Success
)

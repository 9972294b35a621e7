package stories_test

import (
	"net/http"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
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
	seed.Applications[len(seed.Applications)-1].Keys = []emulator.SeedKey{runtest.Minted(keyS, s)}
	sales := runtest.CredentialOf(runtest.Holds(keyS, s))
	sales.Name, sales.Tags = salesID, []string{"rotator", "application=" + salesID}
	seed.Secrets[len(seed.Secrets)-1] = sales
	for _, a := range []struct {
		name, id, key string
		days          int
	}{{"east", toldAppE, toldKeyE, e}, {"far", toldAppF, toldKeyF, f}} {
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: a.name, ID: a.id, Keys: []emulator.SeedKey{runtest.Minted(a.key, a.days)},
			Policies: []emulator.SeedPolicy{{Name: a.name, Rules: emulator.CallerRules("demo")}},
		})
		s := runtest.CredentialOf(runtest.Holds(a.key, a.days))
		s.Name, s.Tags = a.id, []string{"rotator", "application=" + a.id}
		seed.Secrets = append(seed.Secrets, s)
	}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "hub", Privacy: "public",
		Env:       map[string]string{"O_ID": runtest.KeyA, "S_ID": keyS, "E_ID": toldKeyE},
		SecretEnv: map[string]string{"O": "${secret_key:" + runtest.KeyA + "}", "S": "${secret_key:" + keyS + "}", "E": "${secret_key:" + toldKeyE + "}", "F": "${secret_key:" + toldKeyF + "}", "DB": "x"},
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
				l.ask(runtest.Rollback("orders"))
				l.hubCalls("rollback")
				l.pass(12)
				k := l.toldCurrent("orders")
				l.auditor.Revoked(k)
				l.ask(runtest.Revoke(k))
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
				l.ask(runtest.Revoke(k))
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
			l.Cfg.ConsumersExclude = nil
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
	l.t.Fatalf("no current key of %s:\n%s", app, runtest.Text(l.t, l.last))
	return ""
}

var (
	_ = clock.Real
	_ = config.Margin
	_ = report.Success
)

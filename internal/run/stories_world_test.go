package run_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type bstory struct {
	name     string
	o        emulator.Options
	seed     emulator.Seed
	settings []string
	story    func(l *tale)
}

func playAll(t *testing.T, rows []bstory) {
	t.Helper()
	for _, row := range rows {
		if !inSample(t, row.name) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, row.o, row.seed, append([]string{"ROTATOR_REGIONS=fr-par"}, row.settings...)...)
			row.story(l)
			l.fine()
		})
	}
}

// other is a second function that runs after the first, each day.
func (l *tale) other(change func(c *config.Config)) *tale {
	s := &tale{rig: &rig{Env: l.Env, cfg: l.cfg, log: l.log}, t: l.t, auditor: l.auditor, calls: l.calls, fn: "key-rotator-2", refused: map[string][]string{}, excused: map[string]bool{}}
	change(&s.cfg)
	l.second, l.noAudit, s.noAudit = s, true, true // it judges one client
	return s
}

const rotator2ID = "8a6c1e2d-7f43-4b19-9c58-3d2e8b90f2aa"

// twice has a second function, of another application, in the same project.
func twice(seed emulator.Seed, project string) emulator.Seed {
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "rotator2", ID: rotator2ID, Keys: []emulator.SeedKey{{AccessKey: keyC, Age: age(31), ExpiresIn: age(59), Project: project}},
		Policies: []emulator.SeedPolicy{{Name: "rotator2", Rules: emulator.RotatorRules(project)}},
	})
	f := emulator.SeedFunctionNamespace{Name: "ops2", Functions: []emulator.SeedFunction{{
		Name: "key-rotator-2", Env: map[string]string{"ROTATOR_ACCESS_KEY": "${access_key:" + keyC + "}"},
		SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + keyC + "}"},
	}}}
	i := 0
	if project == "other" {
		i = 1
	}
	seed.Serverless[i].FunctionNamespaces = append(seed.Serverless[i].FunctionNamespaces, f)
	return seed
}

// shared has orders reach both projects, and a caller in the other one.
func shared(seed emulator.Seed) emulator.Seed {
	seed = twice(seed, "other")
	seed.Applications[1].Policies = []emulator.SeedPolicy{{Name: "orders", Rules: emulator.CallerRules("demo", "other")}}
	ns := &seed.Serverless[1].FunctionNamespaces[0]
	ns.Functions = append(ns.Functions, emulator.SeedFunction{Name: "postman", Privacy: "public", SecretEnv: map[string]string{"ORD": "${secret_key:" + keyA + "}"}})
	return seed
}

func TestStoryTwoRotators(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"two functions with one own key", emulator.Options{}, two(world(31, 31)), nil, func(l *tale) {
			l.noDry = true
			l.other(func(c *config.Config) {}).noDry = true
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			l.green()
			l.converged("rotator")
		}},
		{"two functions of one application with a key each", emulator.Options{}, func() emulator.Seed {
			seed := two(world(31, 31))
			seed.Applications[0].Keys = append(seed.Applications[0].Keys, minted(keyC, 20))
			for _, ns := range seed.Serverless[0].FunctionNamespaces {
				if ns.Name == "ops" {
					ns.Functions[1].Env = map[string]string{"ROTATOR_ACCESS_KEY": keyC}
					ns.Functions[1].SecretEnv = map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + keyC + "}"}
				}
			}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {})
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			if strings.Contains(l.outcomes+l.second.outcomes, "FF") {
				l.t.Errorf("one of them lost its key: %s", text(l.t, l.second.last))
			}
		}},
		{"the second function of a person's key of one application", emulator.Options{}, func() emulator.Seed {
			seed := two(world(31, 31))
			seed.Applications[0].Keys = append(seed.Applications[0].Keys, theirs(keyC))
			for _, ns := range seed.Serverless[0].FunctionNamespaces {
				if ns.Name == "ops" {
					ns.Functions[1].Env = map[string]string{"ROTATOR_ACCESS_KEY": keyC}
					ns.Functions[1].SecretEnv = map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + keyC + "}"}
				}
			}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {})
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			if strings.Contains(l.outcomes+l.second.outcomes, "FF") {
				l.t.Errorf("one of them lost its key: %s", text(l.t, l.second.last))
			}
		}},
		{"two functions of two applications in one project", emulator.Options{}, twice(world(31, 31), "demo"), nil, func(l *tale) {
			l.other(func(c *config.Config) {})
			l.noDry, l.second.noDry = true, true
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			l.green()
		}},
		{"two functions of one project, the second with another secret path", emulator.Options{}, twice(world(31, 31), "demo"), nil, func(l *tale) {
			l.other(func(c *config.Config) { c.SecretPath = "/elsewhere" })
			l.noDry, l.second.noDry = true, true
			l.days(70)
			l.t.Logf("second: %s", l.second.outcomes)
			l.second.fine()
		}},
		{"two functions of one project, the second excludes and reports", emulator.Options{}, twice(world(31, 31), "demo"), nil, func(l *tale) {
			l.other(func(c *config.Config) { c.Consumers = config.ConsumersReport; c.RotateAfter = 10 * day })
			l.noDry, l.second.noDry = true, true
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			l.second.fine()
		}},
		{"two projects, one application listed in both", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + ordersID + "," + salesID}, func(l *tale) {
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.other(func(c *config.Config) {
				c.ProjectID, c.Applications = l.Project("other"), []string{ordersID}
			})
			l.days(100)
			l.t.Logf("second: %s", l.second.outcomes)
			l.t.Log(text(t, l.second.last))
			l.second.fine()
		}},
		{"the same, the second one begins days later", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + ordersID + "," + salesID}, func(l *tale) {
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.days(6)
			l.other(func(c *config.Config) {
				c.ProjectID, c.Applications = l.Project("other"), []string{ordersID}
			})
			l.days(60)
			l.t.Logf("second: %s", l.second.outcomes)
			l.second.fine()
		}},
		{"the same, the key published in demo is put by hand into the other", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + ordersID + "," + salesID}, func(l *tale) {
			l.days(1)
			now := l.newest("orders")
			l.put("postman", nil, map[string]string{"ORD": now.SecretKey})
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.days(28)
			l.t.Logf("demo alone: %s", text(t, l.last))
			l.days(40)
		}},
	})
}

func TestStoryClocks(t *testing.T) {
	t.Parallel()
	var rows []bstory
	for name, d := range map[string]time.Duration{"ten minutes late": -10 * time.Minute, "90 minutes early": 90 * time.Minute, "90 minutes late": -90 * time.Minute, "five hours early": 5 * time.Hour, "two days early": 48 * time.Hour, "two days late": -48 * time.Hour, "a hundred days early": 2400 * time.Hour} {
		rows = append(rows, bstory{name, emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.skew = func() time.Duration { return d }
			l.days(45)
			l.green()
			l.converged("orders")
			l.converged("rotator")
		}})
	}
	rows = append(rows, bstory{"it jumps from run to run", emulator.Options{}, world(31, 31), nil, func(l *tale) {
		n := 0
		l.skew = func() time.Duration { return time.Duration(n%5-2) * 7 * time.Hour }
		for range 45 {
			n++
			l.days(1)
		}
	}}, bstory{"it jumps an hour ahead within each run", emulator.Options{}, world(31, 31), nil, func(l *tale) {
		n := 0
		l.skew = func() time.Duration { n++; return time.Duration(n/200) * time.Second }
		l.noDry = true
		l.days(45)
	}}, bstory{"it jumps back an hour within each run", emulator.Options{}, world(31, 31), nil, func(l *tale) {
		n := 0
		l.skew = func() time.Duration { n++; return time.Hour - time.Duration(n%3)*20*time.Minute }
		l.noDry = true
		l.days(45)
		l.t.Log(l.outcomes)
	}})
	playAll(t, rows)
}

func inError(seed emulator.Seed) emulator.Seed {
	c := seed.Serverless[0].ContainerNamespaces[0].Containers
	c[len(c)-1].Status, c[len(c)-1].ErrorMessage = "error", "it does not listen"
	return seed
}

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
			old := l.pair("orders", keyA)
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
			old := l.pair("orders", keyA)
			l.fail("cruncher", true)
			l.days(1)
			l.nsPut("containers/v1", "jobs", map[string]string{"ORDERS_TOKEN": old.SecretKey})
			l.fail("cruncher", false)
			e, _ := l.Endpoint("cruncher")
			l.MustCall(http.MethodPost, deployment(e), map[string]any{})
			l.Clock().Advance(time.Minute)
			l.days(20)
			l.green()
		}},
	})
}

func (l *tale) nsPut(product, name string, secrets map[string]string) {
	l.t.Helper()
	path := "/" + product + "/regions/fr-par/namespaces"
	for _, n := range l.MustCall(http.MethodGet, path+"?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			l.setEnvironment(l.t, path+"/"+row["id"].(string), nil, secrets)
		}
	}
}

func (l *tale) cap(d time.Duration) {
	l.t.Helper()
	l.MustCall(http.MethodPatch, "/iam/v1alpha1/organizations/"+l.Organization()+"/security-settings", map[string]any{"max_api_key_expiration_duration": fmt.Sprintf("%.0fs", d.Seconds())})
}

func TestStoryQuotas(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"30 days, then one, then none", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.cap(30 * day)
			l.days(25)
			l.cap(day)
			l.days(20)
			l.cap(0)
			l.days(45)
			l.green()
		}},
		{"30 days, then three, then none", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.cap(30 * day)
			l.days(25)
			l.cap(3 * day)
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
				l.cap(10 * day)
				l.days(7)
			}
			l.green()
		}},
		{"a consumer is excluded under a cap", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.excused["courier"] = true
			l.cap(10 * day)
			l.days(40)
			l.says("courier")
		}},
		{"two keys of an application", emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}}, world(31, 31), nil, func(l *tale) { l.days(80); l.green() }},
		{"two keys, and one held by an excluded consumer", emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.excused["courier"] = true
			l.days(65)
			l.t.Log(text(t, l.last))
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
			k := l.pair("orders", keyA)
			l.days(1)
			for range 19 {
				l.version("orders", k.AccessKey, k.SecretKey, "by hand")
			}
			l.days(40)
			l.t.Log(text(t, l.last))
		}},
	})
}

func (l *tale) secretPath(app string) string {
	l.t.Helper()
	base := "/secret-manager/v1beta1/regions/fr-par/secrets"
	id := l.Application(app)
	rows := l.MustCall(http.MethodGet, base+"?name="+id+"&project_id="+demoProject, nil)["secrets"].([]any)
	return base + "/" + rows[0].(map[string]any)["id"].(string)
}

func (l *tale) version(app, accessKey, secret, description string) {
	l.t.Helper()
	l.MustCall(http.MethodPost, l.secretPath(app)+"/versions", map[string]any{
		"description": description, "data": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_key":%q,"secret_key":%q}`, accessKey, secret)),
	})
}

func (l *tale) makeApplication(name string) string {
	l.t.Helper()
	id := l.MustCall(http.MethodPost, "/iam/v1alpha1/applications", map[string]any{"name": name, "organization_id": l.Organization(), "description": ""})["id"].(string)
	l.MustCall(http.MethodPost, "/iam/v1alpha1/policies", map[string]any{
		"name": name + "-new", "organization_id": l.Organization(), "application_id": id,
		"rules": []any{map[string]any{"permission_set_names": []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, "project_ids": []string{demoProject}}},
	})
	return id
}

func (l *tale) namespaceID(name string) string {
	l.t.Helper()
	for _, n := range l.MustCall(http.MethodGet, "/functions/v1beta1/regions/fr-par/namespaces?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			return row["id"].(string)
		}
	}
	l.t.Fatalf("no namespace %s", name)
	return ""
}

func (l *tale) deleteFunction(name string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	l.MustCall(http.MethodDelete, fnPath+e.ID, nil)
	l.Clock().Advance(time.Hour)
}

func TestStoryMoves(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"an application is deleted and made anew with its name", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			for n := range callers() {
				l.excused[n] = true
			}
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+ordersID, nil)
			l.days(3)
			id := l.makeApplication("orders")
			l.days(3)
			l.t.Log(text(t, l.last))
			// the hint is followed: the new one's published key
			k := l.Keys(id)
			now := k[len(k)-1]
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": now.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": now.SecretKey})
			l.put("packer", nil, map[string]string{"ORDERS_API_KEY": now.SecretKey})
			l.nsPut("containers/v1", "jobs", map[string]string{"ORDERS_TOKEN": now.SecretKey})
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": now.SecretKey})
			for _, n := range []string{"nightly", "cruncher"} {
				e, _ := l.Endpoint(n)
				l.MustCall(http.MethodPost, deployment(e), map[string]any{})
			}
			l.Clock().Advance(time.Minute)
			clear(l.excused)
			clear(l.refused)
			l.days(10)
			l.t.Log("AFTER " + text(t, l.last))
			l.green()
		}},
		{"an application is deleted and made anew at once, before a run", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			for n := range callers() {
				l.excused[n] = true
			}
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+ordersID, nil)
			l.makeApplication("orders")
			l.days(10)
			l.t.Log(text(t, l.last))
		}},
		{"an application that never rotated since the ledger is deleted, its consumers stay", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			for n := range callers() {
				l.excused[n] = true
			}
			l.days(1)
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+ordersID, nil)
			l.days(10)
			l.t.Log(text(t, l.last))
		}},
		{"an application loses its policy, its consumers are refused", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			for n := range callers() {
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
			old := l.pair("orders", keyA)
			l.days(5)
			l.deleteFunction("courier")
			l.makeFunction("courier", l.namespaceID("batch"), map[string]string{"ORDERS_ACCESS_KEY": keyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
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
			old := l.pair("orders", keyA)
			l.days(2)
			l.deleteFunction("nightly")
			l.MustCall(http.MethodDelete, "/functions/v1beta1/regions/fr-par/namespaces/"+l.namespaceID("batch"), nil)
			delete(l.calls, "nightly")
			l.days(9)
			row := l.MustCall(http.MethodPost, "/functions/v1beta1/regions/fr-par/namespaces", map[string]any{
				"name": "batch", "project_id": demoProject,
				"secret_environment_variables": []any{map[string]any{"key": "X_AUTH_TOKEN", "value": old.SecretKey}},
			})
			l.Clock().Advance(time.Hour)
			l.makeFunction("nightly", row["id"].(string), map[string]string{"A": "b"}, nil)
			l.calls["nightly"] = "X_AUTH_TOKEN"
			l.days(5)
			l.green()
		}},
		{"an excluded function is renamed", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			old := l.pair("orders", keyA)
			l.days(10)
			l.deleteFunction("courier")
			delete(l.calls, "courier")
			l.makeFunction("courier2", l.namespaceID("shop"), map[string]string{"ORDERS_ACCESS_KEY": keyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.calls["courier2"] = "ORDERS_SECRET_KEY"
			l.days(20)
			l.green()
		}},
		{"a consumer is deleted while it holds a key, and made anew a day later", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			old := l.pair("orders", keyA)
			l.days(20)
			l.deleteFunction("courier")
			l.days(1)
			l.makeFunction("courier", l.namespaceID("shop"), nil, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.days(20)
			l.t.Log(text(t, l.last))
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
			a, b := l.pair("orders", keyA), l.pair("sales", keyS)
			l.days(6)
			swap(l, a, b)
			l.days(45)
			l.green()
		}},
		{"only secrets are swapped, access keys stay", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": l.newest("sales").SecretKey})
			l.days(45)
			l.t.Log(text(t, l.last))
		}},
		{"two secrets of two applications beside one access key", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": l.newest("orders").SecretKey, "OTHER": l.newest("sales").SecretKey})
			l.days(45)
			l.green()
		}},
		{"deleted keys are swapped in", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			a, b := l.pair("orders", keyA), l.pair("sales", keyS)
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
			k := l.pair("orders", keyA)
			l.version("sales", k.AccessKey, k.SecretKey, "by hand")
			l.days(40)
			l.t.Log(text(t, l.last))
			if !slices.ContainsFunc(l.Keys("sales"), func(p emulator.KeyPair) bool { got, _ := l.Variable("seller", "SALES_KEY"); return p.SecretKey == got }) {
				l.t.Log("seller carries no key of sales")
			}
		}},
		{"the same, described as the rotator's", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", keyA)
			l.version("sales", k.AccessKey, k.SecretKey, "rotator: key "+keyA)
			l.days(45)
			l.t.Log(text(t, l.last))
		}},
		{"a version says sales' key and holds the secret of orders", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			k := l.pair("orders", keyA)
			l.version("sales", keyS, k.SecretKey, "rotator: key "+keyS)
			l.days(45)
			l.t.Log(text(t, l.last))
		}},
		{"a version says the superseded key of orders and holds the current secret", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.version("orders", keyA, l.newest("orders").SecretKey, "rotator: key "+keyA)
			l.days(45)
			l.t.Log(text(t, l.last))
		}},
		{"a namespace of functions carries sales, and a function in it orders", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.nsPut("functions/v1beta1", "shop", map[string]string{"ORDERS_SECRET_KEY": l.newest("sales").SecretKey})
			l.days(45)
			l.green()
		}},
	})
}

func TestStoryRevokes(t *testing.T) {
	t.Parallel()
	now := run.Request{Revoke: []string{keyA}, Now: true}
	playAll(t, []bstory{
		{"revoke of the current key, then days", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			l.auditor.Revoked(keyA)
			l.ask(revoke(keyA))
			l.days(45)
			l.green()
		}},
		{"revoke now with an excluded consumer, named until mended", emulator.Options{}, world(10, 10), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier,batch"}, func(l *tale) {
			l.excused["courier"], l.excused["nightly"] = true, true
			l.days(1)
			l.auditor.RevokedNow(keyA)
			l.ask(now)
			l.days(200)
			l.says("courier")
			l.says("batch")
			k := l.newest("orders")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": k.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": k.SecretKey})
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": k.SecretKey})
			e, _ := l.Endpoint("nightly")
			l.MustCall(http.MethodPost, deployment(e), map[string]any{})
			l.Clock().Advance(time.Minute)
			clear(l.excused)
			clear(l.refused)
			l.days(2)
			l.green()
		}},
		{"the same, five more rotations come", emulator.Options{}, world(10, 10), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier", "ROTATOR_ROTATE_AFTER=2d", "ROTATOR_GRACE=1d"}, func(l *tale) {
			l.excused["courier"] = true
			l.days(1)
			l.auditor.RevokedNow(keyA)
			l.ask(now)
			l.days(60)
			l.says("courier")
		}},
		{"revoke now, and the deployment of a consumer fails", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.excused["courier"] = true
			l.days(1)
			l.fail("courier", true)
			l.auditor.RevokedNow(keyA)
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
				l.ask(rollback("orders"))
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
			l.ask(rollback("orders"))
			l.days(80)
			l.green()
			l.converged("orders")
		}},
		{"rollback, then revoke of the held key", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.ask(rollback("orders"))
			l.days(1)
			l.auditor.Revoked(keyA)
			l.ask(revoke(keyA))
			l.days(20)
			l.green()
		}},
		{"rollback while a consumer is excluded", emulator.Options{}, world(31, 31), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			l.days(2)
			k := l.newest("orders")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": k.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": k.SecretKey})
			l.ask(rollback("orders"))
			l.days(40)
			if !slices.ContainsFunc(l.Keys("orders"), func(p emulator.KeyPair) bool { return p.AccessKey == k.AccessKey }) {
				l.t.Error("the key that was rolled back and is carried is gone")
			}
		}},
		{"rollback, and a person enables the disabled version", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.ask(rollback("orders"))
			l.days(1)
			l.MustCall(http.MethodPost, l.secretPath("orders")+"/versions/2/enable", map[string]any{})
			l.days(20)
			l.t.Log(text(t, l.last))
		}},
		{"a version by hand of a key by hand", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": ordersID, "description": "mine", "default_project_id": demoProject})
			l.version("orders", row["access_key"].(string), row["secret_key"].(string), "by hand")
			l.days(60)
			l.t.Log(text(t, l.last))
		}},
		{"a version by hand that is no JSON", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			l.MustCall(http.MethodPost, l.secretPath("orders")+"/versions", map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(`{"hello":"x"}`))})
			l.days(30)
			l.says("version 2")
		}},
		{"revoke with the consumer's namespace set by hand to the key after", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", keyA)
			l.days(1)
			l.nsPut("functions/v1beta1", "batch", map[string]string{"X_AUTH_TOKEN": old.SecretKey}) // not deployed
			l.auditor.Revoked(keyA)
			l.ask(revoke(keyA))
			l.days(10)
			l.green()
		}},
		{"revoke of two at once, current and superseded", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			k := l.newest("orders")
			l.auditor.Revoked(keyA)
			l.auditor.Revoked(k.AccessKey)
			l.ask(revoke(keyA, k.AccessKey))
			l.days(10)
			l.green()
		}},
		{"revoke now of all of two applications at once", emulator.Options{}, world(10, 10), nil, func(l *tale) {
			l.days(1)
			for n := range l.calls {
				l.excused[n] = true
			}
			l.auditor.RevokedNow(keyA)
			l.auditor.RevokedNow(keyS)
			l.ask(run.Request{Revoke: []string{keyA, keyS}, Now: true})
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

var (
	_ = maps.Keys[map[string]int]
	_ = redact.New
	_ = report.Success
)

package run_test

import (
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

const (
	keyS    = "SCWSSSSSSSSSSSSSSSSS"
	salesID = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f203"
	fnPath  = "/functions/v1beta1/regions/fr-par/functions/"
	coPath  = "/containers/v1/regions/fr-par/containers/"
)

// world has the function itself, orders with its four consumers, and sales with
// one: seller.
func world(orderDays, ownDays int) emulator.Seed {
	seed := carrying(orderDays)
	seed.Applications[0].ID, seed.Applications[0].Keys = rotatorID, []emulator.SeedKey{minted(keyD, ownDays)}
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "sales", ID: salesID, Keys: []emulator.SeedKey{minted(keyS, orderDays)},
		Policies: []emulator.SeedPolicy{{Name: "sales", Rules: emulator.CallerRules("demo")}},
	})
	s := credentialOf(holds(keyS, orderDays))
	s.Name, s.Tags = salesID, []string{"rotator", "application=" + salesID}
	seed.Secrets = append(seed.Secrets, s)
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "seller", Privacy: "public", SecretEnv: map[string]string{"SALES_KEY": "${secret_key:" + keyS + "}"},
	})
	return seed
}

type tale struct {
	*rig
	t        *testing.T
	auditor  *emulator.Auditor
	last     *report.Report
	calls    map[string]string // consumer: variable
	fn       string            // own function; "": never restarted
	skew     func() time.Duration
	refused  map[string][]string
	silent   []string // what was refused and not told
	unlike   []string // dry and wet
	down     int      // days on which the function did not run
	red      int      // runs that failed
	noDry    bool
	noAudit  bool
	excused  map[string]bool
	second   *tale
	outcomes string
}

// inSample tells whether a test is to play its story of that name.
func inSample(t *testing.T, name string) bool {
	t.Helper()
	return crc32.ChecksumIEEE([]byte(t.Name()+"/"+name))%uint32(min(*oneIn, 40)) == 0
}

func tell(t *testing.T, o emulator.Options, seed emulator.Seed, settings ...string) *tale {
	t.Helper()
	r := startSeed(t, o, seed, settings...)
	var names []string
	for _, a := range seed.Applications {
		if a.Name != "rotator" && a.Name != "invoicing" {
			names = append(names, a.Name)
		}
	}
	a := r.Audit(emulator.AuditRules{Project: r.Project("demo"), Path: "/rotator", Applications: names, OwnKey: r.cfg.AccessKey, OwnApplication: "rotator", Grace: r.cfg.Grace})
	c := callers()
	c["seller"] = "SALES_KEY"
	return &tale{rig: r, t: t, auditor: a, calls: c, fn: "key-rotator", refused: map[string][]string{}, excused: map[string]bool{}}
}

// start gives the function what the platform would; false: nothing serves.
func (l *tale) start() bool {
	if l.fn == "" {
		return true
	}
	own, known := l.Endpoint(l.fn)
	if !known {
		return false
	}
	env := l.Running(own.ID)
	if env == nil {
		return false
	}
	for _, line := range env {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "ROTATOR_ACCESS_KEY":
			l.cfg.AccessKey = value
		case "ROTATOR_SECRET_KEY":
			l.cfg.SecretKey = redact.New(value)
		}
	}
	l.auditor.RunsOn(l.cfg.AccessKey)
	return true
}

func (l *tale) with() run.Options {
	o := l.surroundings()
	if l.skew != nil {
		now := l.Clock().Now
		o.Clock = clock.Clock{Now: func() time.Time { return now().Add(l.skew()) }, Sleep: l.Clock().Sleep, After: l.Clock().After, Emulated: true}
	}
	return o
}

func (l *tale) ask(req run.Request) {
	l.t.Helper()
	if !l.start() {
		l.down++
		l.outcomes += "_"
		return
	}
	var dry *report.Report
	if !l.noDry {
		l.ForgetHistory()
		q := req
		q.DryRun = true
		var err error
		if dry, err = run.Do(l.t.Context(), l.cfg, q, l.with()); err != nil {
			l.t.Fatal(err)
		}
		l.onlyPlanned(l.t, dry)
	}
	rep, err := run.Do(l.t.Context(), l.cfg, req, l.with())
	if err != nil {
		l.t.Fatal(err)
	}
	if dry != nil && rep.Outcome == report.Success {
		if diff := cmp.Diff(did(dry), did(rep)); diff != "" {
			l.unlike = append(l.unlike, l.Clock().Now().Format("01-02 15h")+" ("+string(rep.Outcome)+"):\n"+diff)
		}
	}
	l.last = rep
	if rep.Outcome != report.Success {
		l.red++
		l.outcomes += "F"
	} else {
		l.outcomes += "."
	}
	// who is refused as the run ends must be told
	said := ""
	for _, f := range rep.Findings {
		said += f.Subject + " " + f.Text + " " + f.Hint + "\n"
	}
	said += errs(rep)
	for _, name := range slices.Sorted(maps.Keys(l.calls)) {
		if l.call(name) != http.StatusForbidden || name == "postman" {
			continue
		}
		ns := map[string]string{"nightly": "namespace batch", "cruncher": "namespace jobs"}[name]
		named := strings.Contains(said, name) || ns != "" && strings.Contains(said, ns)
		if rep.Outcome == report.Success || !named {
			l.silent = append(l.silent, fmt.Sprintf("%s: %s is refused after a run, outcome %s, named %t", l.Clock().Now().Format("01-02 15h"), name, rep.Outcome, named))
		}
	}
}

func (l *tale) call(name string) int {
	if _, known := l.Endpoint(name); !known {
		return 0
	}
	return l.CallAs(name, l.calls[name], "checkout")
}

func (l *tale) pass(hours int) {
	for range hours / 4 {
		for name := range l.calls {
			if status := l.call(name); status == http.StatusForbidden {
				l.refused[name] = append(l.refused[name], l.Clock().Now().Format("01-02 15h"))
			}
		}
		l.Clock().Advance(4 * time.Hour)
	}
}

func (l *tale) days(n int) {
	l.t.Helper()
	for range n {
		l.ask(run.Request{})
		if l.second != nil {
			l.second.ask(run.Request{})
		}
		l.pass(24)
	}
}

// fine judges.
func (l *tale) fine() {
	l.t.Helper()
	bad := false
	if _, v := l.auditor.Result(); len(v) > 0 && !l.noAudit {
		bad = true
		l.t.Errorf("invariants:\n  %s", strings.Join(v[:min(6, len(v))], "\n  "))
	}
	for name, when := range l.refused {
		if !l.excused[name] {
			bad = true
			l.t.Errorf("%s was refused %d times: %s .. %s", name, len(when), when[0], when[len(when)-1])
		}
	}
	if len(l.silent) > 0 {
		bad = true
		l.t.Errorf("silent, %d:\n  %s", len(l.silent), strings.Join(l.silent[:min(4, len(l.silent))], "\n  "))
	}
	if len(l.unlike) > 0 {
		bad = true
		l.t.Errorf("dry and wet differ %d times:\n%s", len(l.unlike), strings.Join(l.unlike[:min(3, len(l.unlike))], "\n"))
	}
	l.t.Logf("outcomes %s; down %d", l.outcomes, l.down)
	if (bad || os.Getenv("SHOW") != "") && l.last != nil {
		l.t.Logf("last report:\n%s", text(l.t, l.last))
	}
}

func (l *tale) says(words ...string) {
	l.t.Helper()
	all := errs(l.last) + "\n"
	for _, f := range l.last.Findings {
		all += f.Subject + " " + f.Text + " " + f.Hint + "\n"
	}
	for line := range strings.Lines(all) {
		ok := true
		for _, w := range words {
			ok = ok && strings.Contains(line, w)
		}
		if ok {
			return
		}
	}
	l.t.Errorf("nothing says %q:\n%s", words, all)
}

func (l *tale) put(name string, plain, secret map[string]string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	path := map[string]string{"functions": fnPath, "containers": coPath}[e.Product] + e.ID
	l.setEnvironment(l.t, path, plain, secret)
}

func (l *tale) pair(app, accessKey string) emulator.KeyPair {
	l.t.Helper()
	for _, k := range l.Keys(app) {
		if k.AccessKey == accessKey {
			return k
		}
	}
	l.t.Fatalf("%s has no %s", app, accessKey)
	return emulator.KeyPair{}
}

func (l *tale) newest(app string) emulator.KeyPair {
	k := l.Keys(app)
	return k[len(k)-1]
}

func (l *tale) deployOwn(k emulator.KeyPair) {
	l.t.Helper()
	l.put(l.fn, map[string]string{"ROTATOR_ACCESS_KEY": k.AccessKey}, map[string]string{"ROTATOR_SECRET_KEY": k.SecretKey})
}

func (l *tale) fail(name string, on bool) {
	e, _ := l.Endpoint(name)
	l.FailDeployments(e.ID, on)
}

func (l *tale) converged(app string) {
	l.t.Helper()
	if n := len(l.Keys(app)); n != 1 {
		l.t.Errorf("%s has %d keys, want 1\n%s", app, n, text(l.t, l.last))
	}
}

func (l *tale) green() {
	l.t.Helper()
	if l.last.Outcome != report.Success {
		l.t.Errorf("the last run failed: %s", errs(l.last))
	}
}

// (1) the function's own key.
func TestStoryOwn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		seed     emulator.Seed
		settings []string
		story    func(l *tale)
	}{
		{"quiet", world(31, 31), nil, func(l *tale) { l.days(45); l.green(); l.converged("rotator") }},
		{"the redeployment fails, and goes on failing beyond 24 hours", world(31, 31), nil, func(l *tale) {
			l.fail("key-rotator", true)
			l.days(5)
			l.fail("key-rotator", false)
			l.days(3)
			if l.down > 0 {
				l.t.Logf("down")
			}
		}},
		{"the redeployment fails for three hours a night for weeks", world(31, 31), nil, func(l *tale) {
			for range 20 {
				l.fail("key-rotator", true)
				l.days(1)
				l.fail("key-rotator", false)
				e, _ := l.Endpoint("key-rotator")
				l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
				l.pass(4)
			}
			l.days(18)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old own key back each day", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
			for range 15 {
				l.days(1)
				if !l.has(keyD) {
					l.t.Errorf("the old own key that is deployed daily is gone")
					break
				}
				l.deployOwn(old)
			}
			l.days(12)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old own key back every third day", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
			for range 6 {
				l.days(3)
				if !l.has(keyD) {
					l.t.Errorf("the old own key that is deployed is gone")
					break
				}
				l.deployOwn(old)
			}
			l.days(12)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old one back on the day before its grace ends", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
			l.days(6)
			l.deployOwn(old)
			l.days(20)
			l.green()
			l.converged("rotator")
			if l.down > 0 {
				l.t.Error("down")
			}
		}},
		{"a pipeline puts the old access key back only", world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
			l.days(20)
			l.green()
		}},
		{"a pipeline puts the old secret key back only", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
			l.days(2)
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
			l.days(20)
			l.green()
		}},
		{"a pipeline puts the old own key back, not deployed", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
			l.days(2)
			e, _ := l.Endpoint("key-rotator")
			l.MustCall(http.MethodPatch, fnPath+e.ID, map[string]any{
				"redeploy": false, "environment_variables": map[string]any{"ROTATOR_ACCESS_KEY": keyD},
				"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": old.SecretKey}},
			})
			l.days(10)
			l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
			l.Clock().Advance(time.Minute)
			l.days(10)
			l.green()
			if strings.Contains(l.outcomes[12:], "F") {
				l.t.Error("the function lost its key")
			}
		}},
		{"a second function of the same application carries the own key", two(world(31, 31)), nil, func(l *tale) {
			l.days(20)
			e, _ := l.Endpoint("key-rotator-2")
			for _, line := range l.Running(e.ID) {
				if a, ok := strings.CutPrefix(line, "ROTATOR_ACCESS_KEY="); ok && !l.has(a) {
					l.t.Errorf("the second function's key is dead")
				}
			}
		}},
		{"its application loses IAMReadOnly", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("IAMReadOnly")
			l.days(9)
			if l.outcomes[2:] != strings.Repeat("F", 8) {
				l.t.Error("success without rights")
			}
		}},
		{"its application loses IAMApplicationManager", world(31, 31), nil, func(l *tale) {
			l.regrant("IAMApplicationManager")
			l.days(9)
		}},
		{"its application loses FunctionsFullAccess", world(31, 31), nil, func(l *tale) {
			l.regrant("FunctionsFullAccess")
			l.days(9)
		}},
		{"its application loses it after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("FunctionsFullAccess")
			l.days(12)
		}},
		{"loses ContainersFullAccess after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("ContainersFullAccess")
			l.days(12)
		}},
		{"loses SecretManagerSecretAccess after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerSecretAccess")
			l.days(12)
		}},
		{"loses SecretManagerReadOnly after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerReadOnly")
			l.days(12)
		}},
		{"loses SecretManagerSecretWrite after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerSecretWrite")
			l.days(12)
		}},
		{"loses SecretManagerSecretCreate on the day of a rotation", world(29, 10), nil, func(l *tale) {
			l.regrant("SecretManagerSecretCreate")
			l.days(12)
		}},
		{"the own application is deleted", world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+rotatorID, nil)
			l.days(3)
			if !strings.HasSuffix(l.outcomes, "FFF") {
				l.t.Error("no failure")
			}
		}},
		{"a consumer carries the function's own key", ownCarrier(world(31, 31)), nil, func(l *tale) {
			l.days(20)
			l.says("courier", "own key")
			if got, _ := l.Variable("courier", "ROT"); !slices.ContainsFunc(l.Keys("rotator"), func(k emulator.KeyPair) bool { return k.SecretKey == got }) {
				l.t.Error("its key is gone")
			}
		}},
		{"keep, and the key is nearly dead", world(31, 85), []string{"ROTATOR_OWN_KEY=keep"}, func(l *tale) { l.days(3); l.says("own key") }},
		{"the function is renamed: deleted and made anew with the same key", world(31, 31), nil, func(l *tale) {
			l.days(2)
			now := l.newest("rotator")
			e, _ := l.Endpoint("key-rotator")
			row := l.MustCall(http.MethodGet, fnPath+e.ID, nil)
			l.MustCall(http.MethodDelete, fnPath+e.ID, nil)
			l.Clock().Advance(time.Hour)
			l.makeFunction("rotator-new", row["namespace_id"].(string), map[string]string{"ROTATOR_ACCESS_KEY": now.AccessKey}, map[string]string{"ROTATOR_SECRET_KEY": now.SecretKey})
			l.fn = "rotator-new"
			l.days(40)
			l.green()
			l.converged("rotator")
		}},
	} {
		if !inSample(t, row.name) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, row.seed, append([]string{"ROTATOR_REGIONS=fr-par"}, row.settings...)...)
			row.story(l)
			l.fine()
		})
	}
}

func two(seed emulator.Seed) emulator.Seed {
	for i, ns := range seed.Serverless[0].FunctionNamespaces {
		if ns.Name == "ops" {
			f := ns.Functions[0]
			f.Name = "key-rotator-2"
			seed.Serverless[0].FunctionNamespaces[i].Functions = append(ns.Functions, f)
		}
	}
	return seed
}

func ownCarrier(seed emulator.Seed) emulator.Seed {
	c := &seed.Serverless[0].FunctionNamespaces[0].Functions[1]
	c.SecretEnv["ROT"] = "${secret_key:" + keyD + "}"
	return seed
}

func (l *tale) makeFunction(name, namespace string, plain, secret map[string]string) {
	l.t.Helper()
	var s []any
	for k, v := range secret {
		s = append(s, map[string]any{"key": k, "value": v})
	}
	row := l.MustCall(http.MethodPost, "/functions/v1beta1/regions/fr-par/functions", map[string]any{
		"name": name, "namespace_id": namespace, "runtime": "go126", "privacy": "public", "environment_variables": plain, "secret_environment_variables": s,
	})
	id := row["id"].(string)
	l.InstallCode(id, true)
	l.MustCall(http.MethodPost, fnPath+id+"/deploy", map[string]any{})
	l.Clock().Advance(10 * time.Minute)
	if l.Running(id) == nil {
		l.t.Fatalf("%s does not run", name)
	}
}

// regrant takes a permission set from the function's policy.
func (l *tale) regrant(less string) {
	l.t.Helper()
	for _, p := range l.MustCall(http.MethodGet, "/iam/v1alpha1/policies?organization_id="+l.Organization()+"&page_size=100", nil)["policies"].([]any) {
		if row := p.(map[string]any); row["name"] == "rotator" {
			var rules []any
			for _, rule := range emulator.RotatorRules("demo") {
				sets := slices.Clone(rule.PermissionSets)
				if i := slices.Index(sets, "SecretManagerFullAccess"); i >= 0 {
					sets = append(sets[:i], "SecretManagerReadOnly", "SecretManagerSecretAccess", "SecretManagerSecretCreate", "SecretManagerSecretWrite", "SecretManagerSecretDelete")
				}
				sets = slices.DeleteFunc(sets, func(s string) bool { return s == less })
				if len(sets) == 0 {
					continue
				}
				out := map[string]any{"permission_set_names": sets}
				if rule.Organization {
					out["organization_id"] = l.Organization()
				} else {
					out["project_ids"] = []string{demoProject}
				}
				rules = append(rules, out)
			}
			l.MustCall(http.MethodPut, "/iam/v1alpha1/rules", map[string]any{"policy_id": row["id"], "rules": rules})
			return
		}
	}
	l.t.Fatal("no policy rotator")
}

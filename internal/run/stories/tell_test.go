// Package stories_test holds worlds told in the field: what a person or a pipeline
// does, then days.
package stories_test

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
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type tale struct {
	*runtest.Rig
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
	return crc32.ChecksumIEEE([]byte(t.Name()+"/"+name))%uint32(min(*runtest.OneIn, 40)) == 0
}

func tell(t *testing.T, o emulator.Options, seed emulator.Seed, settings ...string) *tale {
	t.Helper()
	r := runtest.StartSeed(t, o, seed, settings...)
	var names []string
	for _, a := range seed.Applications {
		if a.Name != "rotator" && a.Name != "invoicing" {
			names = append(names, a.Name)
		}
	}
	a := r.Audit(emulator.AuditRules{Project: r.Project("demo"), Path: "/rotator", Applications: names, OwnKey: r.Cfg.AccessKey, OwnApplication: "rotator", Grace: r.Cfg.Grace})
	c := runtest.Callers()
	c["seller"] = "SALES_KEY"
	return &tale{Rig: r, t: t, auditor: a, calls: c, fn: "key-rotator", refused: map[string][]string{}, excused: map[string]bool{}}
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
			l.Cfg.AccessKey = value
		case "ROTATOR_SECRET_KEY":
			l.Cfg.SecretKey = redact.New(value)
		}
	}
	l.auditor.RunsOn(l.Cfg.AccessKey)
	return true
}

func (l *tale) with() run.Options {
	o := l.Surroundings()
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
		if dry, err = run.Do(l.t.Context(), l.Cfg, q, l.with()); err != nil {
			l.t.Fatal(err)
		}
		l.OnlyPlanned(l.t, dry)
	}
	rep, err := run.Do(l.t.Context(), l.Cfg, req, l.with())
	if err != nil {
		l.t.Fatal(err)
	}
	if dry != nil && rep.Outcome == report.Success {
		if diff := cmp.Diff(runtest.Did(dry), runtest.Did(rep)); diff != "" {
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
	said += runtest.Errors(rep)
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
		l.t.Logf("last report:\n%s", runtest.Text(l.t, l.last))
	}
}

func (l *tale) says(words ...string) {
	l.t.Helper()
	all := runtest.Errors(l.last) + "\n"
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
	l.SetEnvironment(l.t, path, plain, secret)
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
		l.t.Errorf("%s has %d keys, want 1\n%s", app, n, runtest.Text(l.t, l.last))
	}
}

func (l *tale) green() {
	l.t.Helper()
	if l.last.Outcome != report.Success {
		l.t.Errorf("the last run failed: %s", runtest.Errors(l.last))
	}
}

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

package stories_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// unmarked has own keys that a person made.
func toldUnmarked(seed emulator.Seed, days int) emulator.Seed {
	seed.Applications[0].Keys = []emulator.SeedKey{{AccessKey: runtest.KeyD, Age: runtest.Age(days), Project: "demo"}}
	return seed
}

func (l *tale) toldNewKey(marked bool) emulator.KeyPair {
	l.t.Helper()
	body := map[string]any{"application_id": runtest.RotatorID, "description": "mine", "default_project_id": runtest.DemoProject}
	if marked {
		body["description"] = "key rotator [rotator " + runtest.DemoProject + "]"
		body["expires_at"] = l.Clock().Now().Add(90 * runtest.Day).Truncate(time.Second).Format(time.RFC3339)
	}
	row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", body)
	return emulator.KeyPair{AccessKey: row["access_key"].(string), SecretKey: row["secret_key"].(string)}
}

func (l *tale) toldUp() {
	l.t.Helper()
	if l.down > 0 || strings.HasSuffix(l.outcomes, "FFF") {
		l.t.Errorf("the function lost its key: %s\n%s", l.outcomes, runtest.Text(l.t, l.last))
	}
}

func TestStoryOwnAndLedger(t *testing.T) {
	t.Parallel()
	var rows []bstory
	for _, marked := range []bool{true, false} {
		name := map[bool]string{true: "marked", false: "unmarked"}[marked]
		seed := func(days int) emulator.Seed {
			if marked {
				return world(10, days)
			}
			return toldUnmarked(world(10, days), days)
		}
		rows = append(rows, []bstory{
			{"first own key " + name + ": ledger lost right after the rotation", emulator.Options{}, seed(31), nil, func(l *tale) {
				l.days(1)
				l.forgetLedger()
				l.days(120)
				l.green()
				l.toldUp()
				l.t.Log(len(l.Keys("rotator")))
			}},
			{name + ": the access key only is put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				l.days(2)
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
				l.days(60)
				l.toldUp()
			}},
			{name + ": the access key only, and the ledger is lost", emulator.Options{}, seed(31), nil, func(l *tale) {
				l.days(2)
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
				l.forgetLedger()
				l.days(60)
				l.toldUp()
			}},
			{name + ": the secret only is put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", runtest.KeyD)
				l.days(2)
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
				l.days(60)
				l.toldUp()
			}},
			{name + ": the secret only, and the ledger is lost", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", runtest.KeyD)
				l.days(2)
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
				l.forgetLedger()
				l.days(60)
				l.toldUp()
			}},
			{name + ": put back fully in the night of the ledger's loss", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", runtest.KeyD)
				l.days(2)
				l.forgetLedger()
				l.deployOwn(old)
				l.days(60)
				l.toldUp()
			}},
			{name + ": several own rotations in the grace, the first secret put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", runtest.KeyD)
				for range 3 {
					l.ask(run.Request{Force: true, Steps: []string{run.StepOwnKey}})
					l.pass(24)
				}
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
				l.days(40)
				l.toldUp()
			}},
			{name + ": several own rotations in the grace, the first access key put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				for range 3 {
					l.ask(run.Request{Force: true, Steps: []string{run.StepOwnKey}})
					l.pass(24)
				}
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
				l.days(40)
				l.toldUp()
			}},
			{name + ": --new-key by hand, then the access key before it put back", emulator.Options{}, seed(10), nil, func(l *tale) {
				l.days(2)
				l.deployOwn(l.toldNewKey(marked))
				l.days(3)
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
				l.days(60)
				l.toldUp()
			}},
			{name + ": --new-key by hand, 120 days", emulator.Options{}, seed(10), nil, func(l *tale) {
				l.days(2)
				l.deployOwn(l.toldNewKey(marked))
				l.days(120)
				l.toldUp()
				l.green()
				l.t.Log(len(l.Keys("rotator")))
			}},
			{name + ": --new-key by hand each week, 15 times", emulator.Options{}, seed(10), nil, func(l *tale) {
				for range 15 {
					l.days(7)
					l.deployOwn(l.toldNewKey(marked))
				}
				l.days(60)
				l.toldUp()
				l.green()
				if n := len(l.Keys("rotator")); n > 3 && marked {
					l.t.Errorf("%d own keys\n%s", n, runtest.Text(l.t, l.last))
				}
			}},
			{name + ": --new-key right after an own rotation, both halves mixed", emulator.Options{}, seed(31), nil, func(l *tale) {
				l.noAudit = true // it takes a deployer's key for a person's
				l.days(1)
				k := l.toldNewKey(marked)
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": k.SecretKey})
				l.days(40)
				l.toldUp()
				k = l.toldNewKey(marked)
				l.deployOwn(k)
				l.days(40)
				l.toldUp()
				l.green()
				l.quietOwn()
			}},
		}...)
	}
	playAll(t, rows)
}

// quietOwn: nothing to act on about the own key.
func (l *tale) quietOwn() {
	l.t.Helper()
	for _, f := range l.last.Findings {
		if f.Level != "note" && strings.Contains(f.Subject, "own key") {
			l.t.Errorf("%s %s: %s → %s", f.Level, f.Subject, f.Text, f.Hint)
		}
	}
}

// toldDeaths logs when own keys go.
func (l *tale) toldOwnDays(n int) {
	l.t.Helper()
	for range n {
		before := l.Keys("rotator")
		l.ask(run.Request{})
		for _, k := range before {
			if !slices.ContainsFunc(l.Keys("rotator"), func(o emulator.KeyPair) bool { return o.AccessKey == k.AccessKey }) {
				l.t.Logf("%s: %s is gone; runs on %s", l.Clock().Now().Format("01-02 15h"), k.AccessKey, l.Cfg.AccessKey)
			}
		}
		for _, k := range l.Keys("rotator") {
			if !slices.ContainsFunc(before, func(o emulator.KeyPair) bool { return o.AccessKey == k.AccessKey }) {
				l.t.Logf("%s: %s is made; runs on %s", l.Clock().Now().Format("01-02 15h"), k.AccessKey, l.Cfg.AccessKey)
			}
		}
		l.pass(24)
	}
}

func TestStoryHalfPairs(t *testing.T) {
	t.Parallel()
	playAll(t, []bstory{
		{"mixed", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			l.noAudit = true
			l.toldOwnDays(1)
			k := l.toldNewKey(true)
			l.t.Logf("%s by hand", k.AccessKey)
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": k.SecretKey})
			l.toldOwnDays(40)
			k = l.toldNewKey(true)
			l.t.Logf("%s: %s by hand", l.Clock().Now(), k.AccessKey)
			l.deployOwn(k)
			l.toldOwnDays(40)
		}},
		{"half a pair, the first own key is a person's and young", emulator.Options{}, toldUnmarked(world(10, 3), 3), nil, func(l *tale) {
			l.ask(run.Request{Force: true, Steps: []string{run.StepOwnKey}})
			l.pass(24)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
			l.toldOwnDays(40)
			l.toldUp()
		}},
		{"half a pair, the secret of a person's young key", emulator.Options{}, toldUnmarked(world(10, 3), 3), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			l.ask(run.Request{Force: true, Steps: []string{run.StepOwnKey}})
			l.pass(24)
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
			l.toldOwnDays(40)
			l.toldUp()
		}},
		{"half a pair: a person's new access key beside the secret of a rotator's", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			l.days(1)
			k := l.toldNewKey(false)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": k.AccessKey}, nil)
			l.toldOwnDays(40)
			l.toldUp()
		}},
		{"half a pair, the ledger is lost: a marked deployer's access key beside the secret of a rotator's", emulator.Options{}, world(10, 31), nil, func(l *tale) {
			l.days(1)
			k := l.toldNewKey(true)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": k.AccessKey}, nil)
			l.forgetLedger()
			l.toldOwnDays(40)
			l.toldUp()
		}},
	})
}

package run_test

import (
	"encoding/base64"
	"fmt"
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

// toldLedger is the path of the ledger, or "".
func (l *tale) toldLedger() string {
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	rows := l.MustCall(http.MethodGet, base+"?name=rotator-ledger&project_id="+demoProject, nil)["secrets"].([]any)
	if len(rows) == 0 {
		return ""
	}
	return base + "/" + rows[0].(map[string]any)["id"].(string)
}

func (l *tale) toldRead() string {
	l.t.Helper()
	data := l.MustCall(http.MethodGet, l.toldLedger()+"/versions/latest_enabled/access", nil)["data"].(string)
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(raw)
}

func (l *tale) toldWrite(text string) {
	l.t.Helper()
	l.MustCall(http.MethodPost, l.toldLedger()+"/versions", map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(text))})
}

func (l *tale) toldLedgerVersion(what string) {
	l.t.Helper()
	for _, v := range l.MustCall(http.MethodGet, l.toldLedger()+"/versions?page_size=100", nil)["versions"].([]any) {
		row := v.(map[string]any)
		if row["status"] != "enabled" && what == "disable" {
			continue
		}
		path := fmt.Sprint(l.toldLedger(), "/versions/", row["revision"])
		if what == "delete" {
			l.MustCall(http.MethodDelete, path, nil)
		} else {
			l.MustCall(http.MethodPost, path+"/"+what, map[string]any{})
		}
	}
}

// toldTwice: the same run once more changes nothing (proofs of death apart).
func (l *tale) toldTwice() {
	l.t.Helper()
	l.ask(run.Request{})
	l.ask(run.Request{})
	l.ask(run.Request{})
	if n := len(l.last.Changes); n > 0 {
		l.t.Errorf("again and again, it changed %v", did(l.last))
	}
}

func TestStoryLedger(t *testing.T) {
	t.Parallel()
	daily := func(n int, act func(l *tale)) func(l *tale) {
		return func(l *tale) {
			l.days(1)
			for range n {
				act(l)
				l.days(1)
			}
			l.days(20)
			l.green()
			l.toldTwice()
		}
	}
	playAll(t, []bstory{
		{"deleted each day for two weeks", emulator.Options{}, world(31, 31), nil, daily(14, func(l *tale) { l.forgetLedger() })},
		{"its version is disabled each day", emulator.Options{}, world(31, 31), nil, daily(14, func(l *tale) { l.toldLedgerVersion("disable") })},
		{"its version is deleted each third day", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(1)
			for range 5 {
				l.toldLedgerVersion("disable")
				l.days(3)
			}
			l.days(20)
			l.green()
			l.toldTwice()
		}},
		{"garbage each day", emulator.Options{}, world(31, 31), nil, daily(14, func(l *tale) { l.toldWrite("not a ledger") })},
		{"an empty ledger of its version each day", emulator.Options{}, world(31, 31), nil, daily(14, func(l *tale) { l.toldWrite(`{"version":1}`) })},
		{"the ledger of the first day each day, for 50 days", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.days(1)
			old := l.toldRead()
			for range 50 {
				l.days(1)
				l.toldWrite(old)
			}
			l.days(20)
			l.green()
			l.toldTwice()
		}},
		{"the ledger of before a delivery, restored on the last day of the grace", emulator.Options{}, world(29, 29), []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, func(l *tale) {
			old := l.pair("orders", keyA)
			l.days(1)
			text := l.toldRead()
			l.days(8)
			l.toldWrite(text)
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": l.newest("orders").SecretKey})
			l.days(6)
			l.put("courier", nil, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.days(20)
			l.toldWrite(text)
			l.days(20)
			l.toldTwice()
		}},
		{"ledger garbage, and a deleted key is put back the same day", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			old := l.pair("orders", keyA)
			l.days(10)
			l.toldWrite("garbage")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": keyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
			l.excused["courier"] = true
			l.days(3)
			l.silent = nil // nobody can know
			l.t.Log(l.outcomes)
		}},
		{"a huge ledger by hand", emulator.Options{}, world(31, 31), nil, daily(3, func(l *tale) {
			l.toldWrite(`{"version":1,"carrying_none":"` + strings.Repeat("abcdefghijkl ", 4500) + `"}`)
		})},
		{"path and ledger are moved, to and fro each day", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for i := range 20 {
				l.cfg.SecretPath = []string{"/rotator", "/elsewhere"}[i%2]
				l.auditor.PublishesAt("fr-par", l.cfg.SecretPath)
				l.days(1)
			}
			l.days(20)
			l.t.Log(l.outcomes)
		}},
		{"region is moved, to and fro each week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for i := range 6 {
				l.cfg.SecretRegion = []string{"fr-par", "nl-ams"}[i%2]
				l.auditor.PublishesAt(l.cfg.SecretRegion, "/rotator")
				l.days(7)
			}
			l.cfg.SecretRegion = "fr-par"
			l.auditor.PublishesAt("fr-par", "/rotator")
			l.days(20)
		}},
		{"two functions of two applications renew their own key on one day, the first first", emulator.Options{}, func() emulator.Seed {
			seed := twice(world(10, 25), "demo")
			seed.Applications[len(seed.Applications)-1].Keys = []emulator.SeedKey{minted(keyC, 26)}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {
				c.SecretKey = redact.New(l.pair("rotator2", keyC).SecretKey)
				c.AccessKey = keyC
			})
			l.noDry, l.second.noDry = true, true
			most, mostB := 0, 0
			for range 120 {
				l.days(1)
				most, mostB = max(most, len(l.Keys("rotator"))), max(mostB, len(l.Keys("rotator2")))
			}
			l.t.Logf("at most %d and %d own keys", most, mostB)
			if most > 2 || mostB > 2 {
				l.t.Errorf("own keys pile up: %d and %d\n%s", most, mostB, text(l.t, l.last))
			}
		}},
		{"the ledger is scheduled for deletion by hand, and restored after a run made another", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			path := l.toldLedger()
			l.MustCall(http.MethodDelete, path, nil)
			l.days(2)
			l.Call(l.Secret, http.MethodPost, path+"/restore", map[string]any{})
			l.days(15)
			l.green()
			l.toldTwice()
		}},
		{"the ledger is tagged and described by hand, and protected", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.MustCall(http.MethodPost, l.toldLedger()+"/protect", map[string]any{})
			l.days(15)
			l.green()
			l.forgetLedgerQuiet()
			l.days(5)
		}},
	})
}

func (l *tale) forgetLedgerQuiet() {
	if p := l.toldLedger(); p != "" {
		l.Call(l.Secret, http.MethodDelete, p, nil)
	}
}

// unmarked has own keys that a person made.
func toldUnmarked(seed emulator.Seed, days int) emulator.Seed {
	seed.Applications[0].Keys = []emulator.SeedKey{{AccessKey: keyD, Age: age(days), Project: "demo"}}
	return seed
}

func (l *tale) toldNewKey(marked bool) emulator.KeyPair {
	l.t.Helper()
	body := map[string]any{"application_id": rotatorID, "description": "mine", "default_project_id": demoProject}
	if marked {
		body["description"] = "key rotator [rotator " + demoProject + "]"
		body["expires_at"] = l.Clock().Now().Add(90 * day).Truncate(time.Second).Format(time.RFC3339)
	}
	row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", body)
	return emulator.KeyPair{AccessKey: row["access_key"].(string), SecretKey: row["secret_key"].(string)}
}

func (l *tale) toldUp() {
	l.t.Helper()
	if l.down > 0 || strings.HasSuffix(l.outcomes, "FFF") {
		l.t.Errorf("the function lost its key: %s\n%s", l.outcomes, text(l.t, l.last))
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
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
				l.days(60)
				l.toldUp()
			}},
			{name + ": the access key only, and the ledger is lost", emulator.Options{}, seed(31), nil, func(l *tale) {
				l.days(2)
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
				l.forgetLedger()
				l.days(60)
				l.toldUp()
			}},
			{name + ": the secret only is put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", keyD)
				l.days(2)
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
				l.days(60)
				l.toldUp()
			}},
			{name + ": the secret only, and the ledger is lost", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", keyD)
				l.days(2)
				l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
				l.forgetLedger()
				l.days(60)
				l.toldUp()
			}},
			{name + ": put back fully in the night of the ledger's loss", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", keyD)
				l.days(2)
				l.forgetLedger()
				l.deployOwn(old)
				l.days(60)
				l.toldUp()
			}},
			{name + ": several own rotations in the grace, the first secret put back", emulator.Options{}, seed(31), nil, func(l *tale) {
				old := l.pair("rotator", keyD)
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
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
				l.days(40)
				l.toldUp()
			}},
			{name + ": --new-key by hand, then the access key before it put back", emulator.Options{}, seed(10), nil, func(l *tale) {
				l.days(2)
				l.deployOwn(l.toldNewKey(marked))
				l.days(3)
				l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
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
					l.t.Errorf("%d own keys\n%s", n, text(l.t, l.last))
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

var (
	_ = slices.Sorted[string]
	_ = report.Success
)

// toldDeaths logs when own keys go.
func (l *tale) toldOwnDays(n int) {
	l.t.Helper()
	for range n {
		before := l.Keys("rotator")
		l.ask(run.Request{})
		for _, k := range before {
			if !slices.ContainsFunc(l.Keys("rotator"), func(o emulator.KeyPair) bool { return o.AccessKey == k.AccessKey }) {
				l.t.Logf("%s: %s is gone; runs on %s", l.Clock().Now().Format("01-02 15h"), k.AccessKey, l.cfg.AccessKey)
			}
		}
		for _, k := range l.Keys("rotator") {
			if !slices.ContainsFunc(before, func(o emulator.KeyPair) bool { return o.AccessKey == k.AccessKey }) {
				l.t.Logf("%s: %s is made; runs on %s", l.Clock().Now().Format("01-02 15h"), k.AccessKey, l.cfg.AccessKey)
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
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": keyD}, nil)
			l.toldOwnDays(40)
			l.toldUp()
		}},
		{"half a pair, the secret of a person's young key", emulator.Options{}, toldUnmarked(world(10, 3), 3), nil, func(l *tale) {
			old := l.pair("rotator", keyD)
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

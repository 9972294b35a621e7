package stories_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// toldLedger is the path of the ledger, or "".
func (l *tale) toldLedger() string {
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	rows := l.MustCall(http.MethodGet, base+"?name=rotator-ledger&project_id="+runtest.DemoProject, nil)["secrets"].([]any)
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
		l.t.Errorf("again and again, it changed %v", runtest.Did(l.last))
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
			old := l.pair("orders", runtest.KeyA)
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
			old := l.pair("orders", runtest.KeyA)
			l.days(10)
			l.toldWrite("garbage")
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": runtest.KeyA}, map[string]string{"ORDERS_SECRET_KEY": old.SecretKey})
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
				l.Cfg.SecretPath = []string{"/rotator", "/elsewhere"}[i%2]
				l.auditor.PublishesAt("fr-par", l.Cfg.SecretPath)
				l.days(1)
			}
			l.days(20)
			l.t.Log(l.outcomes)
		}},
		{"region is moved, to and fro each week", emulator.Options{}, world(31, 31), nil, func(l *tale) {
			for i := range 6 {
				l.Cfg.SecretRegion = []string{"fr-par", "nl-ams"}[i%2]
				l.auditor.PublishesAt(l.Cfg.SecretRegion, "/rotator")
				l.days(7)
			}
			l.Cfg.SecretRegion = "fr-par"
			l.auditor.PublishesAt("fr-par", "/rotator")
			l.days(20)
		}},
		{"two functions of two applications renew their own key on one day, the first first", emulator.Options{}, func() emulator.Seed {
			seed := twice(world(10, 25), "demo")
			seed.Applications[len(seed.Applications)-1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyC, 26)}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {
				c.SecretKey = redact.New(l.pair("rotator2", runtest.KeyC).SecretKey)
				c.AccessKey = runtest.KeyC
			})
			l.noDry, l.second.noDry = true, true
			most, mostB := 0, 0
			for range 120 {
				l.days(1)
				most, mostB = max(most, len(l.Keys("rotator"))), max(mostB, len(l.Keys("rotator2")))
			}
			l.t.Logf("at most %d and %d own keys", most, mostB)
			if most > 2 || mostB > 2 {
				l.t.Errorf("own keys pile up: %d and %d\n%s", most, mostB, runtest.Text(l.t, l.last))
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

var (
	_ = slices.Sorted[string]
	_ = report.Success
)

package stories_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// other is a second function that runs after the first, each day.
func (l *tale) other(change func(c *config.Config)) *tale {
	s := &tale{Rig: &runtest.Rig{Env: l.Env, Cfg: l.Cfg, Log: l.Log}, t: l.t, auditor: l.auditor, calls: l.calls, fn: "key-rotator-2", refused: map[string][]string{}, excused: map[string]bool{}}
	change(&s.Cfg)
	l.second, l.noAudit, s.noAudit = s, true, true // it judges one client
	return s
}

const rotator2ID = "8a6c1e2d-7f43-4b19-9c58-3d2e8b90f2aa"

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
			seed.Applications[0].Keys = append(seed.Applications[0].Keys, runtest.Minted(runtest.KeyC, 20))
			for _, ns := range seed.Serverless[0].FunctionNamespaces {
				if ns.Name == "ops" {
					ns.Functions[1].Env = map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyC}
					ns.Functions[1].SecretEnv = map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + runtest.KeyC + "}"}
				}
			}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {})
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			if strings.Contains(l.outcomes+l.second.outcomes, "FF") {
				l.t.Errorf("one of them lost its key: %s", runtest.Text(l.t, l.second.last))
			}
		}},
		{"the second function of a person's key of one application", emulator.Options{}, func() emulator.Seed {
			seed := two(world(31, 31))
			seed.Applications[0].Keys = append(seed.Applications[0].Keys, runtest.Theirs(runtest.KeyC))
			for _, ns := range seed.Serverless[0].FunctionNamespaces {
				if ns.Name == "ops" {
					ns.Functions[1].Env = map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyC}
					ns.Functions[1].SecretEnv = map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + runtest.KeyC + "}"}
				}
			}
			return seed
		}(), nil, func(l *tale) {
			l.other(func(c *config.Config) {})
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			if strings.Contains(l.outcomes+l.second.outcomes, "FF") {
				l.t.Errorf("one of them lost its key: %s", runtest.Text(l.t, l.second.last))
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
			l.other(func(c *config.Config) { c.Consumers = config.ConsumersReport; c.RotateAfter = 10 * runtest.Day })
			l.noDry, l.second.noDry = true, true
			l.days(50)
			l.t.Logf("second: %s", l.second.outcomes)
			l.second.fine()
		}},
		{"two projects, one application listed in both", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + runtest.OrdersID + "," + salesID}, func(l *tale) {
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.other(func(c *config.Config) {
				c.ProjectID, c.Applications = l.Project("other"), []string{runtest.OrdersID}
			})
			l.days(100)
			l.t.Logf("second: %s", l.second.outcomes)
			l.t.Log(runtest.Text(t, l.second.last))
			l.second.fine()
		}},
		{"the same, the second one begins days later", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + runtest.OrdersID + "," + salesID}, func(l *tale) {
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.days(6)
			l.other(func(c *config.Config) {
				c.ProjectID, c.Applications = l.Project("other"), []string{runtest.OrdersID}
			})
			l.days(60)
			l.t.Logf("second: %s", l.second.outcomes)
			l.second.fine()
		}},
		{"the same, the key published in demo is put by hand into the other", emulator.Options{}, shared(world(31, 31)), []string{"ROTATOR_APPLICATIONS=" + runtest.OrdersID + "," + salesID}, func(l *tale) {
			l.days(1)
			now := l.newest("orders")
			l.put("postman", nil, map[string]string{"ORD": now.SecretKey})
			l.calls["postman"], l.excused["postman"] = "ORD", true // in the other project: it is not seen
			l.days(28)
			l.t.Logf("demo alone: %s", runtest.Text(t, l.last))
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

var (
	_ = maps.Keys[map[string]int]
	_ = redact.New
	_ = report.Success
)

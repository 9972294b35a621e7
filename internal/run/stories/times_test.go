package stories_test

import (
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Keys that live for weeks are not replaced by ones that die before the next run.
func TestStoryACapOfADayDoesNotKillKeysThatLiveForWeeks(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"keep", "rotate"} {
		if !inSample(t, own) {
			continue
		}
		t.Run(own, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, world(10, 10), "ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY="+own)
			l.noDry = true
			l.days(2)
			l.cap(runtest.Day)
			l.days(5)
			t.Log(l.outcomes)
			l.brief()
			l.cap(0) // a person follows the hint
			l.days(5)
			l.green()
			l.fine()
		})
	}
}

// The same cap, from 60 days of life left, by force.
func TestStoryTimes(t *testing.T) {
	t.Parallel()
	hours := func(h int) time.Duration { return time.Duration(h) * time.Hour }
	for name, story := range map[string]func(l *tale){
		"no run for eight days after a delivery": func(l *tale) {
			l.days(1)
			l.Clock().Advance(8 * runtest.Day)
			l.days(10)
			l.green()
		},
		"no run for 20 days, then daily": func(l *tale) {
			l.days(1)
			l.pass(20 * 24)
			l.days(10)
			l.green()
		},
		"no run for 55 days": func(l *tale) {
			l.days(1)
			l.pass(55 * 24)
			l.days(10)
			l.green()
		},
		"runs an hour apart for two days": func(l *tale) {
			for range 48 {
				l.ask(run.Request{})
				l.Clock().Advance(time.Hour)
			}
			l.days(8)
			l.green()
			l.converged("orders")
		},
		"the API lags with statuses and keys": func(l *tale) {
			l.days(40)
			l.green()
		},
		"the interval is set to a week, and runs are daily": func(l *tale) {
			l.Cfg.Interval = 7 * runtest.Day
			l.days(45)
			l.green()
		},
		"the grace is made shorter between runs": func(l *tale) {
			l.days(1)
			l.Cfg.Grace, l.noAudit = 8*time.Hour, true
			l.days(3)
			l.green()
		},
		"consumers are only reported for a month, then delivered": func(l *tale) {
			l.Cfg.Consumers = config.ConsumersReport
			l.days(33)
			l.Cfg.Consumers = config.ConsumersDeliver
			l.days(12)
			l.green()
			l.converged("orders")
		},
		"steps alone, each in its own run": func(l *tale) {
			for range 12 {
				for _, s := range []string{run.StepRetire, run.StepRotate, run.StepOwnKey, run.StepDeliver} {
					l.ask(run.Request{Steps: []string{s}})
				}
				l.pass(24)
			}
			l.days(1)
			l.green()
		},
		"only rotate for a month, then all": func(l *tale) {
			for range 33 {
				l.ask(run.Request{Steps: []string{run.StepRotate}})
				l.pass(24)
			}
			l.days(12)
			l.green()
		},
		"the applications setting leaves orders out, and takes it in again": func(l *tale) {
			l.days(1)
			l.Cfg.Applications = []string{salesID}
			l.days(20)
			l.Cfg.Applications = nil
			l.days(20)
			l.green()
			l.converged("orders")
		},
		"a condition is put on the policy": func(l *tale) {
			l.days(1)
			for _, p := range l.MustCall("GET", "/iam/v1alpha1/policies?organization_id="+l.Organization()+"&page_size=100", nil)["policies"].([]any) {
				if row := p.(map[string]any); row["name"] == "orders" {
					l.MustCall("PUT", "/iam/v1alpha1/rules", map[string]any{"policy_id": row["id"], "rules": []any{map[string]any{
						"permission_set_names": []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, "project_ids": []string{runtest.DemoProject}, "condition": `request.user_agent == "x"`,
					}}})
				}
			}
			for n := range runtest.Callers() {
				l.excused[n] = true
			}
			l.days(3)
			l.silent = nil // it is tried at the API instead: documented
		},
		"a user key is put into a consumer": func(l *tale) {
			l.days(1)
			l.put("courier", map[string]string{"ORDERS_ACCESS_KEY": l.AccessKey}, map[string]string{"ORDERS_SECRET_KEY": l.Secret})
			l.days(40)
			l.green()
		},
		"a hash of a consumer is gone: its secret variable is made plain": func(l *tale) {
			old := l.pair("orders", runtest.KeyA)
			l.days(1)
			l.put("courier", map[string]string{"ORDERS_SECRET_KEY": old.SecretKey}, nil)
			l.days(20)
		},
	} {
		if !inSample(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := emulator.Options{}
			if name == "the API lags with statuses and keys" {
				o = emulator.Options{KeyLag: 40 * time.Second, StatusLag: 20 * time.Second, DeadLag: 50 * time.Second}
			}
			l := tell(t, o, world(31, 31), "ROTATOR_REGIONS=fr-par")
			story(l)
			l.fine()
		})
	}
	_ = hours
	_ = report.Success
}

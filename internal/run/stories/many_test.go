package stories_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// throng has so many functions that carry the key of orders.
func throng(n int) emulator.Seed {
	seed := world(31, 10)
	place := &seed.Serverless[0]
	for i := range n {
		place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
			Name: fmt.Sprintf("many-%03d", i), Privacy: "public", SecretEnv: map[string]string{"K": "${secret_key:" + runtest.KeyA + "}", "DB": "x", "MORE": "y"},
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
				l.Cfg.Budget = time.Minute
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
				l.cap(time.Duration([]int{20, 5, 60, 0, 12}[i%5]) * runtest.Day)
				l.days(3)
			}
			l.cap(0)
			l.days(40)
			l.green()
		}},
		{"a cap of 9 days with an interval of 3", emulator.Options{}, world(25, 25), []string{"ROTATOR_INTERVAL=3d"}, func(l *tale) {
			l.cap(9 * runtest.Day)
			for range 20 {
				l.ask(run.Request{})
				l.pass(72)
			}
			l.t.Log(l.outcomes)
		}},
		{"a cap of 9 days, an excluded consumer, and a rollback", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.cap(9 * runtest.Day)
			l.days(10)
			l.ask(run.Request{Force: true})
			l.pass(24)
			l.ask(runtest.Rollback("orders"))
			l.days(30)
			l.green()
		}},
		{"the lifetime is raised to a year and cut to 45 days", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.Cfg.KeyLifetime = 365 * runtest.Day
			l.days(40)
			l.Cfg.KeyLifetime = 45 * runtest.Day
			l.days(60)
			l.green()
		}},
		{"no run for 30 days, then revoke, then none for 30", emulator.Options{}, world(25, 25), nil, func(l *tale) {
			l.days(8)
			l.pass(30 * 24)
			k := l.toldCurrent("orders")
			l.auditor.Revoked(k)
			l.ask(runtest.Revoke(k))
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

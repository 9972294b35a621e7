package stories_test

import (
	"net/http"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A rolled-back key goes once its grace is over, as after any rollback.
func TestStoryARolledBackKeyGoes(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 1, 2, 5} {
		for _, dry := range []bool{false, true} {
			if !inSample(t, string(rune('0'+after))+map[bool]string{true: " dry"}[dry]) {
				continue
			}
			t.Run(string(rune('0'+after))+map[bool]string{true: " dry"}[dry], func(t *testing.T) {
				t.Parallel()
				l := tell(t, emulator.Options{}, world(31, 10), "ROTATOR_REGIONS=fr-par")
				l.noDry = !dry
				l.ask(run.Request{})
				l.pass(4)
				if after > 0 {
					l.days(after)
				}
				bad := l.newest("orders")
				l.ask(runtest.Rollback("orders"))
				l.days(12)
				for _, k := range l.Keys("orders") {
					if k.AccessKey == bad.AccessKey {
						t.Errorf("the bad key lives 12 days after the rollback")
						l.brief()
					}
				}
				l.fine()
			})
		}
	}
}

var _ = http.MethodGet

// With one application, as TestLongARollbackBringsTheKeyBeforeBackUntilForced has it.
func TestStoryARolledBackKeyOfTheOnlyApplicationGoes(t *testing.T) {
	t.Parallel()
	seed := world(31, 10)
	seed.Applications, seed.Secrets = seed.Applications[:3], seed.Secrets[:1]
	delete(seed.Serverless[0].FunctionNamespaces[0].Functions[2].SecretEnv, "SALES_KEY")
	l := tell(t, emulator.Options{}, seed, "ROTATOR_REGIONS=fr-par")
	delete(l.calls, "seller")
	l.days(2)
	bad := l.newest("orders")
	l.ask(runtest.Rollback("orders"))
	l.days(12)
	for _, k := range l.Keys("orders") {
		if k.AccessKey == bad.AccessKey {
			t.Errorf("the bad key lives 12 days after the rollback")
		}
	}
	l.fine()
}

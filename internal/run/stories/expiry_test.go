package stories_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func (l *tale) brief() {
	l.t.Helper()
	for _, f := range l.last.Findings {
		if f.Level != "note" {
			l.t.Log("   ", f.Level, f.Subject, "|", f.Text, "→", f.Hint)
		}
	}
	if e := runtest.Errors(l.last); e != "" {
		l.t.Log("    ERRS", e)
	}
	for _, a := range l.last.Applications {
		for _, k := range a.Keys {
			l.t.Log("       ", a.Name, a.Action, k.AccessKey, k.State, k.AgeDays, k.Note)
		}
	}
	for _, c := range l.last.Changes {
		if c.Kind == "delete_key" {
			l.t.Log("        did", c.Kind, c.Object, c.Reason)
		}
	}
}

// An excluded consumer's key expires while there is no room for another.
func TestStoryExpiryOfAnExcludedConsumer(t *testing.T) {
	for name, o := range map[string]emulator.Options{"two keys": {Quotas: emulator.Quotas{KeysPerApplication: 2}}, "plain": {}} {
		if !inSample(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			l := tell(t, o, world(31, 31), "ROTATOR_REGIONS=fr-par", "ROTATOR_CONSUMERS_EXCLUDE=courier")
			l.excused["courier"] = true
			l.days(58)
			for range 5 {
				l.days(1)
				t.Log(l.Clock().Now(), l.last.Outcome, len(l.silent), l.silent)
				l.brief()
			}
			l.fine()
		})
	}
}

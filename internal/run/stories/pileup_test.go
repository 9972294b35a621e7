package stories_test

import (
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// The function's own superseded keys go, whatever the cap and the ages are.
func TestStoryOwnKeysPileUp(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		cap      time.Duration
		days     int
		settings []string
	}{
		{"a cap of three days", 3 * runtest.Day, 25, nil},
		{"a cap of ten days", 10 * runtest.Day, 115, nil},
		{"a cap of 14 days", 14 * runtest.Day, 150, nil},
		{"an age and a grace of seven days", 0, 150, []string{"ROTATOR_ROTATE_AFTER=7d"}},
		{"an age and a grace of one day", 0, 30, []string{"ROTATOR_ROTATE_AFTER=1d", "ROTATOR_GRACE=1d"}},
		{"an age of ten days and a grace of seven", 0, 150, []string{"ROTATOR_ROTATE_AFTER=10d"}},
	} {
		if !inSample(t, row.name) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, world(31, 31), append([]string{"ROTATOR_REGIONS=fr-par"}, row.settings...)...)
			if row.cap > 0 {
				l.cap(row.cap)
			}
			l.noDry = true
			most := 0
			for range row.days {
				l.ask(run.Request{})
				l.pass(24)
				most = max(most, len(l.Keys("rotator")))
			}
			t.Logf("at most %d keys of the function's own application, %d of orders at last; %s", most, len(l.Keys("orders")), l.outcomes)
			if most > 5 {
				t.Errorf("keys pile up")
			}
			l.fine()
		})
	}
}

// The keys of consumers go, with an age that is the grace.
func TestStoryKeysPileUp(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"one day": {"ROTATOR_ROTATE_AFTER=1d", "ROTATOR_GRACE=1d"}, "two days": {"ROTATOR_ROTATE_AFTER=2d", "ROTATOR_GRACE=2d"},
		"two and one": {"ROTATOR_ROTATE_AFTER=2d", "ROTATOR_GRACE=1d"}, "seven": {"ROTATOR_ROTATE_AFTER=7d"},
	} {
		for _, own := range []string{"keep", "rotate"} {
			if !inSample(t, name+" "+own) {
				continue
			}
			t.Run(name+" "+own, func(t *testing.T) {
				t.Parallel()
				l := tell(t, emulator.Options{}, world(31, 10), append([]string{"ROTATOR_REGIONS=fr-par", "ROTATOR_OWN_KEY=" + own}, settings...)...)
				l.noDry = true
				most := 0
				n := 70
				if name == "seven" && own == "rotate" {
					n = 250
				}
				for range n {
					l.ask(run.Request{})
					l.pass(24)
					most = max(most, len(l.Keys("orders")))
				}
				t.Logf("at most %d keys of orders; %s", most, l.outcomes)
				if most > 5 {
					t.Errorf("keys pile up")
					for _, a := range l.last.Applications {
						for _, k := range a.Keys {
							t.Log(a.Name, k.AccessKey, k.State, k.AgeDays, k.Note)
						}
					}
				}
				l.fine()
			})
		}
	}
}

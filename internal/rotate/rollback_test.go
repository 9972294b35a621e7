package rotate_test

import (
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

func marked(mark rotate.VersionMark) versionOption {
	return func(v *scaleway.Version) {
		mark.AccessKey = rotate.VersionKey(v.Description)
		v.Description = mark.String()
	}
}

func TestBack(t *testing.T) {
	t.Parallel()
	two := []scaleway.APIKey{key("A", 32*day, ours), key("B", 2*day, ours)}
	for _, tt := range []struct {
		name  string
		state rotate.State
		to    string // the letter, or
		why   string // the reason that there is none
	}{
		{"to the key before", state(two, version(2, "B", 2*day), version(1, "A", 32*day)), "A", ""},
		{"over a version that is disabled", state(
			[]scaleway.APIKey{key("A", 32*day, ours), key("B", 3*day, ours), key("C", 2*day, ours)},
			version(3, "C", 2*day), version(2, "B", 3*day, disabled(day)), version(1, "A", 32*day)), "A", ""},
		{"over two versions of the bad key", state(two, version(3, "B", day), version(2, "B", 2*day), version(1, "A", 32*day)), "A", ""},
		{"nothing is published", state([]scaleway.APIKey{key("A", 32*day)}), "", "no key is published"},
		{
			"there was none before", state([]scaleway.APIKey{key("A", 32*day)}, version(1, "A", 32*day)), "",
			"no version before the current key's is enabled: the key before it is retired, or there was none",
		},
		{"the one before is gone", state(two[1:], version(2, "B", 2*day), version(1, "A", 32*day)), "", "the key before, " + access("A") + ", is gone"},
		{"the one before expired", state([]scaleway.APIKey{key("A", 92*day, ours, expires(-time.Hour)), key("B", 2*day, ours)},
			version(2, "B", 2*day), version(1, "A", 92*day)), "", "the key before, " + access("A") + ", expired on 2026-11-24 11:00:00"},
		{
			"its grace is over", state([]scaleway.APIKey{key("A", 40*day, ours), key("B", 8*day, ours)}, version(2, "B", 8*day), version(1, "A", 40*day)), "",
			"the grace of the key before, " + access("A") + ", ended on 2026-11-23 12:00:00",
		},
		{"its grace counts from its last consumer", state([]scaleway.APIKey{key("A", 40*day, ours), key("B", 8*day, ours)},
			version(2, "B", 8*day), version(1, "A", 40*day, marked(rotate.VersionMark{CarriedUntil: now.Add(-6 * day)}))), "A", ""},
		{
			"somebody else publishes there", state(two, version(2, "B", 2*day, foreign), version(1, "A", 32*day)), "",
			"it is left alone: version 2 of /rotator/app was not written by the rotator: someone else publishes there",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan := rotate.Make(tt.state, policy(), now)
			back, err := plan.Back(now)
			switch {
			case tt.why != "" && (err == nil || err.Error() != tt.why):
				t.Errorf("got %v, want %q", err, tt.why)
			case tt.why == "" && err != nil:
				t.Errorf("got %v, want the way to %s", err, tt.to)
			case tt.why == "" && (back.Key.AccessKey != access(tt.to) || rotate.VersionKey(back.To.Description) != access(tt.to)):
				t.Errorf("goes back to %s, want %s", back.Key.AccessKey, access(tt.to))
			}
			for _, v := range back.From {
				if rotate.VersionKey(v.Description) != back.Bad {
					t.Errorf("version %d would be disabled: it does not hold the bad key %s", v.Revision, back.Bad)
				}
			}
		})
	}
}

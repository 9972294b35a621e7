package manifest

import (
	"slices"
	"testing"
	"time"
)

func TestStarts(t *testing.T) {
	t.Parallel()
	at := func(clock ...string) (out []time.Duration) {
		for _, text := range clock {
			when, err := time.Parse("15:04", text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, time.Duration(when.Hour())*time.Hour+time.Duration(when.Minute())*time.Minute)
		}
		return out
	}
	for rate, want := range map[string][]time.Duration{
		"17 3 * * *":      at("03:17"),
		"0,30 3-4 1 * 5":  at("03:00", "03:30", "04:00", "04:30"),
		"5 0,12,23 * * *": at("00:05", "12:05", "23:05"),
	} {
		if got := Starts(rate); !slices.Equal(got, want) {
			t.Errorf("%s starts at %v, want %v", rate, got, want)
		}
	}
	if n := len(Starts("* * * * *")); n != 24*60 {
		t.Errorf("every minute are %d", n)
	}
}

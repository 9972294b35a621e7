package wire

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimesAreWrittenAsProtobufDoes(t *testing.T) {
	t.Parallel()
	odd := time.Date(2026, 6, 10, 18, 12, 40, 756198811, time.FixedZone("", 7200))
	whole := time.Date(2035, 7, 6, 11, 0, 0, 0, time.FixedZone("", 7200))
	milli := whole.Add(120 * time.Millisecond)
	for _, row := range []struct {
		name string
		s    Stamp
		want string
	}{
		{"null", Stamp{}, `null`},
		{"not given", Given(nil), `null`},
		{"taken by the API", At(odd), `"2026-06-10T16:12:40.756199Z"`},
		{"on a whole second", At(whole), `"2035-07-06T09:00:00.000000Z"`},
		{"in the writing answer", AtNanos(odd), `"2026-06-10T16:12:40.756198811Z"`},
		{"read back", AtNanos(odd).Stored(), `"2026-06-10T16:12:40.756199Z"`},
		{"reconciled", AtSecond(odd), `"2026-06-10T16:12:40Z"`},
		{"reconciled and read back", AtSecond(odd).Stored(), `"2026-06-10T16:12:40Z"`},
		{"sent whole", Given(&whole), `"2035-07-06T09:00:00Z"`},
		{"sent with milliseconds", Given(&milli), `"2035-07-06T09:00:00.120Z"`},
		{"sent with nanoseconds", Given(&odd), `"2026-06-10T16:12:40.756199Z"`},
	} {
		got, err := json.Marshal(row.s)
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s, %v, want %s", row.name, got, err, row.want)
		}
	}
}

func TestDurationsAreSeconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sent, want string // want "" is an error
	}{
		{`"1800.000000000s"`, `"1800s"`},
		{`"1800s"`, `"1800s"`},
		{`"0s"`, `"0s"`},
		{`"1.500000000s"`, `"1.500s"`},
		{`"-1.5s"`, `"-1.500s"`},
		{`"30m"`, ``},
		{`"1h30s"`, ``},
		{`"1800"`, ``},
		{`1800`, ``},
		{`""`, ``},
	} {
		var d Seconds
		if err := json.Unmarshal([]byte(row.sent), &d); err != nil {
			if row.want != "" {
				t.Errorf("%s: %v", row.sent, err)
			}
			continue
		}
		got, err := json.Marshal(d)
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s, %v, want %s", row.sent, got, err, row.want)
		}
	}
}

package emulator

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
		s    stamp
		want string
	}{
		{"null", stamp{}, `null`},
		{"not given", given(nil), `null`},
		{"taken by the API", at(odd), `"2026-06-10T16:12:40.756199Z"`},
		{"on a whole second", at(whole), `"2035-07-06T09:00:00.000000Z"`},
		{"in the writing answer", atNanos(odd), `"2026-06-10T16:12:40.756198811Z"`},
		{"read back", atNanos(odd).stored(), `"2026-06-10T16:12:40.756199Z"`},
		{"reconciled", atSecond(odd), `"2026-06-10T16:12:40Z"`},
		{"reconciled and read back", atSecond(odd).stored(), `"2026-06-10T16:12:40Z"`},
		{"sent whole", given(&whole), `"2035-07-06T09:00:00Z"`},
		{"sent with milliseconds", given(&milli), `"2035-07-06T09:00:00.120Z"`},
		{"sent with nanoseconds", given(&odd), `"2026-06-10T16:12:40.756199Z"`},
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
		var d seconds
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

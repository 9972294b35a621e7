package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestACronIsMadeOnlyWithAScheduleOfThePlatform(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	id := l.endpoint("api").ID
	for _, row := range []struct {
		schedule string
		want     string // in the refusal; "" if it is taken
	}{
		{"* * * * *", ""},
		{"17 3 * * *", ""},
		{"0,15,30,45 8-18 1,15 1-6 0", ""},
		{"0 0 31 12 7", ""},
		{"1-5,10 0 1 1 1", ""},
		{"", "failed on the 'required' tag"},
		{"*/5 * * * *", `minute "*/5": want *, or numbers from 0 to 59`},
		{"60 * * * *", `minute "60"`},
		{"0 24 * * *", `hour "24"`},
		{"0 0 0 * *", `day "0": want *, or numbers from 1 to 31`},
		{"0 0 * 13 *", `month "13"`},
		{"0 0 * * 8", `weekday "8"`},
		{"0 0 * * MON", `weekday "MON"`},
		{"5-1 * * * *", `minute "5-1"`},
		{"1- * * * *", `minute "1-"`},
		{"-1 * * * *", `minute "-1"`},
		{"1,,2 * * * *", `minute "1,,2"`},
		{"@daily", "want five fields"},
		{"0 0 * * * *", "want five fields"},
	} {
		status, got := l.raw("POST", functionsBase+"/crons", `{"function_id":"`+id+`","args":{},"schedule":"`+row.schedule+`"}`)
		if row.want == "" {
			if status != http.StatusOK || got["schedule"] != row.schedule {
				t.Errorf("%q: %d %v", row.schedule, status, got)
			}
			continue
		}
		if message, _ := got["message"].(string); status != http.StatusBadRequest || !strings.Contains(message, row.want) {
			t.Errorf("%q: %d %q, want 400 and %q", row.schedule, status, message, row.want)
		}
	}
}

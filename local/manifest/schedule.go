package manifest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// field is one of a schedule's five: *, a number, a range, or a list of numbers. It is what the plugin's pattern allows
// of what the platform documents.
var field = regexp.MustCompile(`^(?:\*|\d+|\d+-\d+|\d+(?:,\d+)+)$`)

// CheckSchedule wants a cron's schedule to be one that plugin and platform both take.
func CheckSchedule(rate string) error {
	fields := strings.Fields(rate)
	limits := []struct {
		name        string
		least, most int
	}{{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 6}}
	if len(fields) != len(limits) || strings.Join(fields, " ") != rate {
		return fmt.Errorf("schedule %q: want five fields with one space between: minute hour day month weekday, in UTC", rate)
	}
	for i, text := range fields {
		limit := limits[i]
		want := fmt.Errorf("schedule %q: %s %q: want *, numbers from %d to %d, a range such as 1-5 or a list such as 1,3 (no steps: write */15 as 0,15,30,45)",
			rate, limit.name, text, limit.least, limit.most)
		if !field.MatchString(text) {
			return want
		}
		last := -1
		for number := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '-' || r == '*' }) {
			var n int
			if _, err := fmt.Sscan(number, &n); err != nil || n < limit.least || n > limit.most || (strings.Contains(text, "-") && n < last) {
				return want
			}
			last = n
		}
	}
	return nil
}

// Starts are the times of day, in UTC, at which a schedule starts something on its
// days. It wants one that CheckSchedule takes.
func Starts(rate string) (out []time.Duration) {
	fields := strings.Fields(rate)
	for hour := range 24 {
		for minute := range 60 {
			if due(fields[0], minute) && due(fields[1], hour) {
				out = append(out, time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute)
			}
		}
	}
	return out
}

func due(field string, n int) bool {
	for part := range strings.SplitSeq(field, ",") {
		var from, to int
		switch _, err := fmt.Sscanf(part, "%d-%d", &from, &to); {
		case part == "*", err == nil && from <= n && n <= to, part == fmt.Sprint(n):
			return true
		}
	}
	return false
}

package clock

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule is when a cron fires: for each of its five fields the set of values
// that are due.
type Schedule struct {
	minutes, hours, days, months, weekdays uint64 // bit n: n is due
	anyDay, anyWeekday                     bool
}

// ParseSchedule reads five fields in UTC: numbers, ranges, lists and *, no
// steps and no names, as the platform takes them.
func ParseSchedule(text string) (*Schedule, error) {
	s := &Schedule{}
	fields := strings.Fields(text)
	ranges := []struct {
		name        string
		least, most int
		into        *uint64
	}{
		{"minute", 0, 59, &s.minutes},
		{"hour", 0, 23, &s.hours},
		{"day", 1, 31, &s.days},
		{"month", 1, 12, &s.months},
		{"weekday", 0, 7, &s.weekdays},
	}
	if len(fields) != len(ranges) {
		return nil, fmt.Errorf("invalid schedule %q: want five fields, minute hour day month weekday", text)
	}
	for i, field := range ranges {
		set, ok := parseField(fields[i], field.least, field.most)
		if !ok {
			return nil, fmt.Errorf("invalid schedule %q: %s %q: want *, or numbers from %d to %d with , and -", text, field.name, fields[i], field.least, field.most)
		}
		*field.into = set
	}
	s.weekdays |= s.weekdays >> 7 & 1 // 7 is Sunday, too
	s.anyDay, s.anyWeekday = fields[2] == "*", fields[4] == "*"
	return s, nil
}

func parseField(text string, least, most int) (set uint64, ok bool) {
	if text == "*" {
		text = fmt.Sprintf("%d-%d", least, most)
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		from, errFrom := strconv.ParseUint(low, 10, 8)
		to, errTo := strconv.ParseUint(high, 10, 8)
		if errFrom != nil || errTo != nil || int(from) < least || from > to || int(to) > most {
			return 0, false
		}
		for n := from; n <= to; n++ {
			set |= 1 << n
		}
	}
	return set, true
}

// Next is the first minute after t at which s is due; the zero time if that is
// never (the 30th of February). Years without a leap day can be eight in a row.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	for end := t.AddDate(9, 0, 0); t.Before(end); {
		switch {
		case !s.dayDue(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case s.hours>>t.Hour()&1 == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case s.minutes>>t.Minute()&1 == 0:
			t = t.Add(time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

// dayDue is cron's rule: of day and weekday either will do, unless one is *.
func (s *Schedule) dayDue(t time.Time) bool {
	if s.months>>t.Month()&1 == 0 {
		return false
	}
	day, weekday := s.days>>t.Day()&1 == 1, s.weekdays>>t.Weekday()&1 == 1
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

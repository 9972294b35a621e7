// Package duration reads and writes durations with days, as the settings and
// the report have them.
package duration

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	day     = 24 * time.Hour
	longest = time.Duration(math.MaxInt64)
)

var days = regexp.MustCompile(`^(\d{1,6})d(.*)$`)

// Parse reads what time.ParseDuration does, and days before it: 30d,
// 1d12h. A day is 24 hours. It takes no negative durations, and none that a
// time.Duration cannot hold.
func Parse(text string) (time.Duration, bool) {
	var d time.Duration
	if m := days.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, false
		}
		if n > int(longest/day) {
			return 0, false
		}
		d, text = time.Duration(n)*day, m[2]
		if text == "" {
			return d, true
		}
	}
	rest, err := time.ParseDuration(text)
	if err != nil || rest < 0 || rest > longest-d {
		return 0, false
	}
	return d + rest, true
}

// Format writes what Parse reads, in the largest units: 30d,
// 1d12h, 90s as 1m30s.
func Format(d time.Duration) string {
	text := ""
	if d >= day {
		text = strconv.FormatInt(int64(d/day), 10) + "d"
		d %= day
		if d == 0 {
			return text
		}
	}
	short := d.String()
	if strings.HasSuffix(short, "m0s") {
		short = strings.TrimSuffix(short, "0s")
	}
	if strings.HasSuffix(short, "h0m") {
		short = strings.TrimSuffix(short, "0m")
	}
	return text + short
}

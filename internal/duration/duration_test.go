package duration_test

import (
	"math"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/duration"
)

const day = 24 * time.Hour

func TestParseReadsDaysBeforeWhatGoReads(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want time.Duration
	}{
		"days":                {"30d", 30 * day},
		"a day and hours":     {"1d12h", 36 * time.Hour},
		"a day and all":       {"1d2h3m4s5ms", day + 2*time.Hour + 3*time.Minute + 4*time.Second + 5*time.Millisecond},
		"no days at all":      {"0d", 0},
		"hours over a day":    {"48h", 2 * day},
		"seconds":             {"90s", 90 * time.Second},
		"a fraction":          {"1.5h", 90 * time.Minute},
		"a fraction and days": {"2d0.5h", 2*day + 30*time.Minute},
		"nothing":             {"0", 0},
		"leading zeros":       {"007d", 7 * day},
		"the longest in days": {"106751d", 106751 * day},
		"the longest":         {"106751d23h47m16.854775807s", math.MaxInt64},
		"the longest, by Go":  {"2562047h47m16.854775807s", math.MaxInt64},
		"a nanosecond":        {"1ns", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := duration.Parse(row.text)
			if !ok || got != row.want {
				t.Errorf("Parse(%q) = %v, %t, want %v", row.text, got, ok, row.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                      "",
		"a number without a unit":      "30",
		"a unit without a number":      "d",
		"weeks":                        "4w",
		"months":                       "1mo",
		"days in capitals":             "30D",
		"a fraction of days":           "1.5d",
		"a negative duration":          "-1h",
		"negative days":                "-1d",
		"less than nothing after days": "1d-1h",
		"days after hours":             "12h1d",
		"days twice":                   "1d1d",
		"a space between":              "30 d",
		"spaces around":                " 30d ",
		"a line's end":                 "30d\n",
		"other digits":                 "٣d",
		"words":                        "a month",
		"ISO 8601":                     "P30D",
		"more days than there are":     "106752d",
		"days of seven digits":         "1000000d",
		"more than there is, together": "106751d23h47m16.854775808s",
		"far more, together":           "99999d2562047h",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := duration.Parse(text); ok || got != 0 {
				t.Errorf("Parse(%q) = %v, %t, want a refusal", text, got, ok)
			}
		})
	}
}

func TestFormatWritesTheLargestUnits(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s":                         0,
		"1ns":                        1,
		"90ms":                       90 * time.Millisecond,
		"59s":                        59 * time.Second,
		"1m":                         time.Minute,
		"1m30s":                      90 * time.Second,
		"10m":                        10 * time.Minute,
		"1h":                         time.Hour,
		"10h":                        10 * time.Hour,
		"1h10m":                      70 * time.Minute,
		"1h0m10s":                    time.Hour + 10*time.Second,
		"23h59m59.999999999s":        day - 1,
		"1d":                         day,
		"1d12h":                      36 * time.Hour,
		"1d30m":                      day + 30*time.Minute,
		"1d1s":                       day + time.Second,
		"30d":                        30 * day,
		"3650d":                      3650 * day,
		"106751d23h47m16.854775807s": math.MaxInt64,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if got := duration.Format(d); got != want {
				t.Errorf("Format(%v) = %q, want %q", d, got, want)
			}
		})
	}
}

// FuzzParse: what Parse accepts is not negative, and Format writes it as
// something that parses to the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"30d", "1d12h", "1m30s", "0", "1.5h", "1h10m", "10m", "106751d23h47m16.854775807s", "2562047h", "99999d2562047h", "-1h", "1µs", "d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := duration.Parse(text)
		if !ok {
			return
		}
		if d < 0 {
			t.Fatalf("Parse(%q) = %v, a negative duration", text, d)
		}
		written := duration.Format(d)
		if again, ok := duration.Parse(written); !ok || again != d {
			t.Errorf("Parse(%q) = %v, written as %q, which parses to %v, %t", text, d, written, again, ok)
		}
	})
}

package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Stamp is a time as the API writes it: UTC, Z, and 0, 3, 6 or 9 digits of a
// second's fraction (docs/scaleway.md, Times and durations). The zero stamp is
// null.
type Stamp struct {
	Time   time.Time
	digits int // of the fraction; asNeeded: the smallest of 0, 3, 6 and 9 that holds it
}

// asNeeded is what protobuf JSON does with any time. The API's own times are
// microseconds that seldom end in 000, so theirs is a fixed number: a test's
// clock that stands at a whole second shall not look unlike the real thing.
const asNeeded = -1

// At is a time that the API took and stored: six digits, rounded.
func At(t time.Time) Stamp { return Stamp{Time: t.UTC().Round(time.Microsecond), digits: 6} }

// AtNanos is a time as functions and containers v1beta1 answer it to the very
// call that sets it; later they read it from their store, see Stored.
func AtNanos(t time.Time) Stamp { return Stamp{Time: t.UTC(), digits: 9} }

// AtSecond is how containers v1 writes updated_at when it has reconciled.
func AtSecond(t time.Time) Stamp { return Stamp{Time: t.UTC().Truncate(time.Second), digits: 0} }

// Given is a time that a caller sent; nil is null.
func Given(t *time.Time) Stamp {
	if t == nil {
		return Stamp{}
	}
	return Stamp{Time: t.UTC().Round(time.Microsecond), digits: asNeeded}
}

// Stored is s as it is read back: never more than six digits.
func (s Stamp) Stored() Stamp {
	if s.digits > 6 {
		return At(s.Time)
	}
	return s
}

// IsNull tells whether s is written as null.
func (s Stamp) IsNull() bool { return s.Time.IsZero() }

// Due tells whether s is set and not after now, to the microsecond: what was
// rounded up may lie ahead of the moment at which it was taken.
func (s Stamp) Due(now time.Time) bool { return !s.IsNull() && !s.Time.After(At(now).Time) }

// Age is how long ago s was at now, never less than nothing.
func (s Stamp) Age(now time.Time) time.Duration { return max(0, now.Sub(s.Time)) }

func (s Stamp) String() string {
	digits := s.digits
	if digits == asNeeded {
		digits = fractionDigits(s.Time.Nanosecond())
	}
	layout := "2006-01-02T15:04:05"
	if digits > 0 {
		layout += "." + strings.Repeat("0", digits)
	}
	return s.Time.UTC().Format(layout) + "Z"
}

// MarshalJSON writes null or a JSON string.
func (s Stamp) MarshalJSON() ([]byte, error) {
	if s.IsNull() {
		return []byte("null"), nil
	}
	return []byte(strconv.Quote(s.String())), nil
}

// fractionDigits is protobuf JSON's rule: 0, 3, 6 or 9 digits.
func fractionDigits(nanos int) int {
	switch {
	case nanos == 0:
		return 0
	case nanos%1e6 == 0:
		return 3
	case nanos%1e3 == 0:
		return 6
	default:
		return 9
	}
}

// Seconds is a duration as the API writes it: "1800s". It reads what the SDK
// sends: "1800.000000000s" (docs/scaleway.md, Times and durations).
type Seconds time.Duration

func (d Seconds) String() string {
	whole, nanos := int64(d)/1e9, int64(d)%1e9
	sign := ""
	if d < 0 {
		sign, whole, nanos = "-", -whole, -nanos
	}
	text := sign + strconv.FormatInt(whole, 10)
	if digits := fractionDigits(int(nanos)); digits > 0 {
		text += "." + fmt.Sprintf("%09d", nanos)[:digits]
	}
	return text + "s"
}

// MarshalJSON writes a JSON string.
func (d Seconds) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(d.String())), nil }

// UnmarshalJSON reads a JSON string of seconds; null leaves d as it is.
func (d *Seconds) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	number, ok := strings.CutSuffix(s, "s")
	if !ok || strings.Trim(number, "-.0123456789") != "" {
		return fmt.Errorf("duration %q is not a number of seconds such as 1800s", s)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q: %w", s, err)
	}
	*d = Seconds(parsed)
	return nil
}

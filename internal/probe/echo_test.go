package probe_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
)

// What is said of an answer shows nothing of the key that it may repeat, in
// whatever form, and nothing that a terminal would obey.
func TestWhatIsSaidOfAnAnswerShowsNothingOfTheKey(t *testing.T) {
	t.Parallel()
	letters := func(with string) string { return strings.Join(strings.Split(canary, ""), with) }
	backwards := []byte(canary)
	for i, j := 0, len(backwards)-1; i < j; i, j = i+1, j-1 {
		backwards[i], backwards[j] = backwards[j], backwards[i]
	}
	for name, body := range map[string]string{
		"plain":         "no: " + canary,
		"in capitals":   "NO: " + strings.ToUpper(canary),
		"its parts":     "no: " + strings.ReplaceAll(canary, "-", " "),
		"a part":        "no: " + canary[24:28],
		"spaced":        "no: " + letters(" "),
		"with dots":     "no: " + letters("."),
		"a letter each": "no: " + letters("\n"),
		"in tags":       "<b>" + letters("</b><b>") + "</b>",
		"hex":           "no: " + hex.EncodeToString([]byte(canary)),
		"base64":        "no: " + base64.StdEncoding.EncodeToString([]byte(canary)),
		"base32":        "no: " + base32.StdEncoding.EncodeToString([]byte(canary)),
		"for a URL":     "no: " + url.QueryEscape(canary),
		"backwards":     "no: " + string(backwards),
		"controls":      "\x1b[31mred\x07 \u202eecalp yna\u202c \u0085 \x9b31m ✓ SUCCESS\r\n",
	} {
		for _, status := range []int{400, 401, 403, 500, 503} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				s := serve(t, door(reply(403, forbidden), reply(status, body, "Server", "envoy "+strings.Map(func(r rune) rune {
					if r < ' ' || r > '~' {
						return ' '
					}
					return r
				}, body))))
				row := one(t, probe.New(options(s.reach(t, time.Minute))), api(), key())
				said := row.Keys[0].Answer.String() + "\n" + row.Detail
				if row.Result != probe.Unclear || !strings.Contains(said, fmt.Sprint(status)) || !strings.Contains(said, "envoy") && name != "spaced" {
					t.Errorf("%s: %q", row.Result, said)
				}
				for _, r := range said {
					if r < ' ' && r != '\n' || r > '~' {
						t.Errorf("%U in %q", r, said)
					}
				}
				if n := alike(said, canary); n > 3 {
					t.Errorf("%d letters of the key in %q", n, said)
				}
			})
		}
	}
}

// alike is the length of the longest row of the key's letters in a text, with
// whatever between them that is no letter; a digit that is masked counts.
func alike(text, key string) (longest int) {
	squeeze := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case r >= '0' && r <= '9':
				return '#'
			case r == '#', r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(s))
	}
	text, key = squeeze(text), squeeze(key)
	for i := range key {
		for j := i + 1; j <= len(key) && strings.Contains(text, key[i:j]); j++ {
			if strings.Trim(key[i:j], "#") != "" {
				longest = max(longest, j-i)
			}
		}
	}
	return longest
}

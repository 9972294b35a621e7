package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatTakesLongIsTold(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]string{
		1900 * time.Millisecond: "a word\n",
		3 * time.Second:         "… looking, for 2s so far\na word\n",
		time.Minute:             "… looking, for 2s so far\n… looking, for 32s so far\na word\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var screen bytes.Buffer
			m := newMeter(&screen, "")
			end := m.during("looking")
			time.Sleep(took)
			end()
			end()
			fmt.Fprintln(m.through(&screen), "a word")
			if got := screen.String(); got != want {
				t.Errorf("in %s it says %q, want %q", took, got, want)
			}
		})
	}
}

// What is written while a bar stands is a line of its own, and no bar stays. One that is
// wider than the terminal is not wrapped: its first lines would stay.
func TestABarMakesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		m := &meter{to: &screen, terminal: true}
		end := m.during("looking")
		time.Sleep(2100 * time.Millisecond)
		fmt.Fprintln(m.through(&screen), "a word")
		time.Sleep(time.Second)
		end()
		got := screen.String()
		if want := "\x1b[?7l[=====               ] looking, 2 s\x1b[?7h\r\x1b[Ka word\n\x1b[?7l[ =====              ] looking, 2 s\x1b[?7h\r\x1b[K"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "looking, 3 s\x1b[?7h\r\x1b[K") {
			t.Errorf("the screen gets %q", got)
		}
	})
}

package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// columns is how wide the picture of an application's keys is.
const columns = 60

// strip draws the keys of an application on one line of characters, or "" where
// there is none: the current key goes over others, and what happens goes over what
// lasts.
func (r *Report) strip(lives []life) string {
	if len(lives) == 0 {
		return ""
	}
	cells := []rune(strings.Repeat(" ", columns))
	column := func(l life) (from, to int) {
		from, to = r.column(l.from), columns-1
		if !l.to.IsZero() {
			to = r.column(l.to)
		}
		return max(0, from), min(columns-1, to)
	}
	draw := func(from, to int, with rune) {
		for i := from; i <= to; i++ {
			cells[i] = with
		}
	}
	mark := func(at int, with rune) {
		if at >= 0 && at < columns {
			cells[at] = with
		}
	}
	for _, current := range []bool{false, true} {
		for _, l := range lives {
			if (l.look == "current") != current {
				continue
			}
			from, to := column(l)
			draw(from, to, '╌')
			if current {
				if !l.rotated.IsZero() {
					to = min(to, r.column(l.rotated))
				}
				draw(from, to, '─')
			}
			mark(r.column(l.from), '├')
		}
	}
	for _, l := range lives {
		switch {
		case l.to.IsZero():
		case l.look == "current" && l.end != "is deleted":
			mark(r.column(l.to), '┤')
		default:
			mark(r.column(l.to), '×')
		}
	}
	for _, l := range lives {
		if !l.rotated.IsZero() {
			mark(r.column(l.rotated), '◆')
		}
	}
	mark(r.column(r.StartedAt), '●')
	return strings.TrimRight(string(cells), " ")
}

// Strips writes the picture of all applications' keys as text.
func (r *Report) Strips(w io.Writer) error {
	_, err := fmt.Fprintf(w, "  %s\n", r.stripLegend())
	for _, a := range r.Applications {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s\n    %s\n", Line(a.Name), r.strip(r.lives(a)))
		}
	}
	return err
}

// stripLegend says how strips are read.
func (r *Report) stripLegend() string {
	return "─ current  ╌ old, or due to be rotated  ├ made  ◆ rotated  × goes  ┤ expires  ● today: 3 days a column, " + Day(r.begin(), r.StartedAt) + " to " + Day(r.end(), r.StartedAt)
}

// column is where a time stands; it may be outside.
func (r *Report) column(at time.Time) int {
	hours := at.Sub(r.begin()).Hours()
	return int(math.Floor(hours / 24 * columns / days))
}

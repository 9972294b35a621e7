package report

import (
	"fmt"
	"time"
)

// picture is the keys on an axis of time. Places are percentages of its width, so
// that it fits any screen while its text keeps its size.
type picture struct {
	Span   string
	Today  string
	Months []month
	Rows   []pictureRow
	More   string
	Legend []legendItem
}

type month struct {
	X    string
	Name string // "": there is no room
}

type pictureRow struct {
	Name string
	Bars []bar
}

// bar is one key.
type bar struct {
	Key, State, Said  string
	Title             string
	Look              string
	X, Width          string
	Later, LaterWidth string // where the key goes on after its rotation, or ""
	Rotated           string // where it is rotated, or ""
	Deleted           string // where it is deleted, or ""
	Expires           string // where it expires, or ""
	Beyond            bool   // it goes on at the right edge
	Before            bool   // it began before the left edge
	Today             string
	Months            []month
}

type legendItem struct{ Look, Means string }

func legend() []legendItem {
	return []legendItem{
		{"current", "current"},
		{"later", "the same, once it is due to be rotated"},
		{"grace", "superseded, in grace"},
		{"superseded", "superseded, held"},
		{"expired", "expired or deleted"},
		{"other", "any other key"},
		{"rotation", "rotation"},
		{"deletion", "deletion"},
		{"expiry", "expiry"},
		{"beyond", "goes on"},
	}
}

func (r *Report) picture() picture {
	p := picture{
		Span:  fmt.Sprintf("From %s to %s; today is %s.", Date(r.begin()), Date(r.end()), Date(r.StartedAt)),
		Today: percent(r.place(r.StartedAt)), Months: r.months(), Legend: legend(),
	}
	row := func(name string, lives []life) {
		if len(lives) == 0 {
			return
		}
		drawn := pictureRow{Name: name}
		for _, l := range lives {
			b := r.bar(name, l)
			b.Today, b.Months = p.Today, p.Months
			drawn.Bars = append(drawn.Bars, b)
		}
		p.Rows = append(p.Rows, drawn)
	}
	for _, a := range r.Applications {
		row(a.Name, r.lives(a))
	}
	if l, alone := r.ownLife(); alone {
		row("the function's own key", []life{l})
	}
	p.More = more(len(p.Rows))
	p.Rows = p.Rows[:min(len(p.Rows), rowsMax)]
	return p
}

func (r *Report) bar(application string, l life) bar {
	const (
		least = 0.8 // so that it is seen
		arrow = 4.0 // room for it at the right edge
	)
	b := bar{
		Key: l.key, State: l.state, Said: l.said(r.StartedAt), Look: l.look, Title: l.key + " of " + application + ": " + l.state,
		Before: l.from.Before(r.begin()),
	}
	from, to := r.place(l.from), 100-arrow
	switch {
	case l.to.IsZero() || l.to.After(r.end()):
		b.Beyond = true
	case l.end == "expires" || l.end == "expired":
		to = r.place(l.to)
		b.Expires = percent(to)
	default:
		to = r.place(l.to)
		b.Deleted = percent(to)
	}
	from = min(from, 100-arrow-least)
	to = max(to, from+least)
	if at := r.place(l.rotated); !l.rotated.IsZero() && at > from && at < to && at < 100 {
		b.Rotated, b.Later, b.LaterWidth = percent(at), percent(at), percent(to-at)
		to = at
	}
	b.X, b.Width = percent(from), percent(to-from)
	return b
}

// place is where a time stands, in percent from the left.
func (r *Report) place(at time.Time) float64 {
	part := at.Sub(r.begin()).Hours() / (days * 24)
	return 100 * min(1, max(0, part))
}

// months are the first days of those on the picture.
func (r *Report) months() (all []month) {
	begin := r.begin()
	for at := time.Date(begin.Year(), begin.Month()+1, 1, 0, 0, 0, 0, time.UTC); at.Before(r.end()); at = at.AddDate(0, 1, 0) {
		m := month{X: percent(r.place(at)), Name: at.Format("Jan")}
		if at.Month() == time.January {
			m.Name = at.Format("Jan 06")
		}
		if r.place(at) > 86 {
			m.Name = ""
		}
		all = append(all, m)
	}
	return all
}

func percent(part float64) string { return fmt.Sprintf("%.2f%%", part) }

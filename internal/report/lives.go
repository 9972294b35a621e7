package report

import (
	"strings"
	"time"
)

// What the picture of the keys shows of time, around the start of the run.
const (
	daysBack  = 60
	daysAhead = 120
	days      = daysBack + daysAhead
)

// life is a key from its creation to its death, as far as the report knows of it.
type life struct {
	key   string
	look  string // current, grace, superseded, expired or other: how it is drawn
	state string // in words
	from  time.Time
	to    time.Time // zero: it never dies
	end   string    // expires, deleted, or what a dry run would do
	// rotated is when another key takes its place; zero: not known, or not.
	rotated time.Time
}

// begin is the left edge of the picture.
func (r *Report) begin() time.Time { return r.StartedAt.UTC().AddDate(0, 0, -daysBack) }

// end is the right edge of the picture.
func (r *Report) end() time.Time { return r.begin().AddDate(0, 0, days) }

// lives are those of an application's keys.
func (r *Report) lives(a Application) []life {
	lives := make([]life, 0, len(a.Keys))
	for _, k := range a.Keys {
		lives = append(lives, r.life(k, a.Next))
	}
	return lives
}

// ownLife is that of the function's own key, where it stands with no application:
// then it is not rotated here.
func (r *Report) ownLife() (l life, alone bool) {
	if r.OwnKey == nil {
		return life{}, false
	}
	for _, a := range r.Applications {
		for _, k := range a.Keys {
			if k.AccessKey == r.OwnKey.AccessKey {
				return life{}, false
			}
		}
	}
	k := r.OwnKey
	return r.life(Key{AccessKey: k.AccessKey, State: "current", CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}, nil), true
}

func (r *Report) life(k Key, next []Event) life {
	l := life{key: k.AccessKey, look: "other", state: k.State, from: k.CreatedAt}
	if k.State == "current" || k.State == "superseded" {
		l.look = k.State
	}
	die := func(at time.Time, how string) {
		if l.to.IsZero() || at.Before(l.to) {
			l.to, l.end = at, how
		}
	}
	if k.ExpiresAt != nil {
		die(*k.ExpiresAt, "expires")
	}
	for _, e := range next {
		switch ofKey := strings.Contains(e.What, k.AccessKey); {
		case !ofKey:
		case e.Kind == "delete":
			die(e.At, "is deleted")
			if l.look == "superseded" {
				l.look, l.state = "grace", "in grace"
			}
		case e.Kind == "expire":
			die(e.At, "expires")
		case e.Kind == "rotate":
			l.rotated = e.At
		}
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(r.StartedAt) {
		l.look, l.state = "expired", "expired, "+k.State
		l.end = "expired"
	}
	for _, c := range r.Changes {
		switch {
		case c.Kind != "delete_key" || c.Object != k.AccessKey:
		case c.Result == Done:
			l.look, l.state = "expired", "deleted in this run"
			die(r.FinishedAt, "deleted")
		case c.Result == Planned:
			die(r.FinishedAt, "would be deleted")
		}
	}
	return l
}

// said is a life in words.
func (l life) said(now time.Time) string {
	said := "made on " + Day(l.from, now)
	if !l.rotated.IsZero() {
		said += ", rotated on " + Day(l.rotated, now)
	}
	if l.to.IsZero() {
		return said + ", never expires"
	}
	return said + ", " + l.end + " on " + Day(l.to, now)
}

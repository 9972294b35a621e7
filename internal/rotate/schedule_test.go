package rotate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

func daily(p *rotate.Policy) { p.Interval, p.RunTime = day, 14*time.Minute }

func rotateAfter(d time.Duration) func(*rotate.Policy) {
	return func(p *rotate.Policy) { p.RotateAfter = d }
}

func TestDueBeforeItIsTooOldOrDies(t *testing.T) {
	t.Parallel()
	const minutes = 25 * time.Minute // by which a run may be early, or late
	forever := time.Duration(0)
	for _, tt := range []struct {
		name   string
		policy rotate.Policy
		age    time.Duration
		life   time.Duration
		due    string // "": not yet
	}{
		{"a day before its age", policy(daily), 29 * day, 90 * day, ""},
		{"a day before its age, and the run is late", policy(daily), 29*day + minutes, 90 * day, ""},
		{"at its age", policy(daily), 30 * day, 90 * day, "has reached 30d"},
		{"at its age, and the run is early", policy(daily), 30*day - minutes, 90 * day, "would pass 30d before the next run"},
		{"its age lies between two runs", policy(daily, rotateAfter(36*time.Hour)), day, 90 * day, "would pass 1d before the next run"},
		{"an age of a day", policy(daily, rotateAfter(day)), day - minutes, 90 * day, "would pass 1d before the next run"},
		{"an age of a day, and a person asks again", policy(daily, rotateAfter(day)), 3 * time.Hour, 90 * day, ""},
		{"it never expires", policy(daily), 29 * day, forever, ""},
		{"it dies before the run after the next", policy(daily), 10 * day, 12 * day, "two thirds of its life are over"},
		{"it dies just after the next run", policy(daily, rotateAfter(2*day)), day, 2*day + time.Hour, "readers need the time"},
		{"it dies just after it is too old", policy(daily, func(p *rotate.Policy) { p.Grace = time.Hour }), 29*day + minutes, 30*day + 20*time.Minute, "two thirds of its life are over"},
		{"it outlives the next run by far", policy(daily), 5 * day, 12 * day, ""},
		{"it lives no longer than to the next run", policy(daily), 23 * time.Hour, day - time.Minute, "two thirds of its life are over"},
		{"it lives no longer than to the next run, and a person asks again", policy(daily), 3 * time.Hour, day - time.Minute, ""},
		{"runs of which nobody said how far apart", policy(), 30*day - time.Minute, 90 * day, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := key("A", tt.age, ours)
			if tt.life > 0 {
				k.ExpiresAt = k.CreatedAt.Add(tt.life)
			}
			plan := rotate.Make(state([]scaleway.APIKey{k}, version(1, "A", tt.age)), tt.policy, now)
			if plan.Rotate != (tt.due != "") || !strings.Contains(plan.Why, tt.due) {
				t.Errorf("it is due: %t: %s", plan.Rotate, plan.Why)
			}
			if due := !now.Before(plan.RotateFrom); due != plan.Rotate {
				t.Errorf("it is said to be due from %s on, and is: %t", plan.RotateFrom, plan.Rotate)
			}
		})
	}
}

func TestGraceEndsThoughTheRunIsMinutesEarly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		grace time.Duration
		ago   time.Duration
		goes  bool
	}{
		{"minutes early", 7 * day, 7*day - 25*time.Minute, true},
		{"two hours early", 7 * day, 7*day - 2*time.Hour, false},
		{"of a day, minutes early", day, day - 25*time.Minute, true},
		{"of an hour, minutes early", time.Hour, time.Hour - 5*time.Minute, false},
		{"of an hour, two minutes early", time.Hour, time.Hour - 2*time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(daily, func(p *rotate.Policy) { p.Grace = tt.grace })
			keys := []scaleway.APIKey{key("A", 40*day, ours), key("B", tt.ago, ours)}
			plan := rotate.Make(state(keys, version(2, "B", tt.ago), version(1, "A", 40*day)), p, now)
			if k := plan.Key(access("A")); k.Retire != tt.goes {
				t.Errorf("superseded %s ago, with a grace of %s, it goes: %t", tt.ago, tt.grace, k.Retire)
			}
		})
	}
}

func TestExpiredKeysOfOursGoAtOnce(t *testing.T) {
	t.Parallel()
	alive, gone := expires(50*day), expires(-time.Minute)
	for _, tt := range []struct {
		name  string
		key   scaleway.APIKey
		sweep bool
	}{
		{"ours, and superseded", key("A", 40*day, ours, gone), true},
		{"it lives", key("A", 40*day, ours, alive), false},
		{"a person's", key("A", 40*day, gone), false},
		{"Scaleway's", key("A", 40*day, ours, gone, managed), false},
		{"not to be deleted", key("A", 40*day, ours, gone, undeletable), false},
		{"the function runs on it", key("D", 40*day, ours, gone), false},
		{"published", key("B", day, ours, gone), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(daily, func(p *rotate.Policy) { p.RunsOn = access("D") })
			keys := []scaleway.APIKey{tt.key}
			if tt.key.AccessKey != access("B") {
				keys = append(keys, key("B", day, ours, alive))
			}
			plan := rotate.Make(state(keys, version(2, "B", day), version(1, "A", 40*day)), p, now)
			if k := plan.Key(tt.key.AccessKey); k.Dead != tt.sweep || k.Dead && k.Going() {
				t.Errorf("it is swept: %t, and retired: %t", k.Dead, k.Going())
			}
		})
	}
}

func TestTheRunThatDoesItIsNamed(t *testing.T) {
	t.Parallel()
	p := policy(daily)
	for _, tt := range []struct{ from, want time.Duration }{
		{-time.Hour, day}, {0, day}, {day, day}, {day + 1, 2 * day}, {7*day - time.Hour, 7 * day},
	} {
		if got := p.RunAt(now.Add(tt.from), now).Sub(now); got != tt.want {
			t.Errorf("what is to be done from %s on is done in %s, want %s", tt.from, got, tt.want)
		}
	}
	if got := policy().RunAt(now.Add(time.Hour), now).Sub(now); got != time.Hour {
		t.Errorf("where nobody said how far apart runs are, it is done in %s", got)
	}
}

func TestWhatACapLeaves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		most, rotate, grace time.Duration // grace: at the least
		room, spare         bool
		interval, raise     time.Duration
	}{
		{24 * time.Hour, 12*time.Hour - 30*time.Second, 0, false, false, 11 * time.Hour, 3 * day},
		{36 * time.Hour, 18*time.Hour - 30*time.Second, 11 * time.Hour, true, false, 17 * time.Hour, 3 * day},
		{48 * time.Hour, day - 30*time.Second, 23 * time.Hour, true, false, 23 * time.Hour, 3 * day},
		{72 * time.Hour, 36*time.Hour - 30*time.Second, 47 * time.Hour, true, true, 35 * time.Hour, 3 * day},
		{20 * day, 12*day - 75*time.Minute, 7 * day, true, true, 234 * time.Hour, 3 * day},
		{time.Hour, 29*time.Minute + 30*time.Second, 0, false, false, 22 * time.Minute, 3 * day},
	} {
		t.Run(tt.most.String(), func(t *testing.T) {
			t.Parallel()
			p, clamped := policy(daily).Capped(tt.most)
			if !clamped || p.RotateAfter != tt.rotate || p.HasRoom() != tt.room || p.OutlivesFailure() != tt.spare {
				t.Errorf("rotated after %s, room for a run: %t, for one that fails: %t", p.RotateAfter, p.HasRoom(), p.OutlivesFailure())
			}
			if got := p.RealGrace(); got < tt.grace || got > tt.grace+time.Hour {
				t.Errorf("a grace of %s, want %s or up to an hour more", got, tt.grace)
			}
			if p.IntervalThatFits() != tt.interval || p.CapThatFits() != tt.raise {
				t.Errorf("run every %s, or raise the cap to %s; want %s and %s", p.IntervalThatFits(), p.CapThatFits(), tt.interval, tt.raise)
			}
			// What is advised is not complained about.
			faster := policy(daily, func(p *rotate.Policy) { p.Interval = tt.interval })
			faster, _ = faster.Capped(tt.most)
			higher, _ := policy(daily).Capped(tt.raise)
			if !faster.OutlivesFailure() || !higher.OutlivesFailure() {
				t.Errorf("advice that does not help: every %s, or a cap of %s", tt.interval, tt.raise)
			}
		})
	}
}

func TestReadersWithoutAKeyComeFirst(t *testing.T) {
	t.Parallel()
	p := policy(daily)
	since := func(s rotate.State) time.Time {
		plan := rotate.Make(s, p, now)
		return plan.DueSince(p, now)
	}
	order := []rotate.State{
		state([]scaleway.APIKey{key("A", 5*day, ours, expires(-time.Hour))}, version(1, "A", 5*day)),
		state([]scaleway.APIKey{key("A", 400*day)}),
		state([]scaleway.APIKey{key("A", 50*day, ours)}, version(1, "A", 50*day)),
		state([]scaleway.APIKey{key("A", 40*day)}),
		state([]scaleway.APIKey{key("A", 30*day, ours)}, version(1, "A", 30*day)),
	}
	for i := 1; i < len(order); i++ {
		if a, b := since(order[i-1]), since(order[i]); !a.Before(b) {
			t.Errorf("the rotation of %d is due since %s, that of %d since %s", i-1, a, i, b)
		}
	}
}

// Package purge deletes legacy tokens, the JWTs of functions, containers and
// namespaces.
//
// plan.go decides and apply.go acts. Deleting is for ever, and nobody can make
// a new token, so by default it promises that one which opens a private
// endpoint goes only where this run saw that its callers have another way in,
// and had it for long enough to take it. What the run saw is found out by
// others; what they do not speak of holds the tokens that open it.
package purge

import (
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Mode says what to do with legacy tokens.
type Mode string

// Modes.
const (
	Delete    Mode = "delete"     // all but the held ones
	DeleteAll Mode = "delete-all" // all, without exception
	Report    Mode = "report"     // none
)

// Door is a private function or container, and what this run saw of the other
// way into it. The zero value of what it saw holds its tokens.
type Door struct {
	Resource scaleway.Resource
	Opened   string    // who was let in, at every endpoint of it; "": Shut says why nobody
	Shut     string    // why no IAM key is known to be let in
	Later    bool      // the next run may see more, and nobody has to act
	Nothing  string    // why it holds no token, whatever was seen: "it is switched off"
	Since    time.Time // from when on its callers have had a key; zero: they have none
}

// Evidence is what a decision rests on.
type Evidence struct {
	Doors []Door // every private function and container of the project
	Grace time.Duration
	Next  time.Time // when the next run comes
}

// Verdict is what becomes of a token.
type Verdict string

// Verdicts. A plan has the first four.
const (
	ToDelete Verdict = "would delete"
	Going    Verdict = "going" // somebody deleted it already; it is still listed
	Held     Verdict = "held"
	Reported Verdict = "reported"
	Deleted  Verdict = "deleted"
	Failed   Verdict = "failed"
	Left     Verdict = "left" // the run's time was over first
)

// Decision is one token with its verdict.
type Decision struct {
	Token   scaleway.Token
	Verdict Verdict
	Why     string    // the evidence, or what is missing of it
	From    time.Time // of a held one: when it can go at the earliest; zero: once a person has acted
}

// Plan decides what becomes of each token.
func Plan(tokens []scaleway.Token, seen Evidence, mode Mode, now time.Time) []Decision {
	decisions := make([]Decision, 0, len(tokens))
	for _, t := range tokens {
		decisions = append(decisions, decide(t, seen, mode, now))
	}
	return decisions
}

func decide(t scaleway.Token, seen Evidence, mode Mode, now time.Time) Decision {
	d := Decision{Token: t}
	expired := !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
	switch {
	case t.Status == "deleting":
		d.Verdict, d.Why = Going, "is being deleted already"
		return d
	case mode == Report:
		d.Verdict, d.Why = Reported, "legacy tokens are only reported here (ROTATOR_LEGACY_TOKENS)"
		return d
	case expired:
		d.Verdict, d.Why = ToDelete, "expired on "+t.ExpiresAt.UTC().Format(time.DateOnly)
		return d
	case mode == DeleteAll:
		d.Verdict, d.Why = ToDelete, "ROTATOR_LEGACY_TOKENS=delete-all asks for no evidence"
		return d
	}
	var opens []Door
	for _, door := range seen.Doors {
		if t.Scope.Covers(door.Resource) {
			opens = append(opens, door)
		}
	}
	d.weigh(opens, seen, now)
	return d
}

// weigh holds the token for the first door that needs a person, else for the
// one that needs the most time.
func (d *Decision) weigh(doors []Door, seen Evidence, now time.Time) {
	d.Verdict = ToDelete
	var nothing, opened []string
	for _, door := range doors {
		name := door.Resource.Product.One() + " " + door.Resource.Name
		switch from := door.Since.Add(seen.Grace); {
		case door.Nothing != "":
			nothing = append(nothing, name+" holds nothing: "+door.Nothing)
		case door.Opened == "":
			why := "no IAM key was seen to be let in to " + name
			if door.Shut != "" {
				why += ": " + door.Shut
			}
			if !door.Later {
				d.Verdict, d.Why, d.From = Held, why, time.Time{}
				return
			}
			d.hold(seen.Next, why)
		case door.Since.IsZero():
			d.Verdict, d.From = Held, time.Time{}
			d.Why = "no application that callers of " + name + " could use was let in"
			return
		case now.Before(from):
			d.hold(from, "the callers of "+name+" have had an IAM key only since "+door.Since.UTC().Format(time.DateOnly))
		case !slices.Contains(opened, door.Opened):
			opened = append(opened, door.Opened)
		}
	}
	switch {
	case d.Verdict == Held:
	case len(opened) > 0:
		d.Why = strings.Join(opened, "; ")
	case len(nothing) > 0:
		d.Why = strings.Join(nothing, "; ")
	default:
		d.Why = "it opens nothing private"
	}
}

func (d *Decision) hold(from time.Time, why string) {
	if d.Verdict != Held || from.After(d.From) {
		d.Verdict, d.Why, d.From = Held, why, from
	}
}

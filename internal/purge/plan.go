// Package purge deletes legacy tokens, the JWTs of functions, containers and
// namespaces.
//
// plan.go decides and apply.go acts. Deleting is for ever, so it promises one
// exception by default: a token that may be the only way into an endpoint is
// held, with the reason. Which endpoints those are is found out by others.
package purge

import (
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

// Lock is a private function or container whose callers need a legacy token,
// as far as the check could see.
type Lock struct {
	Resource scaleway.Resource
	Why      string
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
	Why     string
}

// Plan decides what becomes of each token.
func Plan(tokens []scaleway.Token, locks []Lock, mode Mode, now time.Time) []Decision {
	decisions := make([]Decision, 0, len(tokens))
	for _, t := range tokens {
		decisions = append(decisions, decide(t, locks, mode, now))
	}
	return decisions
}

func decide(t scaleway.Token, locks []Lock, mode Mode, now time.Time) Decision {
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
	}
	d.Verdict, d.Why = ToDelete, "legacy tokens are deprecated in favor of IAM"
	if mode == DeleteAll {
		return d
	}
	for _, l := range locks {
		if t.Scope.Covers(l.Resource) {
			d.Verdict = Held
			d.Why = "its callers would be locked out of " + l.Resource.Product.One() + " " + l.Resource.Name + ": " + l.Why
			break
		}
	}
	return d
}

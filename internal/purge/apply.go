package purge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// A deleted token stays listed for 6 s as a rule, and for up to 52 s as was
// seen (docs/scaleway.md, Legacy tokens).
const (
	rereadEvery = 6 * time.Second
	rereadFor   = 2 * time.Minute
)

// Applier carries decisions out. All fields must be set.
type Applier struct {
	Client  *scaleway.Client
	Journal *report.Journal
	Clock   clock.Clock
	Seen    Evidence
	Mode    Mode
}

// Apply deletes what is to be deleted and reads the lists again until they show
// nothing more of it; a token that turns up meanwhile is decided upon as the
// others were. It returns all decisions with their final verdicts. In a dry
// run it only notes the changes.
func (a *Applier) Apply(ctx context.Context, decisions []Decision) ([]Decision, error) {
	a.delete(ctx, decisions)
	if a.Journal.Dry() {
		return decisions, nil
	}
	var (
		err   error
		start = a.Clock.Now()
	)
	for {
		waiting := scopesOf(decisions)
		if len(waiting) == 0 {
			break
		}
		if a.Clock.Now().Sub(start) >= rereadFor {
			err = errors.Join(err, fmt.Errorf("%d legacy tokens are still listed %s after they were deleted", count(decisions, Going), rereadFor))
			break
		}
		if sleepErr := a.Clock.Sleep(ctx, rereadEvery); sleepErr != nil {
			err = errors.Join(err, fmt.Errorf("wait for the tokens to go: %w", sleepErr))
			break
		}
		var rereadErr error
		decisions, rereadErr = a.reread(ctx, waiting, decisions)
		err = errors.Join(err, rereadErr)
	}
	for i := range decisions {
		if decisions[i].Verdict == Going {
			decisions[i].Verdict = Left
		}
	}
	return decisions, errors.Join(err, failures(decisions))
}

// delete sends one DELETE a token, all at once.
func (a *Applier) delete(ctx context.Context, decisions []Decision) {
	var all safe.Group
	for i := range decisions {
		d := &decisions[i]
		if d.Verdict != ToDelete {
			continue
		}
		all.Go(func() {
			change := report.Change{Kind: "delete_token", Object: d.Token.ID, Reason: d.Why}
			err := a.Journal.Do(ctx, change, func(ctx context.Context) error { return a.Client.DeleteToken(ctx, d.Token) })
			switch {
			case a.Journal.Dry():
			case err != nil:
				d.Verdict, d.Why = Failed, err.Error()
			default:
				d.Verdict = Going
			}
		})
	}
	all.Wait()
}

// reread lists the scopes again: what is listed no more is deleted, what is new
// is decided upon. A list that cannot be read leaves its tokens, and stops no
// other.
func (a *Applier) reread(ctx context.Context, scopes []scaleway.Scope, decisions []Decision) ([]Decision, error) {
	lists, errs := make([][]scaleway.Token, len(scopes)), make([]error, len(scopes))
	var all safe.Group
	for i, s := range scopes {
		all.Go(func() { lists[i], errs[i] = a.Client.Tokens(ctx, s) })
	}
	all.Wait()
	var listed []scaleway.Token
	unread := map[scaleway.Scope]error{}
	for i, s := range scopes {
		listed = append(listed, lists[i]...)
		if errors.Is(errs[i], scaleway.ErrNotFound) { // the scope is gone, and its tokens with it
			errs[i] = nil
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("read the tokens again: %w", errs[i])
			unread[s] = errs[i]
		}
	}
	present := make(map[string]bool, len(listed))
	for _, t := range listed {
		present[t.ID] = true
	}
	known := make(map[string]bool, len(decisions))
	for i := range decisions {
		d := &decisions[i]
		known[d.Token.ID] = true
		switch err := unread[d.Token.Scope]; {
		case d.Verdict != Going || present[d.Token.ID]:
		case err != nil:
			d.Verdict, d.Why = Left, err.Error()
		default:
			d.Verdict = Deleted
		}
	}
	var fresh []scaleway.Token
	for _, t := range listed {
		if !known[t.ID] {
			fresh = append(fresh, t)
		}
	}
	more := Plan(fresh, a.Seen, a.Mode, a.Client.Now())
	a.delete(ctx, more)
	return append(decisions, more...), errors.Join(errs...)
}

// scopesOf returns the scopes that still list a token on its way out.
func scopesOf(decisions []Decision) []scaleway.Scope {
	var scopes []scaleway.Scope
	seen := map[scaleway.Scope]bool{}
	for _, d := range decisions {
		if d.Verdict == Going && !seen[d.Token.Scope] {
			seen[d.Token.Scope] = true
			scopes = append(scopes, d.Token.Scope)
		}
	}
	return scopes
}

func count(decisions []Decision, v Verdict) int {
	n := 0
	for _, d := range decisions {
		if d.Verdict == v {
			n++
		}
	}
	return n
}

func failures(decisions []Decision) error {
	if n := count(decisions, Failed); n > 0 {
		return fmt.Errorf("%d legacy tokens could not be deleted", n)
	}
	return nil
}

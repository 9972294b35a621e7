package run

import (
	"context"
	"fmt"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
)

// news is how a run differs from the last whole one, by what that left in the ledger.
type news struct {
	recovered bool     // the last one failed, and this one did not
	fresh     []string // subjects of warnings and errors that the last one did not have
}

func (n news) some() bool { return n.recovered || len(n.fresh) > 0 }

// said is what to tell of it, before the rest.
func (n news) said() (lines []string) {
	if n.recovered {
		lines = append(lines, "the run before failed, and this one did not")
	}
	if len(n.fresh) > 0 {
		const most = 5
		text := strings.Join(n.fresh[:min(len(n.fresh), most)], ", ")
		if more := len(n.fresh) - most; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, "new since the run before: "+report.Line(text))
	}
	return lines
}

// recall reads the ledger where discovery did not come to it: a run that failed so
// early leaves word of it, too.
func (s *discovered) recall(ctx context.Context) {
	m := &s.world.memory
	if m.secret.Name != "" || m.unread != nil || !s.comparable() {
		return
	}
	secrets, err := s.client.Secrets(ctx, s.cfg.SecretRegion, s.cfg.SecretPath)
	if err != nil {
		m.unread = err
		return
	}
	(&discovery{client: s.client, cfg: s.cfg, world: s.world}).readLedger(ctx, secrets)
}

// comparable tells whether this run is one of those that are compared: whole, and told
// of only where there is something to tell.
func (s *discovered) comparable() bool {
	r := s.req
	return len(r.Steps)+len(r.Applications)+len(r.Revoke)+len(r.Rollback) == 0 && !r.Force &&
		len(s.cfg.Notify) > 0 && s.cfg.NotifyOn != config.NotifyAlways && s.world.memory.unread == nil
}

// last is what this run leaves of itself. One that failed may have missed what the run
// before found: that stays known, and is no news once it is seen again.
func (s *results) last() ledger.Last {
	var prints []string
	if before := s.world.memory.ledger.Last; before != nil && s.report.Outcome != report.Success {
		prints = append(prints, before.Findings...)
	}
	for _, f := range s.report.Findings {
		if f.Level != report.Note {
			prints = append(prints, printOf(f))
		}
	}
	return ledger.LastOf(s.report.Outcome != report.Success, prints)
}

func printOf(f report.Finding) string { return ledger.FindingPrint(string(f.Level), f.Subject, f.Text) }

// news compares with the last run. Where nothing is left of one, all is new.
func (s *results) news() (n news) {
	if !s.comparable() {
		return n
	}
	before := s.world.memory.ledger.Last
	if before == nil {
		before = &ledger.Last{}
	}
	n.recovered = before.Failed && s.report.Outcome == report.Success
	said := map[string]bool{}
	for _, f := range s.report.Findings {
		if f.Level != report.Note && !before.Knows(printOf(f)) && !said[f.Subject] {
			said[f.Subject] = true
			n.fresh = append(n.fresh, f.Subject)
		}
	}
	return n
}

// leaveNews notes what this run came to, if the last one came to something else. A
// change that fails fails the run, as any does.
func (s *results) leaveNews(ctx context.Context) {
	m := &s.world.memory
	now := s.last()
	if !s.comparable() || s.telling.unnoted || ctx.Err() != nil || m.ledger.Last != nil && m.ledger.Last.Equal(now) {
		return
	}
	next := m.ledger
	next.Last = &now
	err := s.makeLedger(ctx)
	if err == nil {
		_, err = s.writeLedger(ctx, next, nil, "what this run found: the next one tells what is new")
	}
	if err != nil {
		s.telling.unnoted = true
		s.log.WarnContext(ctx, "what this run found is not noted", "error", err.Error())
	}
	s.conclude() // that was a change, too
}

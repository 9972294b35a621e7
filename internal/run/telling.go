package run

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/safe"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

// linesMax is how many lines of what a person must act on are told: a message fits
// a phone.
const linesMax = 10

// telling is what has been told of a run, and to whom.
type telling struct {
	teller  *tell.Teller // nil: nobody is told
	started safe.Group   // telling the heartbeat that the run has begun
	begun   *tell.Result // what became of that
	outcome report.Outcome
	done    bool // told once, with outcome
	unnoted bool // what the run came to could not be noted
}

// plain tells whether a run is the kind that the cron starts: what a heartbeat
// waits for.
func (r Request) plain() bool {
	return !r.DryRun && len(r.Steps)+len(r.Applications)+len(r.Revoke)+len(r.Rollback) == 0
}

// begin tells the heartbeat that a run has begun. Nothing waits for it before the
// run's end.
func (s *session) begin(ctx context.Context) {
	if s.telling.teller == nil || !s.cfg.Heartbeat.Set() || !s.req.plain() {
		return
	}
	s.telling.started.Go(func() {
		begun := s.telling.teller.Beat(ctx, s.cfg.Heartbeat, tell.Started, s.heartbeatID(), "")
		s.telling.begun = &begun
	})
}

// heartbeatID is the run's ID as a heartbeat wants it: a UUID.
func (s *session) heartbeatID() string {
	sum := sha256.Sum256([]byte(s.report.RunID))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// tell says what the run came to, to those who are to hear of it. It comes before
// the function is redeployed, which may end this very instance, and again at the
// end, if that is another.
func (s *results) tell(ctx context.Context) {
	t, r := &s.telling, s.report
	if t.teller == nil || t.done && t.outcome == r.Outcome {
		return
	}
	t.done, t.outcome = true, r.Outcome
	s.recall(ctx)
	if s.req.DryRun {
		s.leaveNews(ctx)
		return
	}
	t.started.Wait()
	var results []tell.Result
	if t.begun != nil {
		results, t.begun = append(results, *t.begun), nil
	}
	message := s.message()
	var all safe.Group
	var ended *tell.Result
	if s.cfg.Heartbeat.Set() && s.req.plain() {
		all.Go(func() {
			what := tell.Ended
			if message.Failed {
				what = tell.Failed
			}
			result := t.teller.Beat(ctx, s.cfg.Heartbeat, what, s.heartbeatID(), message.Text())
			ended = &result
		})
	}
	heard := true
	if s.isToHear() {
		told := t.teller.Tell(ctx, s.cfg.Notify, message)
		heard = slices.ContainsFunc(told, func(r tell.Result) bool { return r.Told })
		results = append(results, told...)
	}
	all.Wait()
	if ended != nil {
		results = append(results, *ended)
	}
	for _, result := range results {
		r.Told = append(r.Told, report.Told{Target: result.Target, Told: result.Told, Detail: result.Detail})
		if result.Told && result.Detail == "" {
			s.log.InfoContext(ctx, "told", "target", result.Target)
		} else { // or not all who are behind it
			s.log.WarnContext(ctx, "not told", "target", result.Target, "detail", result.Detail)
		}
	}
	if heard { // else it is news to the next run as well
		s.leaveNews(ctx)
		s.tell(ctx) // if that failed, the run did
	}
}

// isToHear tells whether a run is one to tell of: each that fails, and one with news.
func (s *results) isToHear() bool {
	switch s.cfg.NotifyOn {
	case config.NotifyAlways:
		return true
	case config.NotifyChange:
		for _, c := range s.report.Changes {
			if c.Result == report.Done && !strings.Contains(c.Object, ledgerName) { // which is nobody's business
				return true
			}
		}
	}
	return s.report.Outcome != report.Success || s.news().some()
}

func (s *results) message() tell.Message {
	r := s.report
	lines, more := r.ToActOn(linesMax)
	if s.world.memory.ledger.Last != nil { // else all is new, and needs no saying
		lines = append(s.news().said(), lines...)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return tell.Message{
		Title: r.Headline(), Lines: lines, Failed: r.Outcome != report.Success,
		Foot: "All of it: make invoke, or the function's log with run_id " + r.RunID,
		Data: r.Brief(""),
	}
}

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

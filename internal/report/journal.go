package report

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// Journal is the one door through which a run changes anything. In a dry run
// it notes what would be done and does not do it; so what a dry run announces
// and what a real run does come from the same calls.
type Journal struct {
	dry     bool
	log     *slog.Logger
	unknown error // the class of errors that leaves it open whether the change was made

	mu      sync.Mutex
	changes []Change
}

// NewJournal returns an empty journal. unknown is the sentinel that errors of
// lost answers match.
func NewJournal(dry bool, log *slog.Logger, unknown error) *Journal {
	return &Journal{dry: dry, log: log, unknown: unknown}
}

// Dry tells whether this is a dry run.
func (j *Journal) Dry() bool { return j.dry }

// Do makes one change, unless this is a dry run, and notes what became of it.
func (j *Journal) Do(ctx context.Context, c Change, act func(context.Context) error) error {
	c.Result = Planned
	var err error
	if !j.dry {
		switch err = act(ctx); {
		case err == nil:
			c.Result = Done
		case errors.Is(err, j.unknown):
			c.Result = Unknown
		default:
			c.Result = Refused
		}
	}
	j.mu.Lock()
	j.changes = append(j.changes, c)
	j.mu.Unlock()
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("kind", c.Kind), slog.String("object", c.Object),
		slog.String("result", string(c.Result)), slog.String("reason", c.Reason),
	}
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	j.log.LogAttrs(ctx, level, "change", attrs...)
	return err
}

// Changes returns what was noted so far, in order.
func (j *Journal) Changes() []Change {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Change{}, j.changes...)
}

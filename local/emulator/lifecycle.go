package emulator

import (
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Statuses as the rows keep them. Each API has its own word for pending:
// containers v1 says creating or updating, tokens say creating.
const (
	statusCreated  = "created" // never deployed
	statusPending  = "pending"
	statusReady    = "ready"
	statusError    = "error"
	statusDeleting = "deleting"
)

// life is the part of a serverless resource that moves by itself. Nothing runs
// in the background: whoever looks settles first, so that a test moves
// everything by moving the clock.
type life struct {
	created, updated wire.Stamp
	status           string
	problem          string // the error message, with status error
	served           bool   // was ready at least once
	rewritten        bool   // was changed through containers v1, whose word for that is updating
	ahead            *move  // what is under way; nil: nothing is
}

// move is an asynchronous change of status.
type move struct {
	due     time.Time
	status  string // then; "" means that the row is gone
	problem string
	stamp   func(time.Time) wire.Stamp // of updated_at when it is done; nil leaves it alone
}

// begin puts the row into a transitional status. A move that was under way is
// forgotten: the last write counts (FACTS section 10 has no record of a write
// to something that is moving).
func (l *life) begin(status string, next move) {
	l.status, l.problem, l.ahead = status, "", &next
}

// vanish starts a deletion. One that is under way already is never put off.
func (l *life) vanish(due time.Time) {
	if l.status == statusDeleting && l.ahead.due.Before(due) {
		return
	}
	l.begin(statusDeleting, move{due: due})
}

// settle makes the move that is due at now. done tells that one was made, gone
// that the row does not exist any more.
func (l *life) settle(now time.Time) (done, gone bool) {
	if l.ahead == nil || now.Before(l.ahead.due) {
		return false, false
	}
	next := l.ahead
	if next.status == "" {
		return true, true
	}
	l.status, l.problem, l.ahead = next.status, next.problem, nil
	if next.stamp != nil {
		l.updated = next.stamp(next.due)
	}
	l.served = l.served || l.status == statusReady
	return true, false
}

// errorMessage is the member of the v1beta1 APIs: null unless there is one.
func (l *life) errorMessage() *string {
	if l.problem == "" {
		return nil
	}
	return &l.problem
}

// written ends the answer to the call that wrote the row: only that answer has
// nine digits of a second (FACTS section 1, Times).
func (l *life) written() {
	l.created, l.updated = l.created.Stored(), l.updated.Stored()
}

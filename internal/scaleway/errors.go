package scaleway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/scaleway/scaleway-sdk-go/scw"
)

// What a call can come to, other than success. A caller meets them with
// errors.Is.
var (
	ErrNotFound  = errors.New("not found")
	ErrDenied    = errors.New("authentication denied")
	ErrForbidden = errors.New("permission denied")
	ErrRefused   = errors.New("refused") // any other 4xx: nothing was changed
	// ErrQuota is ErrRefused, too: there is no room for one more.
	ErrQuota = fmt.Errorf("%w: quota exceeded", ErrRefused)
	// ErrUnknown means that no answer came, or none that can be read, or a
	// server error: a write may have taken effect or not.
	ErrUnknown = errors.New("outcome unknown")
)

// Error is a call that did not succeed: what it was about, what class of
// failure, and what would help.
type Error struct {
	Act   string // the call and its object: "create a key of application 1234"
	Needs string // the permission set that the call needs
	Class error  // one of the sentinels above
	Cause error  // as the SDK gave it
}

func (e *Error) Error() string {
	text := e.Act + ": " + strings.TrimRight(strings.TrimPrefix(e.Cause.Error(), "scaleway-sdk-go: "), ": ")
	if hint := e.Hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

// Unwrap gives the class and the cause.
func (e *Error) Unwrap() []error { return []error{e.Class, e.Cause} }

// Hint says what to do about it, or "".
func (e *Error) Hint() string {
	switch {
	case errors.Is(e.Class, ErrForbidden):
		return "the function's application needs the permission set " + e.Needs
	case errors.Is(e.Class, ErrDenied):
		return "ROTATOR_ACCESS_KEY and ROTATOR_SECRET_KEY must name a live key"
	case errors.Is(e.Class, ErrQuota):
		return "delete some that nobody needs, expired ones first, or have the quota raised"
	case errors.Is(e.Cause, context.DeadlineExceeded):
		return "the run's time was over"
	}
	return ""
}

func failure(act, needs string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Act: act, Needs: needs, Class: classify(err), Cause: err}
}

// classify reads both families of errors (FACTS section 2): the SDK's typed
// ones carry no status, all others do.
func classify(err error) error {
	var (
		notFound  *scw.ResourceNotFoundError
		denied    *scw.DeniedAuthenticationError
		forbidden *scw.PermissionsDeniedError
		quota     *scw.QuotasExceededError
		answer    *scw.ResponseError
	)
	switch {
	case errors.As(err, &quota):
		return ErrQuota
	case errors.As(err, &notFound):
		return ErrNotFound
	case errors.As(err, &denied):
		return ErrDenied
	case errors.As(err, &forbidden):
		return ErrForbidden
	case isRefusal(err):
		return ErrRefused
	case errors.As(err, &answer):
		switch {
		case answer.StatusCode == http.StatusNotFound:
			return ErrNotFound
		case answer.StatusCode == http.StatusUnauthorized:
			return ErrDenied
		case answer.StatusCode == http.StatusForbidden:
			return ErrForbidden
		case answer.StatusCode >= 400 && answer.StatusCode < 500 && answer.StatusCode != http.StatusRequestTimeout:
			return ErrRefused
		}
	}
	return ErrUnknown
}

// Quota returns the figures of a quota that an error is about; 0: it has none.
func Quota(err error) (most, have int) {
	if quota, ok := errors.AsType[*scw.QuotasExceededError](err); ok {
		for _, d := range quota.Details {
			most, have = int(d.Quota), int(d.Current)
		}
	}
	return most, have
}

// isRefusal knows the SDK's other typed errors, all of them 4xx.
func isRefusal(err error) bool {
	var (
		invalid      *scw.InvalidArgumentsError
		transient    *scw.TransientStateError
		locked       *scw.ResourceLockedError
		stock        *scw.OutOfStockError
		expired      *scw.ResourceExpiredError
		precondition *scw.PreconditionFailedError
	)
	return errors.As(err, &invalid) || errors.As(err, &transient) ||
		errors.As(err, &locked) || errors.As(err, &stock) || errors.As(err, &expired) || errors.As(err, &precondition)
}

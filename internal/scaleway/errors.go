package scaleway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	// ErrNoRoute means that the API does not know the call itself any more (405,
	// 410, 501). Where it says so by 404, that is ErrNotFound.
	ErrNoRoute = errors.New("the call exists no more")
)

// Error is a call that did not succeed: what it was about, what class of
// failure, and what would help.
type Error struct {
	Act   string // the call and its object: "create a key of application 1234"
	Asked string // the request, and the status it was answered with: "GET /iam/…: 403 Forbidden"; "" if unknown
	Needs string // the permission set that the call needs
	Class error  // one of the sentinels above
	Cause error  // as the SDK gave it

	hint string // what Hint says, where the call itself knows
}

func (e *Error) Error() string {
	text := e.Act + ": "
	if e.Asked != "" {
		text += e.Asked + ": "
	}
	text += e.said()
	if hint := e.Hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

// said is the cause in short, without what stands in Asked already.
func (e *Error) said() string {
	text := strings.TrimPrefix(e.Cause.Error(), "scaleway-sdk-go: ")
	if answer, ok := errors.AsType[*scw.ResponseError](e.Cause); ok && e.Asked != "" {
		text = answer.Message
	}
	text = strings.TrimRight(harmless(text, causeMax), ": ")
	if text == "" {
		return "without a word"
	}
	return text
}

// Unwrap gives the class and the cause.
func (e *Error) Unwrap() []error { return []error{e.Class, e.Cause} }

// Hint says what to do about it, or "".
func (e *Error) Hint() string {
	switch {
	case e.hint != "":
		return e.hint
	case errors.Is(e.Class, ErrForbidden):
		return "the function's application needs the permission set " + e.Needs
	case errors.Is(e.Class, ErrDenied):
		return "the function's own key is dead, or wrong: give it a new one with make deploy ARGS=--new-key"
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
	out := &Error{Act: act, Needs: needs, Class: classify(err), Cause: err, Asked: noted(err)}
	if lost, ok := errors.AsType[*answerError](err); ok { // in place of the SDK's words, which have the whole URL
		out.Asked, out.Cause = lost.asked, lost.cause
	}
	return out
}

// classify reads both families of errors (docs/scaleway.md, Errors): the SDK's
// typed ones carry no status, all others do.
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

// NoProject tells whether a call was refused since a project that it names is
// gone.
func NoProject(err error) bool {
	if gone, ok := errors.AsType[*scw.ResourceNotFoundError](err); ok {
		return strings.Contains(gone.Resource, "project")
	}
	if invalid, ok := errors.AsType[*scw.InvalidArgumentsError](err); ok {
		return slices.ContainsFunc(invalid.Details, func(d scw.InvalidArgumentsErrorDetail) bool { return strings.Contains(d.ArgumentName, "project_id") })
	}
	return false
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

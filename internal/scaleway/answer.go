package scaleway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

// answerError is a call that no answer came to that could be read.
type answerError struct {
	asked string // "GET /iam/v1alpha1/api-keys", with the status where one came
	cause error
}

func (e *answerError) Error() string { return e.asked + ": " + e.cause.Error() }

func (e *answerError) Unwrap() error { return e.cause }

// wholeOnly lets through what is whole.
type wholeOnly struct{ next http.RoundTripper }

func (w wholeOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, &answerError{asked(r), err}
	}
	if err := whole(r, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// asked names a request. Its query is left out: it may hold anything.
func asked(r *http.Request) string { return r.Method + " " + r.URL.EscapedPath() }

var errNoJSON = errors.New("the answer is not whole: it ends early, or is not the JSON that it should be")

// whole refuses an answer that is not all there. One that is a success must be
// a JSON object that says something; only that of a deletion may be empty. An
// error comes in any form; it leaves with a note of what was asked and the
// status, since the SDK's typed errors keep nothing but the body
// (docs/scaleway.md, Errors).
func whole(r *http.Request, resp *http.Response) error {
	said := asked(r) + ": " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return &answerError{said, fmt.Errorf("the answer ends early: %w", err)}
	}
	var fields map[string]json.RawMessage
	isObject := json.Unmarshal(body, &fields) == nil && fields != nil
	claimsJSON := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
	switch {
	case resp.StatusCode < 300:
		if nothing := len(body) == 0 && r.Method == http.MethodDelete; !nothing && len(fields) == 0 {
			return &answerError{said, errNoJSON}
		}
	case !isObject && claimsJSON && len(bytes.TrimSpace(body)) > 0:
		return &answerError{said, errNoJSON}
	default:
		if !isObject {
			fields = map[string]json.RawMessage{"message": quoted(harmless(string(body), messageMax))}
		}
		fields[noteField] = quoted(said)
		if body, err = json.Marshal(fields); err != nil {
			return &answerError{said, errNoJSON}
		}
		resp.Header.Set("Content-Type", "application/json")
		resp.ContentLength = int64(len(body))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// noteField is no field of Scaleway's.
const noteField = "rotator_asked"

// noted reads what whole wrote into an error's body, or "".
func noted(err error) string {
	var (
		kept interface {
			error
			GetRawBody() json.RawMessage
		}
		fields map[string]json.RawMessage
		said   string
	)
	if errors.As(err, &kept) && json.Unmarshal(kept.GetRawBody(), &fields) == nil {
		_ = json.Unmarshal(fields[noteField], &said) // nothing is noted, then
	}
	return said
}

func quoted(text string) json.RawMessage {
	out, _ := json.Marshal(text) // a string never fails
	return out
}

const (
	messageMax = 120 // of a body that is no JSON
	causeMax   = 500 // of what an error quotes
)

// harmless is foreign text on one line, without control characters and the like,
// and short.
func harmless(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

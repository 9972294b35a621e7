package scalewaytest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// TransientBody is what a 409 says of a resource that is changing.
const TransientBody = `{"current_state":"updating","message":"resource is in a transient state","resource":"application","resource_id":"a","type":"transient_state"}`

// FarSide is one in this process.
type FarSide func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (f FarSide) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Answer is one that a server could give.
type Answer struct {
	Status int
	Body   string // JSON where it begins so
	Header map[string]string
	Half   bool  // the connection breaks in the middle of the body
	Err    error // none comes
}

// To gives the answer to a request.
func (a Answer) To(r *http.Request) (*http.Response, error) {
	if a.Err != nil {
		return nil, a.Err
	}
	header := http.Header{}
	if strings.HasPrefix(a.Body, "{") {
		header.Set("Content-Type", "application/json")
	}
	for name, value := range a.Header {
		header.Set(name, value)
	}
	var body io.Reader = strings.NewReader(a.Body)
	if a.Half {
		body = io.MultiReader(strings.NewReader(a.Body[:len(a.Body)/2]), broken{})
	}
	return &http.Response{
		Status: http.StatusText(a.Status), StatusCode: a.Status, Header: header, Request: r,
		Body: io.NopCloser(body), ContentLength: int64(len(a.Body)),
	}, nil
}

// broken reads as a connection that broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Script answers in turn, the last answer for ever, and notes what it is asked.
type Script struct {
	Answers []Answer

	Mu   sync.Mutex // over Seen
	Seen []Asked
}

// Asked is a request as it came.
type Asked struct {
	At     time.Time
	Method string
	Path   string
	Body   string
	Length int64
}

// RoundTrip gives the next answer.
func (s *Script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
		_ = r.Body.Close()
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Seen = append(s.Seen, Asked{time.Now(), r.Method, r.URL.Path, body, r.ContentLength})
	return s.Answers[min(len(s.Seen), len(s.Answers))-1].To(r)
}

// Count is how many requests came.
func (s *Script) Count() int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return len(s.Seen)
}

package traffic

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// recorder holds an answer until it is known what becomes of it. status 0
// means that the connection is cut.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorder) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *recorder) copyTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.status != http.StatusNoContent && w.Header().Get("Content-Length") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// answer writes the fault's own answer.
func (f *Fault) answer(a *recorder) {
	maps.Copy(a.header, f.Header)
	if f.Body != "" && a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/json")
	}
	if f.Body == "" {
		a.header["Content-Type"] = nil // none, not even a guessed one
	}
	a.WriteHeader(f.Status)
	_, _ = a.Write([]byte(f.Body))
}

// spoil applies the effects that strike an answer already made, and tells
// whether the connection is to be cut.
func (f *Fault) spoil(a *recorder) (cut bool) {
	switch {
	case f.DropAfter:
		a.status = 0
		return true
	case f.Half:
		// The length announced stays that of the whole body.
		a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
		a.body.Truncate(a.body.Len() / 2)
	case f.NotJSON:
		a.header.Set("Content-Type", "application/json")
		a.status = http.StatusOK
		a.body.Reset()
		a.body.WriteString("<html><body>It works!</body></html>\n")
	}
	return false
}

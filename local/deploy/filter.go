package deploy

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/redact"
)

// filter passes text on with every secret replaced, in whatever form a program may print it: osls's plugin is known to
// print whole requests. It passes on whole lines, so that a secret cut in two by a pipe is still seen.
type filter struct {
	mu    sync.Mutex
	to    io.Writer
	forms [][]byte // longest first
	held  []byte   // the beginning of a line
}

// heldLimit bounds what is held back of a line without end.
const heldLimit = 64 << 10

func newFilter(to io.Writer, secrets []string) *filter {
	f := &filter{to: to}
	f.hide(secrets)
	return f
}

// hide adds secrets to those that are replaced.
func (f *filter) hide(secrets []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			f.forms = append(f.forms, []byte(form))
		}
	}
	slices.SortFunc(f.forms, func(a, b []byte) int { return len(b) - len(a) })
}

// forms are the ways in which a secret may appear.
func forms(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted, _ := json.Marshal(secret) // a string always marshals
	inner := string(quoted[1 : len(quoted)-1])
	spaced := strings.TrimSpace(strings.Join(pairs(hex.EncodeToString([]byte(secret))), " "))
	all := []string{
		secret, inner, strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(inner), // as Node writes it
		url.QueryEscape(secret), url.PathEscape(secret),
		strings.ToUpper(secret), hex.EncodeToString([]byte(secret)),
		spaced, // how Node prints a Buffer
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		// Inside of something longer, a secret's base64 depends on where it starts; its ends mix with the neighbours.
		for before := range 3 {
			encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
			from := (before*8 + 5) / 6
			to := (before + len(secret)) * 8 / 6
			if to-from > 8 {
				all = append(all, encoded[from:to])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func pairs(text string) []string {
	var out []string
	for pair := range slices.Chunk([]byte(text), 2) {
		out = append(out, string(pair))
	}
	return out
}

func (f *filter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, p...)
	end := bytes.LastIndexByte(f.held, '\n') + 1
	if end == 0 && len(f.held) > heldLimit {
		f.held = f.replace(f.held)
		end = len(f.held) - f.longest()
	}
	if end > 0 {
		line := f.replace(f.held[:end])
		f.held = bytes.Clone(f.held[end:])
		if _, err := f.to.Write(line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close passes on what is held. It does not close what is written to.
func (f *filter) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := f.replace(f.held)
	f.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := f.to.Write(held)
	return err
}

func (f *filter) replace(text []byte) []byte {
	for _, form := range f.forms {
		text = bytes.ReplaceAll(text, form, []byte(redact.Placeholder))
	}
	return []byte(printable.Text(string(text))) // what osls passes on of the API is not ours
}

// clean is the error without secrets. What it wraps is told by type, and never printed.
func (f *filter) clean(err error) error {
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &cleanError{string(f.replace([]byte(err.Error()))), err}
}

type cleanError struct {
	text  string
	cause error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.cause }

func (f *filter) longest() int {
	if len(f.forms) == 0 {
		return 0
	}
	return len(f.forms[0])
}

// hide keeps a secret that has become known out of what is written.
func hide(w io.Writer, secret string) error {
	if f, ok := w.(*filter); ok {
		f.hide([]string{secret})
		return nil
	}
	return errors.ErrUnsupported
}

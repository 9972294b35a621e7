// Package redact holds the type of every secret in this program.
//
// A Secret prints as <secret> by every route: fmt with any verb, JSON, text,
// slog, and as a field of anything else, exported or not. Its value is had by
// Reveal alone, which is easy to search for. The package knows nothing of what
// a secret is for.
package redact

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Placeholder is what stands in the place of a secret.
const Placeholder = "<secret>"

// Secret is a string that cannot be printed. The zero value is the empty
// secret.
type Secret struct {
	// A function, because fmt prints the contents of unexported strings when a
	// Secret is itself an unexported field: there it calls no method.
	reveal func() string
}

// New returns the secret with this value.
func New(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the value. Call it only where the value leaves for Scaleway.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty tells whether there is no value.
func (s Secret) Empty() bool { return s.reveal == nil }

// Equal compares two secrets in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns the placeholder.
func (s Secret) String() string { return Placeholder }

// Format writes the placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Placeholder) }

// MarshalText returns the placeholder; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Placeholder), nil }

// UnmarshalText takes the value in.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// LogValue returns the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Placeholder) }

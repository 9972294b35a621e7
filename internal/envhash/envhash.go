// Package envhash reads the argon2id hashes with which Scaleway's API shows
// secret environment variables, and tells whether a secret is the one behind a
// hash.
//
// A hash costs up to 64 MiB on purpose. However many goroutines ask, one is
// computed at a time, and its memory is collected before the next begins. A
// hash that asks for far more than Scaleway's do is refused. Which hashes are
// worth their time is left to others.
package envhash

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// What Parse refuses. A caller meets them with errors.Is.
var (
	// ErrMalformed means that the text is no argon2id hash of version 19.
	ErrMalformed = errors.New("malformed hash")
	// ErrAbsurd means that it is one, which would cost too much to compute, or
	// says too little.
	ErrAbsurd = errors.New("absurd hash")
)

// The bounds. Recorded are m=65536 with t=1,p=2 and with t=3,p=64, each with a
// salt of 16 bytes and a hash of 32 (docs/scaleway.md, Secret variables).
const (
	// memoryMax is what is recorded, in KiB.
	memoryMax = 64 << 10
	// timeMax is about three times what is recorded, so that a hash stays under
	// a second of a whole core.
	timeMax = 10
	// threadsMax is the most that the implementation takes; each costs a
	// goroutine, and no work of its own.
	threadsMax = 255
	saltMin    = 8 // of the reference implementation
	saltMax    = 64
	sumMin     = 16 // a shorter one could match by chance
	sumMax     = 64
)

// Hash is one hash with its parameters. Hashes can be compared.
type Hash struct {
	memory    uint32 // KiB
	time      uint32 // passes
	threads   uint8
	salt, sum string
}

// Parse reads a hash in PHC form, $argon2id$v=19$m=65536,t=1,p=2$<salt>$<hash>,
// in standard base64 without padding. It takes one spelling of each hash: that
// of String. Its errors are ErrMalformed and ErrAbsurd, and do not quote the
// text.
func Parse(text string) (Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" {
		return Hash{}, malformed("not of the form $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	if parts[1] != "argon2id" {
		return Hash{}, malformed("not argon2id")
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return Hash{}, malformed("not of version " + strconv.Itoa(argon2.Version))
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return Hash{}, malformed("not three parameters m, t and p")
	}
	threads, err := cost(costs[2], "p", 1, threadsMax)
	if err != nil {
		return Hash{}, err
	}
	passes, err := cost(costs[1], "t", 1, timeMax)
	if err != nil {
		return Hash{}, err
	}
	memory, err := cost(costs[0], "m", 8*threads, memoryMax) // RFC 9106, section 3.1
	if err != nil {
		return Hash{}, err
	}
	salt, err := decode(parts[4], "salt", saltMin, saltMax)
	if err != nil {
		return Hash{}, err
	}
	sum, err := decode(parts[5], "hash", sumMin, sumMax)
	if err != nil {
		return Hash{}, err
	}
	h := Hash{memory: uint32(memory), time: uint32(passes), threads: uint8(threads), salt: salt, sum: sum} //nolint:gosec // within the bounds above
	if h.String() != text {
		return Hash{}, malformed("not spelled as usual: leading zeros, spaces, or loose bits in its base64")
	}
	return h, nil
}

// cost reads one parameter, as in m=65536.
func cost(text, name string, least, most uint64) (uint64, error) {
	digits, found := strings.CutPrefix(text, name+"=")
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case !found, err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, malformed("parameter " + name + " is not a number")
	case n < least:
		return 0, malformed(fmt.Sprintf("parameter %s is %d, below %d", name, n, least))
	case n > most: // out of range reads as the greatest number
		return 0, fmt.Errorf("%w: parameter %s is %d, allowed are %d to %d", ErrAbsurd, name, n, least, most)
	}
	return n, nil
}

func decode(text, name string, least, most int) (string, error) {
	if n := base64.RawStdEncoding.DecodedLen(len(text)); n < least || n > most {
		return "", fmt.Errorf("%w: its %s has %d bytes, allowed are %d to %d", ErrAbsurd, name, n, least, most)
	}
	bytes, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", malformed("its " + name + " is not base64")
	}
	return string(bytes), nil
}

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }

// String is the text that Parse read.
func (h Hash) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		enc.EncodeToString([]byte(h.salt)), enc.EncodeToString([]byte(h.sum)))
}

// Matches tells whether s is what was hashed, in constant time but for the
// hashing: that takes the time and memory that the hash asks for, and waits for
// other calls to end. The empty secret, and the zero Hash, match nothing.
func (h Hash) Matches(s redact.Secret) bool {
	if s.Empty() || h == (Hash{}) {
		return false
	}
	return subtle.ConstantTimeCompare(h.of(s), []byte(h.sum)) == 1
}

// of hashes s with the parameters of h.
func (h Hash) of(s redact.Secret) []byte {
	defer alone(h.memory)()
	return argon2.IDKey([]byte(s.Reveal()), []byte(h.salt), h.time, h.memory, h.threads, uint32(len(h.sum))) //nolint:gosec // sumMax at most
}

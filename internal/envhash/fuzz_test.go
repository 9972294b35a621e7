package envhash_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/envhash"
)

// What is read has parameters within the bounds and one spelling, the text that
// was read; all else is refused with one of the two reasons.
func FuzzParse(f *testing.F) {
	salt, sum := []byte("salt of 16 bytes"), make([]byte, 32)
	for _, parameters := range []string{
		"m=65536,t=1,p=2", "m=65536,t=3,p=64", "m=512,t=1,p=2", "m=0,t=0,p=0", "m=2040,t=10,p=255", "m=4294967296,t=1,p=1", "m=08,t=1,p=1", "m=,t=,p=",
	} {
		f.Add(text(parameters, salt, sum))
	}
	f.Add("$argon2i$v=19$m=512,t=1,p=2$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := envhash.Parse(text)
		if err != nil {
			if errors.Is(err, envhash.ErrMalformed) == errors.Is(err, envhash.ErrAbsurd) || h != (envhash.Hash{}) {
				t.Errorf("%q: %v, error %v", text, h, err)
			}
			return
		}
		if h.String() != text {
			t.Errorf("%q reads as %q", text, h)
		}
		var memory, time, threads int
		if _, err := fmt.Sscanf(text, "$argon2id$v=19$m=%d,t=%d,p=%d$", &memory, &time, &threads); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if threads < 1 || threads > 255 || time < 1 || time > 10 || memory < 8*threads || memory > 65536 {
			t.Errorf("%q has parameters m=%d, t=%d, p=%d", text, memory, time, threads)
		}
		if len(text) > 256 {
			t.Errorf("%q has %d characters", text, len(text))
		}
	})
}

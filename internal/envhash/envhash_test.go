package envhash_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/redact"
)

// text is a hash in PHC form with these parameters, of these bytes.
func text(parameters string, salt, sum []byte) string {
	enc := base64.RawStdEncoding
	return "$argon2id$v=19$" + parameters + "$" + enc.EncodeToString(salt) + "$" + enc.EncodeToString(sum)
}

// hashed is the hash of value.
func hashed(value string, memory, time uint32, threads uint8) string {
	salt := []byte("salt of 16 bytes")
	return text(fmt.Sprintf("m=%d,t=%d,p=%d", memory, time, threads), salt, argon2.IDKey([]byte(value), salt, time, memory, threads, 32))
}

func parse(tb testing.TB, text string) envhash.Hash {
	tb.Helper()
	h, err := envhash.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func TestAHashMatchesItsSecretAndNoOther(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, value string }{
		"functions' parameters, smaller":  {hashed("one value", 512, 1, 2), "one value"},
		"containers' parameters, smaller": {hashed("one value", 512, 3, 64), "one value"},
		"the most passes and threads":     {hashed("one value", 2040, 10, 255), "one value"},
		"the least":                       {hashed("v", 8, 1, 1), "v"},
		// Of the reference implementation, src/test.c.
		"reference, one lane":  {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		"reference, two lanes": {"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := parse(t, row.text)
			if !h.Matches(redact.New(row.value)) {
				t.Error("its own value does not match")
			}
			for _, other := range []string{"", row.value + " ", row.value[1:], strings.ToUpper(row.value)} {
				if h.Matches(redact.New(other)) {
					t.Errorf("%q matches", other)
				}
			}
			if h.String() != row.text || h != parse(t, row.text) {
				t.Errorf("reads as %s", h)
			}
		})
	}
}

func TestNothingMatchesNothing(t *testing.T) {
	t.Parallel()
	if parse(t, hashed("", 512, 1, 2)).Matches(redact.Secret{}) {
		t.Error("the empty secret matches its hash")
	}
	if (envhash.Hash{}).Matches(redact.New("v")) {
		t.Error("a secret matches the zero hash")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	salt, sum := []byte("salt of 16 bytes"), make([]byte, 32)
	good := text("m=65536,t=1,p=2", salt, sum)
	with := func(parameters string) string { return text(parameters, salt, sum) }
	rows := []struct {
		name, text string
		class      error
		want       string
	}{
		{"nothing", "", envhash.ErrMalformed, "form"},
		{"something else", "sha256:00ff", envhash.ErrMalformed, "form"},
		{"no hash", good[:strings.LastIndex(good, "$")], envhash.ErrMalformed, "form"},
		{"one part more", good + "$", envhash.ErrMalformed, "form"},
		{"something before", " " + good, envhash.ErrMalformed, "form"},
		{"argon2i", strings.Replace(good, "argon2id", "argon2i", 1), envhash.ErrMalformed, "not argon2id"},
		{"argon2d", strings.Replace(good, "argon2id", "argon2d", 1), envhash.ErrMalformed, "not argon2id"},
		{"the first version", strings.Replace(good, "v=19", "v=16", 1), envhash.ErrMalformed, "version 19"},
		{"no version", strings.Replace(good, "v=19$", "", 1), envhash.ErrMalformed, "form"},
		{"a parameter less", with("m=65536,t=1"), envhash.ErrMalformed, "three parameters"},
		{"a parameter more", with("m=65536,t=1,p=2,keyid=1"), envhash.ErrMalformed, "three parameters"},
		{"in another order", with("t=1,m=65536,p=2"), envhash.ErrMalformed, "parameter t"},
		{"no number", with("m=65536,t=one,p=2"), envhash.ErrMalformed, "parameter t is not a number"},
		{"negative", with("m=-1,t=1,p=2"), envhash.ErrMalformed, "parameter m is not a number"},
		{"signed", with("m=+65536,t=1,p=2"), envhash.ErrMalformed, "parameter m is not a number"},
		{"a leading zero", with("m=065536,t=1,p=2"), envhash.ErrMalformed, "spelled"},
		{"no time", with("m=65536,t=0,p=2"), envhash.ErrMalformed, "parameter t is 0, below 1"},
		{"no threads", with("m=65536,t=1,p=0"), envhash.ErrMalformed, "parameter p is 0, below 1"},
		{"memory too small for its threads", with("m=511,t=1,p=64"), envhash.ErrMalformed, "parameter m is 511, below 512"},
		{"padding", good + "=", envhash.ErrMalformed, "base64"},
		{"a line's end in it", good[:len(good)-1] + "\n" + good[len(good)-1:], envhash.ErrMalformed, "spelled"},
		{"loose bits", good[:len(good)-1] + "B", envhash.ErrMalformed, "spelled"},
		{"URL base64", strings.Replace(text("m=512,t=1,p=2", salt, []byte(strings.Repeat("\xff", 32))), "/", "_", 1), envhash.ErrMalformed, "its hash is not base64"},
		{"memory", with("m=65537,t=1,p=2"), envhash.ErrAbsurd, "parameter m is 65537, allowed are 16 to 65536"},
		{"memory past counting", with("m=99999999999999999999,t=1,p=2"), envhash.ErrAbsurd, "parameter m is"},
		{"time", with("m=65536,t=11,p=2"), envhash.ErrAbsurd, "parameter t is 11, allowed are 1 to 10"},
		{"threads", with("m=65536,t=1,p=256"), envhash.ErrAbsurd, "parameter p is 256, allowed are 1 to 255"},
		{"a short salt", text("m=512,t=1,p=2", salt[:7], sum), envhash.ErrAbsurd, "its salt has 7 bytes, allowed are 8 to 64"},
		{"no salt", text("m=512,t=1,p=2", nil, sum), envhash.ErrAbsurd, "its salt has 0 bytes"},
		{"a long salt", text("m=512,t=1,p=2", make([]byte, 65), sum), envhash.ErrAbsurd, "its salt has 65 bytes"},
		{"a short hash", text("m=512,t=1,p=2", salt, sum[:15]), envhash.ErrAbsurd, "its hash has 15 bytes, allowed are 16 to 64"},
		{"a long hash", text("m=512,t=1,p=2", salt, make([]byte, 1<<20)), envhash.ErrAbsurd, "its hash has 1048576 bytes"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, err := envhash.Parse(row.text)
			if !errors.Is(err, row.class) || !strings.Contains(err.Error(), row.want) || h != (envhash.Hash{}) {
				t.Errorf("error %v, want %v with %q", err, row.class, row.want)
			}
		})
	}
}

// recorded are the values that were sent in the recordings, by the hashes that
// the answers show (docs/scaleway.md, Recordings).
func recorded(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "scaleway-api", "recordings", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var story []struct {
			Sent struct {
				Secrets any `json:"secret_environment_variables"`
			} `json:"request_body"`
			Answered struct {
				Secrets any `json:"secret_environment_variables"`
			} `json:"response_body"`
		}
		if err := json.Unmarshal(content, &story); err != nil {
			continue // a story of something else
		}
		for _, exchange := range story {
			hashes := variables(exchange.Answered.Secrets, "hashed_value")
			for name, value := range variables(exchange.Sent.Secrets, "value") {
				if hash := hashes[name]; value != "" && hash != "" {
					pairs[hash] = value
				}
			}
		}
	}
	return pairs
}

// variables reads either form: a list of key and member, or a map.
func variables(secrets any, member string) map[string]string {
	out := map[string]string{}
	switch secrets := secrets.(type) {
	case []any:
		for _, item := range secrets {
			pair, _ := item.(map[string]any)
			key, _ := pair["key"].(string)
			out[key], _ = pair[member].(string)
		}
	case map[string]any:
		for key, value := range secrets {
			out[key], _ = value.(string)
		}
	}
	return out
}

func TestLongRecordedHashesAreThoseOfTheValuesSent(t *testing.T) {
	t.Parallel()
	pairs := recorded(t)
	if len(pairs) == 0 {
		t.Log("no recordings of the real API in ../shared/scaleway-api/recordings beside the module: nothing to compare with")
		return
	}
	seen := map[string]int{}
	for hash, value := range pairs {
		if !parse(t, hash).Matches(redact.New(value)) {
			t.Errorf("%s is not the hash of %q", hash, value)
		}
		seen[strings.Split(hash, "$")[3]]++
	}
	t.Logf("%d hashes: %v", len(pairs), seen)
	if seen["m=65536,t=1,p=2"] < 4 || seen["m=65536,t=3,p=64"] < 4 {
		t.Errorf("recorded hashes by parameters: %v", seen)
	}
}

package serverless

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/crypto/argon2"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
)

// argon are the parameters with which an API shows secret environment
// variables (docs/scaleway.md, Secret variables).
type argon struct {
	passes  uint32
	threads uint8
	memory  uint32 // KiB
}

const (
	argonSize = 32
	saltSize  = 16
)

// hashV1beta1 and hashV1 are the parameters of the two APIs, with so much memory
// in KiB.
func hashV1beta1(memory uint32) argon { return argon{passes: 1, threads: 2}.within(memory) }

func hashV1(memory uint32) argon { return argon{passes: 3, threads: 64}.within(memory) }

// within gives a so much memory, and no more threads than can be with that:
// argon2 needs 8 KiB for each.
func (a argon) within(memory uint32) argon {
	a.memory = max(memory, 8)
	a.threads = uint8(min(uint32(a.threads), a.memory/8)) //nolint:gosec // at most what it was
	return a
}

// secretVar is one secret environment variable. Its salt is made when the
// value is set, even to what it was; its hash when an answer first shows it.
type secretVar struct {
	key, value string
	salt       []byte
	hashes     map[argon]string
}

func (s *secretVar) hash(a argon) string {
	if text, ok := s.hashes[a]; ok {
		return text
	}
	sum := a.sum(s.value, s.salt)
	enc := base64.RawStdEncoding
	text := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.passes, a.threads,
		enc.EncodeToString(s.salt), enc.EncodeToString(sum))
	if s.hashes == nil {
		s.hashes = map[argon]string{}
	}
	s.hashes[a] = text
	return text
}

// sums remembers what was hashed in this process. Emulators with the same seed
// salt alike, and a test that starts a thousand of them would do little else
// than hash.
var sums sync.Map

func (a argon) sum(value string, salt []byte) []byte {
	type input struct {
		argon
		value, salt string
	}
	in := input{a, value, string(salt)}
	if known, ok := sums.Load(in); ok {
		return known.([]byte) //nolint:forcetypeassert // only stored below
	}
	sum := argon2.IDKey([]byte(value), salt, a.passes, a.memory, a.threads, argonSize)
	sums.Store(in, sum)
	return sum
}

// secretInput is what functions and containers v1beta1 are sent.
type secretInput struct {
	Key   string  `json:"key"`
	Value *string `json:"value"`
}

// secretOutput is what they answer.
type secretOutput struct {
	Key         string `json:"key"`
	HashedValue string `json:"hashed_value"`
}

// secretEnv holds secret environment variables in the order in which v1beta1
// lists them: that of their first appearance.
type secretEnv []*secretVar

// merge applies a v1beta1 write: a key with a value is set, one without is
// removed, all others stay as they are.
func (env secretEnv) merge(in []secretInput, m *store.Mint) secretEnv {
	out := slices.Clone(env)
	for _, change := range in {
		at := slices.IndexFunc(out, func(s *secretVar) bool { return s.key == change.Key })
		switch {
		case change.Value == nil && at >= 0:
			out = slices.Delete(out, at, at+1)
		case change.Value == nil:
		case at >= 0:
			out[at] = newSecretVar(change.Key, *change.Value, m)
		default:
			out = append(out, newSecretVar(change.Key, *change.Value, m))
		}
	}
	return out
}

// replace applies a containers v1 write: in is the whole new set, and ""
// keeps the value that is stored. A "" with nothing to keep is passed over
// (A27).
func (env secretEnv) replace(in map[string]string, m *store.Mint) secretEnv {
	out := secretEnv{}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if in[key] != "" {
			out = append(out, newSecretVar(key, in[key], m))
			continue
		}
		if at := slices.IndexFunc(env, func(s *secretVar) bool { return s.key == key }); at >= 0 {
			out = append(out, env[at]) //nolint:gosec // IndexFunc found it there
		}
	}
	return out
}

func newSecretVar(key, value string, m *store.Mint) *secretVar {
	return &secretVar{key: key, value: value, salt: m.Bytes(saltSize)}
}

// hashedList is the v1beta1 view.
func (c *call) hashedList(env secretEnv) []secretOutput {
	out := make([]secretOutput, 0, len(env))
	for _, s := range env {
		out = append(out, secretOutput{Key: s.key, HashedValue: s.hash(hashV1beta1(c.Settings.HashMemory))})
	}
	return out
}

// hashedMap is the v1 view.
func (c *call) hashedMap(env secretEnv) map[string]string {
	out := make(map[string]string, len(env))
	for _, s := range env {
		out[s.key] = s.hash(hashV1(c.Settings.HashMemory))
	}
	return out
}

// plain is the variables with their values.
func (env secretEnv) plain() map[string]string {
	out := map[string]string{}
	for _, s := range env {
		out[s.key] = s.value
	}
	return out
}

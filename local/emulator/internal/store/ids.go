package store

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// Mint makes identifiers. It is seeded, so that a demo looks the same each
// time; callers hold the emulator's lock.
type Mint struct {
	rnd  *rand.Rand
	seed uint64
	made map[string]uint64 // mints, by what they are for
}

// NewMint returns a mint; two with one seed make the same.
func NewMint(seed uint64) *Mint {
	return &Mint{rnd: rand.New(rand.NewPCG(seed, 0x5c3a1f00)), seed: seed, made: map[string]uint64{}} //nolint:gosec // identifiers of an emulator, reproducible on purpose
}

// For is a mint for the next thing of a name: what it makes does not depend on
// what else is made at the same time, so that requests may come in any order.
func (m *Mint) For(name string) *Mint {
	m.made[name]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d %s", m.seed, m.made[name], name)
	return NewMint(h.Sum64())
}

// UUID is one of version 4.
func (m *Mint) UUID() string {
	hi, lo := m.rnd.Uint64(), m.rnd.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0x3<<62) | 0x2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// AccessKey is SCW and 17 of [A-Z0-9].
func (m *Mint) AccessKey() string {
	return "SCW" + m.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 17)
}

// Pick is n letters of an alphabet.
func (m *Mint) Pick(alphabet string, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[m.rnd.IntN(len(alphabet))]
	}
	return string(out)
}

// Bytes is n of any value.
func (m *Mint) Bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(m.rnd.UintN(256)) //nolint:gosec // below 256
	}
	return out
}

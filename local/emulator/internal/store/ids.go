package store

import (
	"fmt"
	"math/rand/v2"
)

// Mint makes identifiers. It is seeded, so that a demo looks the same each
// time; callers hold the emulator's lock.
type Mint struct{ rnd *rand.Rand }

// NewMint returns a mint; two with one seed make the same.
func NewMint(seed uint64) *Mint {
	return &Mint{rnd: rand.New(rand.NewPCG(seed, 0x5c3a1f00))} //nolint:gosec // identifiers of an emulator, reproducible on purpose
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

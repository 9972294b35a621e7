package emulator

import (
	"fmt"
	"math/rand/v2"
)

// mint makes identifiers. It is seeded, so that a demo looks the same each
// time; callers hold the emulator's lock.
type mint struct{ rnd *rand.Rand }

func newMint(seed uint64) *mint {
	return &mint{rnd: rand.New(rand.NewPCG(seed, 0x5c3a1f00))} //nolint:gosec // identifiers of an emulator, reproducible on purpose
}

func (m *mint) uuid() string {
	hi, lo := m.rnd.Uint64(), m.rnd.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0x3<<62) | 0x2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// accessKey is SCW and 17 of [A-Z0-9].
func (m *mint) accessKey() string {
	return "SCW" + m.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 17)
}

func (m *mint) pick(alphabet string, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[m.rnd.IntN(len(alphabet))]
	}
	return string(out)
}

func (m *mint) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(m.rnd.UintN(256)) //nolint:gosec // below 256
	}
	return out
}

package envhash

import (
	"math"
	"runtime/debug"
	"testing"
)

// It is not parallel: the limit is the whole process's.
func TestALargeHashIsComputedUnderALimit(t *testing.T) {
	for _, row := range []struct {
		memory       uint32
		before, want int64
	}{
		{memoryMax, math.MaxInt64, 192 << 20},
		{memoryMax, 200 << 20, 192 << 20},
		{memoryMax, 150 << 20, 150 << 20},
		{512, math.MaxInt64, math.MaxInt64},
	} {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(row.before))
		done := alone(row.memory)
		if got := debug.SetMemoryLimit(-1); got != row.want {
			t.Errorf("with %d KiB the limit is %d, want %d", row.memory, got, row.want)
		}
		done()
		if got := debug.SetMemoryLimit(-1); got != row.before {
			t.Errorf("after %d KiB the limit is %d, was %d", row.memory, got, row.before)
		}
	}
}

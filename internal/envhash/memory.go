package envhash

import (
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	// large is from where on a hash's memory is collected by hand, in KiB: what
	// is smaller is garbage as any other.
	large = 1 << 10
	// memoryLimit is what Go may hold while a large hash is computed, in bytes:
	// comparing is to stay within 256 MiB, half of what the function has.
	memoryLimit = 192 << 20
)

// one is held while a hash is computed.
var one sync.Mutex //nolint:gochecknoglobals // the memory that it guards is the process's

// alone waits until no hash is being computed, and makes room for one; the
// function that it returns ends that.
//
// The implementation takes its memory anew for each hash, in one piece. Left to
// itself, the collector lets two or three such pieces pile up. Collecting after
// each hash leaves one; but small objects settle in it, the next finds no whole
// piece, and the heap grows all the same. So a limit makes the runtime give
// back what lies between, and no more than it must: debug.FreeOSMemory after
// each hash gives back everything, and takes three times as long.
func alone(memory uint32) (done func()) {
	one.Lock()
	if memory < large {
		return one.Unlock
	}
	before := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(before, memoryLimit))
	return func() {
		runtime.GC()
		debug.SetMemoryLimit(before)
		one.Unlock()
	}
}

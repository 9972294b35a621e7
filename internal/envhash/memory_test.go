package envhash_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/redact"
)

var matches = flag.Int("matches", 6, "how many matches the test of their memory makes, of each form")

// forms are the parameters that are recorded.
var forms = []string{"m=65536,t=1,p=2", "m=65536,t=3,p=64"}

const child = "ENVHASH_CHILD"

// It is not parallel: it looks at what belongs to the whole process.
func TestNothingOfAMatchStaysBehind(t *testing.T) {
	const low = 150 << 20
	for _, limit := range []int64{math.MaxInt64, low} {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
		runtime.GC()
		before := objects()
		parse(t, text(forms[0], []byte("salt of 16 bytes"), make([]byte, 32))).Matches(redact.New("some value"))
		if more := int64(objects()) - int64(before); more > 8<<20 {
			t.Errorf("%d MiB more are in use", more>>20)
		}
		if got := debug.SetMemoryLimit(-1); got != limit {
			t.Errorf("the memory limit is %d, was %d", got, limit)
		}
	}
}

// Four goroutines match, in a process of its own, beside one that keeps 80
// MiB and replaces some of them all the time. What Go holds is sampled; with the
// race detector the process holds more, for itself.
func TestLongMatchesStayWithinTheirMemory(t *testing.T) {
	t.Parallel()
	const mebi = 1 << 20
	if os.Getenv(child) != "" {
		peak, took := matchMany(t)
		fmt.Printf("peak %d MiB, %s each, %s\n", peak/mebi, (took / time.Duration(2**matches)).Round(time.Millisecond), resident())
		return
	}
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", fmt.Sprintf("-matches=%d", *matches))
	run.Env = append(os.Environ(), child+"=1")
	out, err := run.CombinedOutput()
	var peak int
	if _, scan := fmt.Sscanf(string(out), "peak %d MiB", &peak); err != nil || scan != nil {
		t.Fatalf("%v, %v: %s", err, scan, out)
	}
	said, _, _ := strings.Cut(string(out), "\n")
	t.Logf("%d matches of each form: %s", *matches, said)
	if peak > 224 { // the limit is 192, and soft
		t.Errorf("Go held %d MiB", peak)
	}
}

// matchMany returns the most bytes that Go held, and the time.
func matchMany(t *testing.T) (peak uint64, took time.Duration) {
	t.Helper()
	hashes := []envhash.Hash{}
	for _, form := range forms {
		hashes = append(hashes, parse(t, text(form, []byte("salt of 16 bytes"), make([]byte, 32))))
	}
	end := make(chan struct{})
	var aside, workers sync.WaitGroup
	aside.Go(func() {
		kept := make([][]byte, 2560) // of 32 KiB each, on average
		for i := 0; ; i++ {
			piece := make([]byte, 1024+i*7919%(62<<10))
			for at := 0; at < len(piece); at += 4096 {
				piece[at] = 1 // so that it has memory
			}
			kept[i%len(kept)] = piece
			if i >= len(kept) && i%8 == 0 {
				select {
				case <-time.After(100 * time.Microsecond):
				case <-end:
					return
				}
			}
		}
	})
	aside.Go(func() {
		for {
			peak = max(peak, held())
			select {
			case <-time.After(500 * time.Microsecond):
			case <-end:
				return
			}
		}
	})
	var next atomic.Int64
	start := time.Now()
	for range 4 {
		workers.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= 2**matches {
					return
				}
				if hashes[n%2].Matches(redact.New("some value")) {
					t.Error("it matches")
				}
			}
		})
	}
	workers.Wait()
	took = time.Since(start)
	close(end)
	aside.Wait()
	return peak, took
}

// held is what the runtime has of the system and has not given back: what a
// memory limit limits.
func held() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// objects is what the heap's objects take, dead ones that were not swept too.
func objects() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}

// resident is the most that the process held, as Linux says.
func resident() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "VmHWM unknown on " + runtime.GOOS
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return "VmHWM " + strings.TrimSpace(line)
}

func BenchmarkMatches(b *testing.B) {
	for _, form := range append([]string{"m=512,t=1,p=2"}, forms...) {
		b.Run(form, func(b *testing.B) {
			h := parse(b, text(form, []byte("salt of 16 bytes"), make([]byte, 32)))
			secret := redact.New("some value")
			b.ReportAllocs()
			for b.Loop() {
				if h.Matches(secret) {
					b.Fatal("it matches")
				}
			}
		})
	}
}

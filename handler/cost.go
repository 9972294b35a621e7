package handler

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// instanceMemory is how much memory the instance has, in bytes, as its control
// group says; 0: it does not.
func instanceMemory() float64 {
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(name) //nolint:gosec // one of the two
		if err != nil {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil && n < 1<<40 { // a machine's whole address space is no limit
			return n
		}
	}
	return 0
}

// cost says what a run took of the platform: functions are billed by memory and
// time, in GB-seconds.
func cost(done *report.Report, cpu time.Duration) {
	round := func(n float64) float64 { return math.Round(n*100) / 100 }
	done.API.CPUSeconds = round(cpu.Seconds())
	if memory := instanceMemory(); memory > 0 {
		done.API.GBSeconds = round(done.API.DurationSeconds * memory / (1 << 30))
	}
}

package rotator_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/scw-key-rotator/rotator"
)

// TestColdStart is the process that BenchmarkColdStart starts.
func TestColdStart(t *testing.T) {
	if os.Getenv("COLD_START") == "" {
		return
	}
	answer := httptest.NewRecorder()
	rotator.Handle(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if answer.Code != http.StatusInternalServerError {
		t.Fatalf("without any setting, the answer is %d", answer.Code)
	}
}

// BenchmarkColdStart is the time from the start of a process to its first answer,
// to a request that is refused for its settings. The test binary is larger than the
// function, so this is more than an instance takes.
func BenchmarkColdStart(b *testing.B) {
	for b.Loop() {
		child := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestColdStart$")
		child.Env = []string{"COLD_START=1", "GOMAXPROCS=1"}
		if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
			b.Fatalf("%v: %s", err, out)
		}
	}
}

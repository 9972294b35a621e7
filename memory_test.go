package rotator_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

var largest = flag.Bool("largest", false, "measure the function in the largest project of the platform, not in one of a tenth")

// peak is the most memory that this process has had, in MiB.
func peak(t *testing.T) float64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not tell a process how much memory it has had")
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return float64(kib) / 1024
}

// TestLongMemoryOfARun is the function as a process of its own, which calls the API
// and the endpoints over TLS, two runs one after the other.
func TestLongMemoryOfARun(t *testing.T) {
	if os.Getenv("ROTATOR_ACCESS_KEY") != "" { // the process itself
		before := peak(t)
		for range 2 {
			answer, request := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
			request.Header.Set("X-Rotator-Control", os.Getenv("ROTATOR_CONTROL_SECRET"))
			rotator.Handle(answer, request)
			fmt.Printf("status %d, report %d bytes, %.0f MiB, %.0f MiB before\n", answer.Code, answer.Body.Len(), peak(t), before)
		}
		return
	}
	each, most, report := 100, 48.0, 256<<10
	switch {
	case *largest:
		each, most, report = 1000, 64.0, 1<<20
	case raced:
		each = 20
	}
	env := emulatortest.Start(t, emulator.Options{}, emulatortest.Large(each))
	proxy, err := env.NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- proxy.Serve(listener) }()
	defer func() {
		if err := errors.Join(proxy.Close(), <-served); err != nil {
			t.Error(err)
		}
	}()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, proxy.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	own := env.Keys("rotator")[0]
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestLongMemoryOfARun$")
	child.Env = []string{
		"ROTATOR_ACCESS_KEY=" + own.AccessKey, "ROTATOR_SECRET_KEY=" + own.SecretKey, "ROTATOR_ORGANIZATION_ID=" + env.Organization(),
		"ROTATOR_PROJECT_ID=" + env.Project("demo"), "ROTATOR_REGIONS=fr-par,nl-ams,pl-waw", "ROTATOR_LOG_LEVEL=error",
		"ROTATOR_CONTROL_SECRET=" + strings.Repeat("made-up.", 5), "ROTATOR_VERIFY_WINDOW=1s", "ROTATOR_LEGACY_TOKENS=report", "ROTATOR_REQUESTS_PER_SECOND=1000",
		"HTTPS_PROXY=http://" + listener.Addr().String(), "SSL_CERT_FILE=" + ca, "GOMEMLIMIT=" + os.Getenv("GOMEMLIMIT"),
	}
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	if err := child.Run(); err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	runs := regexp.MustCompile(`status (\d+), report (\d+) bytes, (\d+) MiB, (\d+) MiB before`).FindAllStringSubmatch(out.String(), -1)
	if len(runs) != 2 {
		t.Fatalf("two runs have not come to an end:\n%s", out.String())
	}
	for _, r := range runs {
		t.Log(r[0])
		bytes, _ := strconv.Atoi(r[2])
		mib, _ := strconv.ParseFloat(r[3], 64)
		if r[1] != "200" || bytes > report || mib > most && !raced {
			t.Errorf("%s; want status 200, at most %d bytes and %.0f MiB", r[0], report, most)
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The process itself, and a real signal: what Ctrl-C in a terminal sends.
func TestCtrlCEndsTheAPICleanly(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "local", "api")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	caFile := ""
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready" {
		if file, ok := strings.CutPrefix(lines.Text(), "SSL_CERT_FILE="); ok {
			caFile = file
		}
	}
	if _, err := os.Stat(caFile); err != nil {
		t.Errorf("there is no CA file: %v", err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	if _, err := os.Stat(caFile); !os.IsNotExist(err) {
		t.Errorf("the CA file stays behind: %v", err)
	}
	if got, want := stderr.String(), "0 requests served\n"; got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// hurry has a process end at once that the race detector watches: it waits a second.
const hurry = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"local": func() { os.Exit(execute(8)) }, "sdk": sdkClient, "node": fakeNode})
}

// TestScripts plays testdata/script/*.txtar: what a person types and sees.
// Besides testscript's own commands they have
//
//	start ARG...       a command of the runner in the background, until it says ready;
//	                   its KEY=VALUE lines become variables, its first http:// line URL
//	interrupt          end the one that STARTED names, the last, as Ctrl-C does; it
//	                   must exit with 0. What it said on standard error becomes the file said.err.
//	                   Not called stop: that is testscript's own, and ends the script
//	ask [-H LINE]... [-d BODY] METHOD URL   a request; status, headers and body become the file answer
//	ends STATUS COMMAND...   as exec, and it must end with this exit status; what it says must
//	                         not hold what SCW_SECRET_KEY, CONTROL or SECRET of the script do
//	capture NAME PATTERN FILE               what the pattern's group holds becomes a variable
func TestScripts(t *testing.T) {
	t.Parallel()
	play(t, "testdata/script")
}

// TestLongScripts plays those that deploy, ask a deployed function, or look months ahead.
func TestLongScripts(t *testing.T) {
	t.Parallel()
	play(t, "testdata/long")
}

func play(t *testing.T, folder string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: folder,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "interrupt": interrupt, "ask": askURL, "capture": capture, "ends": ends,
		},
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			cache, err := exec.CommandContext(context.Background(), "go", "env", "GOCACHE").Output()
			top, err2 := filepath.Abs("..")
			e.Setenv("GOCACHE", strings.TrimSpace(string(cache))) // an archive is built
			e.Setenv("TOP", top)                                  // the project's folder
			e.Setenv("GORACE", hurry)
			return errors.Join(err, err2)
		},
	})
}

// background is a started command.
type background struct {
	stop   context.CancelFunc
	done   chan int
	stderr *locked
}

type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start ARG...")
	}
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	b := &background{stop: cancel, done: make(chan int, 1), stderr: &locked{}}
	go func() {
		code := program{
			getenv: ts.Getenv, environ: func() []string { return nil }, stdout: write, stderr: b.stderr, hashes: 8,
		}.run(ctx, args)
		_ = write.Close()
		b.done <- code
	}()
	ts.Defer(cancel)
	var said strings.Builder
	lines := bufio.NewScanner(read)
	for lines.Scan() && lines.Text() != "ready" {
		line := strings.TrimSpace(lines.Text())
		fmt.Fprintln(&said, line)
		if name, value, ok := strings.Cut(line, "="); ok && strings.ToUpper(name) == name && !strings.Contains(name, " ") {
			ts.Setenv(name, value)
		}
		if i := strings.Index(line, "http://"); i >= 0 && ts.Getenv("URL") == "" && !strings.Contains(line, "=http") {
			url, _, _ := strings.Cut(line[i:], " ")
			ts.Setenv("URL", url)
		}
	}
	if lines.Text() != "ready" {
		ts.Fatalf("it ended before it was ready, with %d:\n%s%s", <-b.done, said.String(), b.stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(said.String()), 0o600))
	ts.Setenv("STARTED", fmt.Sprintf("%p", b))
	running.Store(fmt.Sprintf("%p", b), b)
}

// running are the started commands by the value of STARTED.
var running sync.Map

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	found, ok := running.LoadAndDelete(ts.Getenv("STARTED"))
	if neg || len(args) > 0 || !ok {
		ts.Fatalf("usage: interrupt, after start")
	}
	b, _ := found.(*background)
	b.stop()
	if code := <-b.done; code != 0 {
		ts.Fatalf("it exited with %d:\n%s", code, b.stderr)
	}
	ts.Check(os.WriteFile(ts.MkAbs("said.err"), []byte(b.stderr.String()), 0o600))
	ts.Setenv("URL", "")
}

func askURL(ts *testscript.TestScript, neg bool, args []string) {
	header := http.Header{}
	body := ""
	for len(args) >= 2 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-d" {
			body = args[1]
		} else {
			name, value, _ := strings.Cut(args[1], ": ")
			header.Add(name, value)
		}
		args = args[2:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ask [-H LINE]... [-d BODY] METHOD URL")
	}
	req, err := http.NewRequestWithContext(context.Background(), args[0], args[1], strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	resp, err := http.DefaultTransport.RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	var out bytes.Buffer
	fmt.Fprintln(&out, resp.Status)
	ts.Check(resp.Header.Write(&out))
	out.WriteString("\n")
	_, err = out.ReadFrom(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), out.Bytes(), 0o600))
}

func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ends STATUS COMMAND...")
	}
	status := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exited, is := errors.AsType[*exec.ExitError](err)
		if !is {
			ts.Fatalf("%v", err)
		}
		status = exited.ExitCode()
	}
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("it ended with %d", status)
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	for _, name := range []string{"SCW_SECRET_KEY", "CONTROL", "SECRET"} {
		if secret := ts.Getenv(name); secret != "" && strings.Contains(said, secret) {
			ts.Fatalf("it shows %s", name)
		}
	}
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME PATTERN FILE")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile(args[2]))
	if len(found) != 2 {
		ts.Fatalf("no group of %s in %s:\n%s", args[1], args[2], ts.ReadFile(args[2]))
	}
	ts.Setenv(args[0], found[1])
}

//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shell is a person's: an emulator that runs, and what it said.
type shell struct {
	t         *testing.T
	began     time.Time
	vars      map[string]string // as the emulator printed them
	rotator   map[string]string // of the deployment
	callerKey string
	secrets   []string // that nothing may print
	emulator  *exec.Cmd
	log       bytes.Buffer
	binary    string // of go run ./local
	temp      string // the emulator's temporary folder
	quiet     bool   // it prints no transcript
	home      string // the folder of .env, where that is not the project's
}

const root = "../.."

// start is a shell with an emulator of the demo, and a key for the function.
func start(t *testing.T) *shell {
	t.Helper()
	s := enter(t)
	s.say("# in another terminal, with the variables that it prints, and those of a key made for the function:")
	own := s.newKey("rotator")
	s.rotator = map[string]string{
		"ROTATOR_ACCESS_KEY": own.AccessKey, "ROTATOR_SECRET_KEY": own.SecretKey,
		"ROTATOR_CONTROL_SECRET": "made-up-control-secret-of-this-test",
		"ROTATOR_VERIFY_WINDOW":  "5s", // not to wait for a minute
	}
	s.callerKey = s.newKey("storefront").SecretKey
	s.secrets = append(s.secrets, s.rotator["ROTATOR_CONTROL_SECRET"], own.SecretKey, s.callerKey)
	return s
}

// enter starts an emulator, with more flags than it needs.
func enter(t *testing.T, flags ...string) *shell {
	t.Helper()
	s := &shell{t: t, began: time.Now(), vars: map[string]string{}, rotator: map[string]string{}, temp: t.TempDir()}
	s.binary = filepath.Join(t.TempDir(), "local")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s.emulator = exec.CommandContext(t.Context(), s.binary, append([]string{"api", "--host-functions"}, flags...)...)
	s.emulator.Env = append(os.Environ(), "TMPDIR="+s.temp)
	s.emulator.Stderr = &s.log
	s.emulator.WaitDelay = 20 * time.Second
	s.emulator.Cancel = func() error { return s.emulator.Process.Signal(os.Interrupt) }
	said, err := s.emulator.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.emulator.Start(); err != nil {
		t.Fatal(err)
	}
	if len(flags) == 0 {
		s.say("$ go run ./local api --host-functions")
	}
	for lines := bufio.NewScanner(said); lines.Scan() && lines.Text() != "ready"; {
		name, value, _ := strings.Cut(lines.Text(), "=")
		s.vars[name] = value
	}
	if s.vars["EMULATOR_CONTROL_URL"] == "" {
		t.Fatalf("the emulator printed %v", s.vars)
	}
	s.secrets = []string{s.vars["SCW_SECRET_KEY"]}
	return s
}

type pair struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// newKey makes an API key, as README says to.
func (s *shell) newKey(application string) pair {
	s.t.Helper()
	for _, a := range s.state().Applications {
		if a.Name == application {
			var made pair
			s.api("POST", "/iam/v1alpha1/api-keys", map[string]string{"application_id": a.ID, "default_project_id": s.vars["SCW_DEFAULT_PROJECT_ID"]}, &made)
			return made
		}
	}
	s.t.Fatalf("no application %s", application)
	return pair{}
}

func (s *shell) secret(payload []byte) string {
	s.t.Helper()
	var held pair
	if err := json.Unmarshal(payload, &held); err != nil || held.SecretKey == "" {
		s.t.Fatalf("a published credential is not a key pair: %v", err)
	}
	s.secrets = append(s.secrets, held.SecretKey)
	return held.SecretKey
}

// say prints a line of the transcript.
func (s *shell) say(text string) {
	s.t.Helper()
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			s.t.Fatal("a secret would be printed")
		}
	}
	if s.quiet {
		return
	}
	fmt.Fprintln(os.Stdout, strings.TrimRight(text, "\n"))
}

// mustMake runs make in the project's folder, as a person with these
// variables does.
func (s *shell) mustMake(stdin string, target string, flags ...string) string {
	s.t.Helper()
	began := time.Now()
	out, code := s.make(stdin, target, flags...)
	if code != 0 {
		s.t.Fatalf("make %s %v: exit status %d\n%s\nthe emulator says:\n%s", target, flags, code, out, tail(s.log.String(), 20))
	}
	return out + fmt.Sprintf("\n# took %.0fs", time.Since(began).Seconds())
}

// making has one at a time of those that osls works for: it keeps its archive in the
// project's folder.
var making sync.Mutex

// make runs one target. Setup and doctor run where .env stands, as the target does
// from there.
func (s *shell) make(stdin, target string, flags ...string) (out string, code int) {
	s.t.Helper()
	vars := maps.Clone(s.rotator)
	for _, name := range []string{"SCW_API_URL", "SCW_ACCESS_KEY", "SCW_SECRET_KEY", "SCW_DEFAULT_ORGANIZATION_ID", "SCW_DEFAULT_PROJECT_ID", "SCW_DEFAULT_REGION"} {
		vars[name] = s.vars[name]
	}
	vars["SCW_CONFIG_PATH"] = filepath.Join(s.t.TempDir(), "none") // the person's own is none of this
	switch target {
	case "invoke", "doctor": // they call the function by its name
		vars["HTTPS_PROXY"], vars["SSL_CERT_FILE"] = s.vars["HTTPS_PROXY"], s.vars["SSL_CERT_FILE"]
	case "deploy", "undeploy":
		making.Lock()
		defer making.Unlock()
	}
	cmd := exec.CommandContext(s.t.Context(), "make", "--silent", target, "ARGS="+strings.Join(flags, " "))
	if cmd.Dir = root; s.home != "" && (target == "setup" || target == "doctor") {
		cmd = exec.CommandContext(s.t.Context(), s.binary, append([]string{target}, flags...)...)
		cmd.Dir = s.home
	}
	cmd.Env, cmd.Stdin = environ(vars), strings.NewReader(stdin)
	said, err := cmd.CombinedOutput()
	if failed, is := errors.AsType[*exec.ExitError](err); is {
		code = failed.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimRight(string(said), "\n"), code
}

// environ is the test's environment without what is Scaleway's, the function's
// or make's own, with vars. curl would look at CURL_CA_BUNDLE and SSL_CERT_DIR
// before SSL_CERT_FILE.
func environ(vars map[string]string) []string {
	list := slices.DeleteFunc(os.Environ(), func(line string) bool {
		return strings.HasPrefix(line, "SCW_") || strings.HasPrefix(line, "ROTATOR_") || strings.HasPrefix(line, "MAKE") ||
			strings.HasPrefix(line, "CURL_CA_BUNDLE=") || strings.HasPrefix(line, "SSL_CERT_DIR=")
	})
	for name, value := range vars {
		list = append(list, name+"="+value)
	}
	return list
}

// curl returns the status, and the body before it unless -o says otherwise.
func (s *shell) curl(args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), "curl", append([]string{"-q", "-sS", "-w", "%{http_code}"}, args...)...)
	cmd.Env = environ(map[string]string{"HTTPS_PROXY": s.vars["HTTPS_PROXY"], "SSL_CERT_FILE": s.vars["SSL_CERT_FILE"]})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *shell) curls(want int, args ...string) (body string) {
	s.t.Helper()
	out, err := s.curl(args...)
	if err != nil || !strings.HasSuffix(out, fmt.Sprint(want)) {
		s.t.Fatalf("curl %s: want %d, got %s %v", args[len(args)-1], want, out, err)
	}
	body = strings.TrimSuffix(out, fmt.Sprint(want))
	if len(body) < 200 {
		s.say(body + fmt.Sprintf("  # %d", want))
	}
	return body
}

// api calls the emulated API as the owner.
func (s *shell) api(method, path string, body, answer any) {
	s.t.Helper()
	s.ask(method, s.vars["SCW_API_URL"]+path, body, answer)
}

func (s *shell) ask(method, at string, body, answer any) {
	s.t.Helper()
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, at, sent)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", s.vars["SCW_SECRET_KEY"])
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(got.Body)
		s.t.Fatalf("%s %s: %d %s", method, at, got.StatusCode, text)
	}
	if err := json.NewDecoder(got.Body).Decode(answer); err != nil {
		s.t.Fatal(err)
	}
}

// until looks again and again, for as long as a run may take here.
func (s *shell) until(what string, done func() bool) {
	s.t.Helper()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	late := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-look.C:
		case <-late:
			s.t.Fatalf("not within two minutes: %s\nthe emulator says:\n%s", what, tail(s.log.String(), 20))
		}
	}
}

// end is Ctrl-C in the emulator's terminal.
func (s *shell) end() {
	s.t.Helper()
	if err := s.emulator.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	if err := s.emulator.Wait(); err != nil {
		s.t.Errorf("the emulator ended with %v\n%s", err, tail(s.log.String(), 20))
	}
	left, err := os.ReadDir(s.temp)
	if err != nil || len(left) > 0 {
		s.t.Errorf("the emulator left %v behind, %v", left, err)
	}
	if strings.Contains(s.log.String(), "asked for, and not in this emulator") {
		s.t.Errorf("the emulator lacks routes:\n%s", tail(s.log.String(), 20))
	}
	for _, secret := range s.secrets {
		if strings.Contains(s.log.String(), secret) {
			s.t.Error("the log shows a secret")
		}
	}
	s.say(fmt.Sprintf("\n# the whole way took %.0fs", time.Since(s.began).Seconds()))
}

func head(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[:min(lines, len(all))], "\n")
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

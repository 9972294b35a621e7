package host_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/host"
)

// fixture tells the hook what it sees, waits until it may go on, and answers
// with its version. It stands for any function.
const fixture = `package fixture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func init() {
	fmt.Println("started")
	if os.Getenv("BROKEN") != "" {
		os.Exit(3)
	}
}

func Handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Println("out", r.URL.Path)
	fmt.Fprintln(os.Stderr, "err", r.URL.Path)
	seen, _ := json.Marshal(map[string]any{
		"pid": os.Getpid(), "version": os.Getenv("VERSION"), "env": os.Environ(), "method": r.Method, "path": r.URL.Path,
		"query": r.URL.RawQuery, "header": r.Header, "body": string(body),
	})
	answer, err := http.Post(os.Getenv("HOOK"), "application/json", bytes.NewReader(seen))
	if err == nil {
		answer.Body.Close()
	}
	if r.URL.Path == "/die" {
		os.Exit(7)
	}
	fmt.Println("done", r.URL.Path)
	w.Header().Set("X-Kind", "fixture")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, "version "+os.Getenv("VERSION"))
}
`

func good() map[string]string {
	return map[string]string{"go.mod": "module example.com/fixture\n\ngo 1.26.0\n", "function.go": fixture}
}

// zipped is an archive of good with changes: "" takes a file out.
func zipped(t *testing.T, changes map[string]string) []byte {
	t.Helper()
	files := good()
	maps.Copy(files, changes)
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if files[name] == "" {
			continue
		}
		w, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// call is one that has reached the code, which waits until it may go on.
type call struct {
	PID     int
	Version string
	Env     []string
	Method  string
	Path    string
	Query   string
	Header  http.Header
	Body    string

	goOn chan struct{}
}

func (c call) release() { close(c.goOn) }

// land is an emulator with a host, and functions whose calls come in at calls.
type land struct {
	*emulatortest.Env
	t         *testing.T
	host      *host.Host
	hook      string
	calls     chan call
	processes chan int // the number of them, whenever it has changed
	namespace string
}

const base = "/functions/v1beta1/regions/fr-par"

func newLand(t *testing.T, o host.Options) *land {
	t.Helper()
	l := &land{t: t, calls: make(chan call, 100), processes: make(chan int, 1000)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c := call{goOn: make(chan struct{})}
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			t.Error(err)
		}
		l.calls <- c
		select {
		case <-c.goOn:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hook.Close)
	l.hook = hook.URL

	o.Clock = emulator.NewManualClock(emulatortest.Epoch)
	o.Watch = func(n int) { l.processes <- n }
	var err error
	if l.host, err = host.New(o); err != nil {
		t.Fatal(err)
	}
	l.Env = emulatortest.Start(t, emulator.Options{Clock: o.Clock, Host: l.host}, emulator.Empty())
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	n := l.MustCall("POST", base+"/namespaces", map[string]any{
		"name": "ns", "environment_variables": map[string]string{"SHARED": "namespace", "OVER": "namespace", "SCW_PUBLIC": "maybe"},
		"secret_environment_variables": []map[string]string{{"key": "NS_SECRET", "value": "s1"}, {"key": "OVER_SECRET", "value": "s2"}},
	})
	l.namespace = text(n["id"])
	l.Clock().Advance(time.Minute)
	return l
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// function makes one that was never deployed; fields go over its defaults.
func (l *land) function(fields map[string]any) (id, url string) {
	l.t.Helper()
	body := map[string]any{
		"name": "f", "namespace_id": l.namespace, "runtime": "go126", "privacy": "public", "max_scale": 1,
		"environment_variables": l.env("1"),
	}
	maps.Copy(body, fields)
	f := l.MustCall("POST", base+"/functions", body)
	return text(f["id"]), "https://" + text(f["domain_name"])
}

func (l *land) env(version string) map[string]string {
	return map[string]string{"HOOK": l.hook, "VERSION": version}
}

// upload puts an archive where the API says.
func (l *land) upload(id string, archive []byte) {
	l.t.Helper()
	to := l.MustCall("GET", base+"/functions/"+id+"/upload-url?content_length="+count(archive), nil)
	if status, body := l.put(text(to["url"]), archive); status != http.StatusOK {
		l.t.Fatalf("upload: %d %s", status, body)
	}
}

func (l *land) put(url string, archive []byte) (int, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPut, url, bytes.NewReader(archive))
	if err != nil {
		l.t.Fatal(err)
	}
	return l.send(r)
}

// send returns status and body.
func (l *land) send(r *http.Request) (int, string) {
	l.t.Helper()
	answer, err := l.HTTP.Do(r)
	if err != nil {
		l.t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		l.t.Error(err)
	}
	return answer.StatusCode, string(body)
}

// deploy returns the function once the deployment has ended, one way or the
// other.
func (l *land) deploy(id string) map[string]any {
	l.t.Helper()
	if f := l.MustCall("POST", base+"/functions/"+id+"/deploy", map[string]any{}); f["status"] != "pending" {
		l.t.Errorf("after deploy: %v", f["status"])
	}
	return l.deployed(id)
}

func (l *land) deployed(id string) map[string]any {
	l.t.Helper()
	if err := l.Deployed(l.t.Context(), id); err != nil {
		l.t.Fatal(err)
	}
	return l.MustCall("GET", base+"/functions/"+id, nil)
}

// running is a function that was uploaded and deployed.
func (l *land) running(fields map[string]any) (id, url string) {
	l.t.Helper()
	id, url = l.function(fields)
	l.upload(id, zipped(l.t, nil))
	if f := l.deploy(id); f["status"] != "ready" {
		l.t.Fatalf("deploy: %v: %v\n%s", f["status"], f["error_message"], strings.Join(l.Logs(id), "\n"))
	}
	return id, url
}

// answer is what became of a request.
type answer struct {
	status int
	body   string
}

// ask sends a request, whose answer comes when it comes.
func (l *land) ask(url string) <-chan answer {
	came := make(chan answer, 1)
	go func() {
		r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, url, nil)
		if err != nil {
			l.t.Error(err)
		}
		status, body := l.send(r)
		came <- answer{status, body}
	}()
	return came
}

// answers checks that one says what a version of the fixture does.
func (l *land) answers(came <-chan answer, version string) {
	l.t.Helper()
	if got, want := l.got(came), (answer{http.StatusAccepted, "version " + version}); got != want {
		l.t.Errorf("got %v, want %v", got, want)
	}
}

// once waits until so many processes run.
func (l *land) once(want int) {
	l.t.Helper()
	for await(l.t, l.processes, "change of the number of processes") != want {
	}
}

// next is the next call that reaches the code.
func (l *land) next() call {
	l.t.Helper()
	return await(l.t, l.calls, "call that reaches the code")
}

func (l *land) got(came <-chan answer) answer {
	l.t.Helper()
	return await(l.t, came, "answer")
}

// await fails the test where nothing comes: the limit is far beyond what
// anything here takes.
func await[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("no %s", what)
	}
	panic("unreachable: Fatalf does not return")
}

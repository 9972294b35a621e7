package platform_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/platform"
)

const echo = `package fixture

import (
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

var running atomic.Int32

func Handle(w http.ResponseWriter, r *http.Request) {
	if running.Add(1) > 1 {
		panic("two requests at once")
	}
	defer running.Add(-1)
	switch r.URL.Path {
	case "/envelope":
		io.WriteString(w, ` + "`" + `{"statusCode": 418, "body": "short and stout", "headers": {"X-Kind": "teapot"}, "other": 1}` + "`" + `)
	case "/panic":
		panic("secret detail")
	case "/slow":
		time.Sleep(50 * time.Millisecond)
	default:
		body, _ := io.ReadAll(r.Body)
		json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "query": r.URL.RawQuery, "token": r.Header["X-Auth-Token"], "size": len(body)})
	}
}
`

func TestTheBuiltArchiveAnswersAsThePlatformWould(t *testing.T) {
	t.Parallel()
	files := good()
	files["function.go"] = echo
	base := start(t, build(t, zipped(t, files)))

	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"rejected path", "GET", "/favicon.ico", "", 404, "not found\n"},
		{"other rejected path", "GET", "/robots.txt", "", 404, "not found\n"},
		{"last query value only", "GET", "/?a=1&a=2", "", 200, `{"method":"GET","query":"a=2","size":0,"token":["t"]}` + "\n"},
		{"largest body", "POST", "/", strings.Repeat("x", 6291456), 200, `{"method":"POST","query":"","size":6291456,"token":["t"]}` + "\n"},
		{"too large a body", "POST", "/", strings.Repeat("x", 6291457), 500, "the request's body is too large, or broke off\n"},
		{"envelope in the body", "GET", "/envelope", "", 418, "short and stout"},
		{"panic", "GET", "/panic", "", 500, "the function panicked\n"},
		{"after the panic", "GET", "/slow", "", 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, header, body := call(t, test.method, base+test.path, test.body)
			if status != test.status || body != test.want {
				t.Errorf("got %d %q, want %d %q", status, body, test.status, test.want)
			}
			if got := header.Values("X-Auth-Token"); got != nil {
				t.Errorf("the answer holds X-Auth-Token: %q", got)
			}
			if test.path == "/envelope" && header.Get("X-Kind") != "teapot" {
				t.Errorf("X-Kind: got %q, want teapot", header.Get("X-Kind"))
			}
		})
	}
	t.Run("one request at a time", func(t *testing.T) {
		statuses := make(chan int)
		for range 4 {
			go func() {
				status, _, _ := call(t, "GET", base+"/slow", "")
				statuses <- status
			}()
		}
		for range 4 {
			if status := <-statuses; status != 200 {
				t.Errorf("got %d, want 200", status)
			}
		}
	})
}

func TestBuildUsesNothingButTheArchive(t *testing.T) {
	t.Parallel()
	files := good()
	delete(files, "internal/answer/answer.go")
	err := platform.Build(t.Context(), zipped(t, files), "Handle", filepath.Join(t.TempDir(), "function"))
	if want := "example.com/fixture/internal/answer"; !strings.Contains(text(err), want) {
		t.Errorf("got %v, want an error that names %s", err, want)
	}
	if strings.Contains(text(err), os.TempDir()) {
		t.Errorf("the error names a folder that is gone: %v", err)
	}
}

func TestBuildTakesAModulePathWithAMajorVersion(t *testing.T) {
	t.Parallel()
	files := maps.Clone(good())
	for name, content := range files {
		files[name] = strings.ReplaceAll(content, "example.com/fixture", "example.com/fixture/v2")
	}
	build(t, zipped(t, files))
}

func TestLongThisProjectsArchiveBuildsAlone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := platform.Archive(t.Context(), filepath.Join("..", ".."), "", &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"internal/", "handler Handle", "zipped"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, out.String())
		}
	}
}

func TestArchiveSummarizesByFolder(t *testing.T) {
	t.Parallel()
	files := good()
	files["serverless.yml"] = "functions: {f: {handler: Handle}}\npackage: {patterns: ['!**', 'go.mod', '**/*.go']}\n"
	var out bytes.Buffer
	if err := platform.Archive(t.Context(), tree(t, files), "", &out); err != nil {
		t.Fatal(err)
	}
	want := []string{
		".                              2 files      0.2 KiB",
		"internal/answer                1 files      0.1 KiB",
	}
	if diff := cmp.Diff(want, strings.Split(out.String(), "\n")[:2]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Terraform compares the archive by its hash: another one means another build.
func TestLongTheArchiveOfTheSameCodeIsTheSameFile(t *testing.T) {
	t.Parallel()
	files := good()
	files["serverless.yml"] = "functions: {f: {handler: Handle}}\npackage: {patterns: ['!**', 'go.mod', '**/*.go']}\n"
	var written [2][]byte
	for i := range written {
		// Of another folder, and of another age.
		root, out := tree(t, files), filepath.Join(t.TempDir(), "rotator.zip")
		then := time.Date(2026, time.January, 1+i, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(root, "function.go"), then, then); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		if err := platform.Archive(t.Context(), root, out, &said); err != nil {
			t.Fatal(err)
		}
		var err error
		if written[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("it is in %s, SHA-256 %x\n", out, sha256.Sum256(written[i])); !strings.HasSuffix(said.String(), want) {
			t.Errorf("said %q, want %q at the end", said.String(), want)
		}
	}
	if !bytes.Equal(written[0], written[1]) {
		t.Error("the same code gave another archive")
	}
	want := []string{"function.go", "go.mod", "internal/answer/answer.go"}
	if diff := cmp.Diff(want, names(t, written[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNoArchiveIsWrittenOfCodeThatDoesNotBuild(t *testing.T) {
	t.Parallel()
	files := good()
	files["serverless.yml"] = "functions: {f: {handler: Handle}}\npackage: {patterns: ['!**', 'go.mod', '**/*.go']}\n"
	files["internal/answer/answer.go"] = "package answer\n\nfunc Write() {}\n"
	out := filepath.Join(t.TempDir(), "rotator.zip")
	if err := platform.Archive(t.Context(), tree(t, files), out, io.Discard); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is there: %v", err)
	}
}

func build(t *testing.T, archive []byte) string {
	t.Helper()
	if err := platform.Check(archive, "Handle"); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "function")
	if err := platform.Build(t.Context(), archive, "Handle", binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// start runs the function until the test ends and returns its address.
func start(t *testing.T, binary string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	function := exec.CommandContext(ctx, binary)
	function.Env = append(os.Environ(), "PORT=0")
	stdout, err := function.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = function.Wait() // killed just above
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

func call(t *testing.T, method, url, body string) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, nil, ""
	}
	request.Header.Set("X-Auth-Token", "t")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Error(err)
		return 0, nil, ""
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, response.Header, string(answer)
}

package platform_test

import (
	"archive/zip"
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/platform"
)

// good is the least that the platform takes. It has no dependencies, so that building it needs no network.
func good() map[string]string {
	return map[string]string{
		"go.mod": "module example.com/fixture\n\ngo 1.26.0\n",
		"function.go": `package fixture

import (
	"net/http"

	"example.com/fixture/internal/answer"
)

func Handle(w http.ResponseWriter, r *http.Request) { answer.Write(w, r) }
`,
		"internal/answer/answer.go": `package answer

import "net/http"

func Write(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) }
`,
	}
}

func TestCheckNamesTheFileAndWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	handle := func(imports, signature string) string {
		return "package fixture\n\nimport " + imports + "\n\nfunc " + signature + " { panic(0) }\n"
	}
	notFound := "handler Handle: in no Go file at the archive's root: want func Handle(http.ResponseWriter, *http.Request)"
	signature := "function.go: Handle has another signature: want func Handle(http.ResponseWriter, *http.Request)"
	for _, test := range []struct {
		name    string
		change  map[string]string // "" removes the file
		handler string
		want    string
	}{
		{name: "good"},
		{name: "older go", change: map[string]string{"go.mod": "module m\ngo 1.25\n"}},
		{name: "http by another name", change: map[string]string{"function.go": handle(`web "net/http"`, "Handle(_ web.ResponseWriter, _ *web.Request)")}},
		{
			name: "no go.mod", change: map[string]string{"go.mod": "", "handler/go.mod": "module m\n"},
			want: "go.mod: not at the root of the archive: add it to package.patterns",
		},
		{name: "no module line", change: map[string]string{"go.mod": "go 1.26.0\n"}, want: "go.mod: no module line"},
		{
			name: "later patch of go", change: map[string]string{"go.mod": "module m\n\ngo 1.26.8\n"},
			want: "go.mod: go 1.26.8: want go 1.26.0 or less: the runtime is go126",
		},
		{
			name: "no go directive", change: map[string]string{"go.mod": "module m\n"},
			want: "go.mod: go : want go 1.26.0 or less: the runtime is go126",
		},
		{
			name: "toolchain", change: map[string]string{"go.mod": "module m\ngo 1.26.0\ntoolchain go1.26.8\n"},
			want: "go.mod: toolchain go1.26.8: want no toolchain line: the builder has its own",
		},
		{
			name: "package main", change: map[string]string{"internal/tool/main.go": "//go:build ignore\n\npackage main\n"},
			want: "internal/tool/main.go: package main is the platform's own: leave the file out, or name its package otherwise",
		},
		{
			name: "broken source", change: map[string]string{"internal/x.go": "pakage x\n"},
			want: "internal/x.go:1:1: expected 'package', found pakage",
		},
		{
			name: "local", change: map[string]string{"local/emulator/emulator.go": "package emulator\n"},
			want: "local/emulator/emulator.go: nothing of local/ may be shipped: mend package.patterns",
		},
		{
			name: "test", change: map[string]string{"internal/answer/answer_test.go": "package answer\n"},
			want: `internal/answer/answer_test.go: a test: end package.patterns with "!**/*_test.go"`,
		},
		{
			name: "hidden file", change: map[string]string{".env": "ROTATOR_SECRET_KEY=x\n"},
			want: ".env: a hidden file, which may hold secrets: mend package.patterns",
		},
		{name: "no handler", change: map[string]string{"function.go": "package fixture\n"}, want: notFound},
		{name: "handler below the root", change: map[string]string{"function.go": "", "handler/function.go": good()["function.go"]}, want: notFound},
		{name: "handler is a method", change: map[string]string{"function.go": handle(`"net/http"`, "(t T) Handle(http.ResponseWriter, *http.Request)")}, want: notFound},
		{
			name: "handler is not exported", handler: "handle",
			want: "handler handle: want the exported name of a function at the module's root",
		},
		{
			name: "handler is a path", handler: "handler/Handle",
			want: "handler handler/Handle: want the exported name of a function at the module's root",
		},
		{name: "parameters swapped", change: map[string]string{"function.go": handle(`"net/http"`, "Handle(r *http.Request, w http.ResponseWriter)")}, want: signature},
		{name: "returns an error", change: map[string]string{"function.go": handle(`"net/http"`, "Handle(http.ResponseWriter, *http.Request) error")}, want: signature},
		{name: "request by value", change: map[string]string{"function.go": handle(`"net/http"`, "Handle(http.ResponseWriter, http.Request)")}, want: signature},
		{name: "another package's types", change: map[string]string{"function.go": handle(`http "example.com/http"`, "Handle(http.ResponseWriter, *http.Request)")}, want: signature},
		{name: "type parameters", change: map[string]string{"function.go": handle(`"net/http"`, "Handle[T any](http.ResponseWriter, *http.Request)")}, want: signature},
		{
			name: "built elsewhere only", change: map[string]string{"function.go": "//go:build windows\n\n" + good()["function.go"]},
			want: "function.go: holds Handle, but its build constraint leaves it out on linux/amd64",
		},
		{
			name: "path out of the archive", change: map[string]string{"../x.go": "package x\n"},
			want: "../x.go: want a regular file with a plain relative path",
		},
		{
			name: "all at once", change: map[string]string{"function.go": "package main\n", "local/x_test.go": "package main\n", "go.mod": "module m\n\ngo 1.27\n\ntoolchain go1.27.1\n"},
			want: strings.Join([]string{
				"function.go: package main is the platform's own: leave the file out, or name its package otherwise",
				"local/x_test.go: nothing of local/ may be shipped: mend package.patterns",
				"local/x_test.go: package main is the platform's own: leave the file out, or name its package otherwise",
				"go.mod: go 1.27: want go 1.26.0 or less: the runtime is go126",
				"go.mod: toolchain go1.27.1: want no toolchain line: the builder has its own",
				notFound,
			}, "\n"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := good()
			for name, content := range test.change {
				if content == "" {
					delete(files, name)
					continue
				}
				files[name] = content
			}
			if test.handler == "" {
				test.handler = "Handle"
			}
			if diff := cmp.Diff(test.want, text(platform.Check(zipped(t, files), test.handler))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCheckRefusesWhatIsNoArchive(t *testing.T) {
	t.Parallel()
	if got, want := text(platform.Check([]byte("PK"), "Handle")), "archive: zip: not a valid zip file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckHoldsTheSizeLimits(t *testing.T) {
	t.Parallel()
	large := make([]byte, 100<<20+1)
	want := "archive: 104857601 bytes, the platform takes at most 104857600"
	if got := text(platform.Check(large, "Handle")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A small archive that says it unpacks to more than may be unpacked: it must be refused unread.
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	if _, err := archive.CreateRaw(&zip.FileHeader{Name: "go.mod", UncompressedSize64: 500<<20 + 1}); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	want = "archive: 524288001 bytes of code, the platform takes at most 524288000"
	if got := text(platform.Check(out.Bytes(), "Handle")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

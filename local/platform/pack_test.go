package platform_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/platform"
)

func TestPackHoldsWhatTheLastMatchingPatternWants(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"go.mod": "", "go.sum": "", "function.go": "", "function_test.go": "", "README.md": "", ".env": "", ".x.go": "",
		"handler/handler.go": "", "handler/handler_test.go": "", "handler/testdata/golden.json": "",
		"internal/a/b/deep.go": "", "internal/top.go": "", "internal/a/b/deep_test.go": "",
		"local/main.go": "", "local/internal/x.go": "", "node_modules/x/internal/x.go": "", ".git/x.go": "",
	})
	patterns := []string{"!**", "go.mod", "go.sum", "*.go", "handler/**/*.go", "internal/**/*.go", "!**/*_test.go"}
	archive, err := platform.Pack(root, patterns)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".x.go", "function.go", "go.mod", "go.sum", "handler/handler.go", "internal/a/b/deep.go", "internal/top.go"}
	if diff := cmp.Diff(want, names(t, archive)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again, err := platform.Pack(root, patterns)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(archive, again) {
		t.Error("the same tree gave another archive")
	}
}

func TestPackRefusesSymbolicLinks(t *testing.T) {
	t.Parallel()
	root := tree(t, good())
	if err := os.Symlink(filepath.Join(root, "function.go"), filepath.Join(root, "linked.go")); err != nil {
		t.Fatal(err)
	}
	_, err := platform.Pack(root, []string{"!**", "*.go"})
	if got, want := text(err), "pack linked.go: want a regular file, have L---------"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPatternsAcceptsOnlyInclusion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, yml, want string }{
		{"good", "package: {patterns: ['!**', '*.go', '!**/*_test.go']}", ""},
		{"none", "service: x", "serverless.yml: package.patterns: missing: everything in the folder would be uploaded"},
		{
			"by exclusion", "package: {patterns: ['!local/**']}",
			`serverless.yml: package.patterns: starts with "!local/**": want "!**" first, then what is wanted`,
		},
		{
			"beyond the preview", "package: {patterns: ['!**', '{a,b}/*.go']}",
			`serverless.yml: package.patterns: "{a,b}/*.go": only names, * and ** are understood here`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := platform.Patterns([]byte(test.yml))
			if got := text(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func names(t *testing.T, archive []byte) []string {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range reader.File {
		names = append(names, file.Name)
	}
	return names
}

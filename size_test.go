package rotator_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

const (
	linesMost = 350 // of a file
	filesMost = 25  // of a package, its tests included
)

// A file that takes many screens and a package that takes many files hide what
// belongs together: split them by subject.
func TestNoFileIsLongAndNoPackageFull(t *testing.T) {
	t.Parallel()
	lines, files := map[string]int{}, map[string]int{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		lines[name] = bytes.Count(text, []byte("\n"))
		files[path.Dir(name)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 300 {
		t.Errorf("looked at %d files: they are not all there", len(lines))
	}
	hold(t, "lines", lines, linesMost)
	hold(t, "files", files, filesMost)
}

// hold compares sizes with the most that there may be.
func hold(t *testing.T, of string, sizes map[string]int, most int) {
	t.Helper()
	for name, size := range sizes {
		if size > most {
			t.Errorf("%s has %d %s, more than %d: split it by subject", name, size, of, most)
		}
	}
}

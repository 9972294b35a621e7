package rotate_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// FuzzVersionKey gives VersionKey any description: what it accepts is exactly
// what the rotator writes for that key.
func FuzzVersionKey(f *testing.F) {
	for _, text := range []string{
		"", "by hand", "rotator: key " + access("A"), "rotator: key " + access("A") + " ", "rotator: key " + access("A") + "\n",
		"Rotator: key " + access("A"), "rotator: key SCW", "x\nrotator: key " + access("A"),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key := rotate.VersionKey(text)
		switch {
		case key == "" && strings.HasPrefix(text, "rotator: key ") && rotate.VersionKey(rotate.VersionDescription(text[13:])) != "":
			t.Errorf("%q is not taken for what it is", text)
		case key != "" && (rotate.VersionDescription(key) != text || len(key) != 20):
			t.Errorf("%q is taken for a version of key %q, of which %q would be", text, key, rotate.VersionDescription(key))
		}
	})
}

// FuzzMarkKey marks any description: the mark is found again, nothing is longer
// than the API allows or is not UTF-8, and marking once more changes nothing.
func FuzzMarkKey(f *testing.F) {
	for _, text := range []string{
		"", "checkout", strings.Repeat("é", 100), strings.Repeat("x", 200), strings.Repeat(" ", 200), "\xff", "a [rotator " + other + "]",
		"[rotator " + other + "]", "a [rotator " + other + "] [rotator " + project + "]", "a\n", "a [rotator " + other + "]\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		marked := rotate.MarkKey(text, project)
		switch {
		case len(marked) > 200:
			t.Errorf("%q is %d bytes long", marked, len(marked))
		case !utf8.ValidString(marked):
			t.Errorf("%q is not UTF-8", marked)
		case rotate.KeyProject(marked) != project:
			t.Errorf("of %q the project is %q", marked, rotate.KeyProject(marked))
		case rotate.MarkKey(marked, project) != marked:
			t.Errorf("%q marked once more is %q", marked, rotate.MarkKey(marked, project))
		}
	})
}

package rotate_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/scw-key-rotator/rotator/internal/rotate"
)

// FuzzReadMark gives ReadMark any description: what it reads is exactly what the
// rotator would write, and all else is nobody's.
func FuzzReadMark(f *testing.F) {
	for _, text := range []string{
		"", "by hand", "rotator: key " + access("A"), "rotator: key " + access("A") + " ", "rotator: key " + access("A") + "\n",
		"Rotator: key " + access("A"), "rotator: key SCW", "x\nrotator: key " + access("A"),
		"rotator: key " + access("A") + "; held", "rotator: key " + access("A") + "; rolled back; held",
		"rotator: key " + access("A") + "; held; rolled back; carried until 2026-11-24T12:00:00Z",
		"rotator: key " + access("A") + "; carried until 2026-11-24T12:00:00+01:00", "rotator: key " + access("A") + "; carried until soon",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mark := rotate.ReadMark(text)
		plain := rotate.VersionMark{AccessKey: strings.TrimPrefix(text, "rotator: key ")}.String()
		switch {
		case mark.AccessKey != "" && (mark.String() != text || len(mark.AccessKey) != 20):
			t.Errorf("%q is taken for %q", text, mark)
		case mark.AccessKey == "" && mark != (rotate.VersionMark{}):
			t.Errorf("%q is nobody's, and says %+v", text, mark)
		case mark.AccessKey == "" && text == plain && rotate.ReadMark(plain).AccessKey != "":
			t.Errorf("%q is not taken for what it is", text)
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

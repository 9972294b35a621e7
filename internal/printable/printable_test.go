package printable_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/printable"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"checkout":                             "checkout",
		"Größe – 支付 ✓ 🚀":                       "Größe – 支付 ✓ 🚀",
		"checkout\n✓ SUCCESS \u001b[31mred":    "checkout ✓ SUCCESS �[31mred",
		"a\r\n\tb":                             "a   b",
		"\u202eevil\u202c \u2066x\u2069":       "�evil� �x�",
		"\u009b31m \u0085 \u007f":              "�31m   �",
		"zero\u200bwidth\u200f \ufeff \u00ad.": "zero�width� � �.",
		"two\u2028lines\u2029here\u00a0now":    "two lines here now",
		"no utf-8: \xff\xfe.":                  "no utf-8: ��.",
	} {
		if got := printable.Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTextKeepsItsOwnLines(t *testing.T) {
	t.Parallel()
	if got := printable.Text("two things are wrong:\n  a\u202eb\n\tc\x1b[31m\n"); got != "two things are wrong:\n  a�b\n c�[31m\n" {
		t.Errorf("%q", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("checkout\n✓ SUCCESS \u001b[31mred\u202e\u0085")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Line(text)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q has an unprintable character at %d", got, i)
		}
		if printable.Line(got) != got {
			t.Errorf("%q is not left as it is", got)
		}
	})
}

func TestFields(t *testing.T) {
	t.Parallel()
	type name string
	type inner struct {
		Name name
		At   time.Time
		N    int
	}
	bad, at := "a\x1b", time.Date(2026, 9, 1, 0, 0, 0, 0, time.Local)
	v := struct {
		Text  string
		List  []string
		Inner []inner
		To    *inner
		None  *inner
		Ref   *string
	}{bad, []string{bad}, []inner{{name(bad), at, 7}}, &inner{Name: name(bad)}, nil, &bad}
	printable.Fields(&v)
	got := []any{v.Text, v.List[0], v.Inner[0].Name, v.Inner[0].At, v.Inner[0].N, v.To.Name, v.None, *v.Ref}
	want := []any{"a�", "a�", name("a�"), at, 7, name("a�"), (*inner)(nil), "a�"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAttr(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: printable.Attr}))
	log.Info("x", "name", "a\u202e\u0085b", "error", errors.New("c\u2066\nd"), "list", []string{"e\u009b"}, "stack", "f\ng", "n", 7)
	_, got, _ := strings.Cut(out.String(), `"msg":`)
	if want := `"x","name":"a� b","error":"c� d","list":["e�"],"stack":"f\ng","n":7}` + "\n"; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
}

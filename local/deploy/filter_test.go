package deploy

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
)

// What osls passes on of Scaleway's API reaches the terminal through the filter.
func TestTheFilterPassesOnWhatIsPrintable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := newFilter(&out, []string{"5ec2e700"})
	for _, part := range []string{"Creating na", "mespace…\nError: \x1b[31mno\u202e 5ec2", "e700 \u009b\nis it", " so? "} {
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "Creating namespace…\nError: �[31mno� <secret> �\nis it so? "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An error is printed by somebody else, past the filter.
func TestAnErrorLeavesWithoutSecrets(t *testing.T) {
	t.Parallel()
	cause := &os.PathError{Op: "open", Path: "5ec2e700", Err: os.ErrNotExist}
	err := newFilter(io.Discard, []string{"5ec2e700"}).clean(fmt.Errorf("read it: %w", cause))
	if err.Error() != "read it: open <secret>: file does not exist" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says %v", err)
	}
}

func TestTheFilterHidesASecretInEveryForm(t *testing.T) {
	t.Parallel()
	secret := `a"b\c d/é+ünd=&?<>` + "1234"
	for name, text := range map[string]string{
		"plain":              secret,
		"upper case":         strings.ToUpper(secret),
		"JSON of Go":         `"a\"b\\c d/é+ünd=\u0026?\u003c\u003e1234"`,
		"JSON of Node":       `"a\"b\\c d/é+ünd=&?<>1234"`,
		"query":              url.QueryEscape(secret),
		"path":               url.PathEscape(secret),
		"base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 in more":     base64.StdEncoding.EncodeToString([]byte("xy" + secret + "z")),
		"base64 in more (2)": base64.StdEncoding.EncodeToString([]byte("x" + secret)),
		"base64 for URLs":    base64.URLEncoding.EncodeToString([]byte("x:" + secret)),
		"hexadecimal":        hex.EncodeToString([]byte(secret)),
		"a Buffer of Node":   fmt.Sprintf("<Buffer % x>", secret),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{1, 7, len(text)} {
				var out bytes.Buffer
				f := newFilter(&out, []string{secret})
				whole := "before " + text + " after\nnext"
				for at := 0; at < len(whole); at += chunk {
					if _, err := f.Write([]byte(whole[at:min(at+chunk, len(whole))])); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				got := out.String()
				if !strings.Contains(got, "<secret>") || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after\nnext") {
					t.Errorf("in chunks of %d: got %q", chunk, got)
				}
				if form := longestCommon(text, strings.ReplaceAll(got, "<secret>", "\x00")); len(form) > 8 {
					t.Errorf("in chunks of %d: %q is left of the secret in %q", chunk, form, got)
				}
			}
		})
	}
}

func TestTheFilterHoldsBackNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := newFilter(&out, []string{ownUID})
	if _, err := f.Write([]byte("a line\nand a beginning")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "a line\n" {
		t.Errorf("got %q", got)
	}
	// A line without end, with the secret across the limit.
	if _, err := f.Write([]byte(strings.Repeat("x", heldLimit-len("and a beginning")-10) + ownUID[:20])); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(ownUID[20:])); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, ownUID) || !strings.HasSuffix(got, "x<secret>") {
		t.Errorf("got …%q", got[len(got)-80:])
	}
}

// longestCommon is the longest text that is part of both.
func longestCommon(a, b string) string {
	best := ""
	for from := range len(a) {
		for to := from + len(best) + 1; to <= len(a) && strings.Contains(b, a[from:to]); to++ {
			best = a[from:to]
		}
	}
	return best
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// What is wrong comes back in the words of who asked: in an argument, in a seed.
func TestErrorsOfTheCommandLineArePrintable(t *testing.T) {
	t.Parallel()
	const hostile = "x\x1b[31mred\u202e\u009b31m\u0085"
	seed := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(seed, []byte(`{"applications": [{"name": "a", "keys": [{"project": "`+strings.ReplaceAll(hostile, "\x1b", `\u001b`)+`"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--" + hostile}, {hostile}, {"serve", "--addr", hostile}, {"api", "--seed", hostile}, {"api", "--seed", seed, "--addr", "127.0.0.1:0"}} {
		var out, errs bytes.Buffer
		code := program{getenv: func(string) string { return "" }, environ: func() []string { return nil }, stdout: &out, stderr: &errs}.run(t.Context(), args)
		said := out.String() + errs.String()
		if i := strings.IndexFunc(said, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 || code == 0 || !strings.Contains(said, "red") {
			t.Errorf("%q: exit status %d, %q", args, code, said)
		}
	}
}

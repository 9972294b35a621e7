package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
)

var update = flag.Bool("update", false, "rewrite the messages in testdata/wrong")

// TestWrongConfigurationIsRefusedWithTheMessage reads testdata/wrong: a file a
// mistake, with the variables that differ from a right environment and, in the
// lines that start with "# want: ", the message they must give.
func TestWrongConfigurationIsRefusedWithTheMessage(t *testing.T) {
	t.Parallel()
	files := mistakes(t)
	if len(files) < 60 {
		t.Fatalf("testdata/wrong holds %d files: it is not all there", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".env"), func(t *testing.T) {
			t.Parallel()
			m := readMistake(t, file)
			_, err := config.Read(required(m.environ...))
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			if *update {
				m.rewrite(t, err.Error())
				return
			}
			if diff := cmp.Diff(m.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			hidden(t, err.Error(), planted)
			checkError(t, err)
		})
	}
}

// mistake is one file of testdata/wrong.
type mistake struct {
	file     string
	comments []string
	environ  []string
	want     string
}

const wantPrefix = "# want: "

func mistakes(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "wrong", "*.env"))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func readMistake(tb testing.TB, file string) mistake {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	m := mistake{file: file}
	var want []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		switch message, is := strings.CutPrefix(line, wantPrefix); {
		case is:
			want = append(want, message)
		case strings.HasPrefix(line, "#"):
			m.comments = append(m.comments, line)
		default:
			m.environ = append(m.environ, line)
		}
	}
	m.want = strings.Join(want, "\n")
	return m
}

func (m mistake) rewrite(t *testing.T, message string) {
	t.Helper()
	lines := append(m.comments, m.environ...)
	for line := range strings.SplitSeq(message, "\n") {
		lines = append(lines, wantPrefix+line)
	}
	if err := os.WriteFile(m.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hidden fails the test if text shows a secret, in whatever letters, or as much
// of it as a group of a UUID's digits.
func hidden(t *testing.T, text, secret string) {
	t.Helper()
	for part := range strings.SplitSeq(secret, "-") {
		if strings.Contains(strings.ToLower(text), part) {
			t.Errorf("the message shows %q of the secret key:\n%s", part, text)
		}
	}
}

// checkError checks what holds for every refusal: it is a *config.Error with a
// hint, and each of its problems one line that starts with a variable's name.
func checkError(t *testing.T, err error) {
	t.Helper()
	var refused *config.Error
	if !errors.As(err, &refused) || !config.IsError(err) {
		t.Fatalf("the error is a %T, not a *config.Error", err)
	}
	if !strings.Contains(refused.Hint(), "nothing was changed") {
		t.Errorf("the hint is %q: it must say that nothing was changed", refused.Hint())
	}
	for _, problem := range refused.Problems {
		name, _, found := strings.Cut(problem, ": ")
		if !found || strings.Contains(problem, "\n") || (name != "SCW_DEBUG" && !strings.HasPrefix(name, config.Prefix)) {
			t.Errorf("the problem is not a line that starts with a variable: %q", problem)
		}
		if !strings.Contains(err.Error(), problem) {
			t.Errorf("the message leaves out the problem %q", problem)
		}
	}
}

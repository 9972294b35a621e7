package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDotenvIsReadAsOslsDoesOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, name, value, want string }{
		{line: ""},
		{line: "# comment"},
		{line: "A=b", name: "A", value: "b"},
		{line: "export A=b,c", name: "A", value: "b,c"},
		{line: `A="b c"`, name: "A", value: "b c"},
		{line: `A='b c'`, name: "A", value: "b c"},
		{line: "A=", name: "A"},
		{line: "A", want: "want NAME=VALUE"},
		{line: "A=hidden#x", want: "A: the value (not shown) holds"},
		{line: "A='hidden$x'", want: "A: the value (not shown) holds"},
		{line: "A=hidden x", want: "A: the value (not shown) holds"},
		{line: `A="hidden`, want: "A: the value (not shown) holds"},
	} {
		name, value, err := parseLine(test.line)
		if name != test.name || value != test.value {
			t.Errorf("%q: got %q=%q", test.line, name, value)
		}
		if got := message(err); !strings.HasPrefix(got, test.want) || (test.want == "") != (got == "") || strings.Contains(got, "hidden") {
			t.Errorf("%q: got error %q, want %q", test.line, got, test.want)
		}
	}
}

func TestTheEnvironmentWinsOverDotenv(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, ".env", "A=file\nB=file\nSCW_C=file\nROTATOR_D=file\n")
	env, err := Environment(root, []string{"A=process", "SCW_C=", "SCW_E=", "ROTATOR_D="})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "process", "B": "file", "SCW_C": "file", "ROTATOR_D": ""}, env); diff != "" {
		t.Error(diff)
	}
	put(t, root, ".env.dev", "")
	if _, err := Environment(root, nil); message(err) != ".env.dev: osls would read it in the place of .env; rename it" {
		t.Errorf("got %v", err)
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"17 3 * * *", "0,15,30,45 * * * *", "0 0-6 1 1,7 0"} {
		if err := CheckSchedule(rate); err != nil {
			t.Errorf("%q: %v", rate, err)
		}
	}
	for _, rate := range []string{
		"", "* * * *", "* * * * * *", "*/5 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7",
		"5-1 * * * *", "1-2-3 * * * *", "MON * * * *", "@daily", "* *  * * *", "1-5/2 * * * *", "1,2-3 * * * *", "1, * * * *",
	} {
		if err := CheckSchedule(rate); err == nil {
			t.Errorf("%q: no error", rate)
		}
	}
	want := `schedule "*/15 * * * *": minute "*/15": want *, numbers from 0 to 59, a range such as 1-5 or a list such as 1,3 (no steps: write */15 as 0,15,30,45)`
	if diff := cmp.Diff(want, message(CheckSchedule("*/15 * * * *"))); diff != "" {
		t.Error(diff)
	}
}

func TestTheTimeoutLeavesTimeToAnswer(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[string]string{
		"900s": "", "870s": "",
		"869s":  `serverless.yml: timeout "869s": want at least "870s", or a smaller ROTATOR_BUDGET than 14m0s: a run cut off by the platform reports nothing`,
		"15m":   `serverless.yml: timeout "15m": want whole seconds from "10s" to "3600s"`,
		"3601s": `serverless.yml: timeout "3601s": want whole seconds from "10s" to "3600s"`,
		"900":   `serverless.yml: timeout "900": want whole seconds from "10s" to "3600s"`,
	} {
		if got := message(CheckTimeout(timeout, 14*time.Minute)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

package rotator_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

var update = flag.Bool("update", false, "rewrite the demo in docs/report.md")

// part returns what stands in a document between <!-- name --> and <!-- /name -->.
func part(t *testing.T, text, name string) (before, inside, after string) {
	t.Helper()
	before, rest, found := strings.Cut(text, "<!-- "+name+" -->\n")
	inside, after, closed := strings.Cut(rest, "<!-- /"+name+" -->")
	if !found || !closed {
		t.Fatalf("the document has no part %s", name)
	}
	return before, inside, after
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docs/report.md shows the report that internal/run's test pins, and the README
// lines of it, in their order.
func TestReadmeShowsTheDemosRealOutput(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("internal/run/reports/testdata/demo.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := "```\n" + string(golden) + "```\n"
	const page = "docs/report.md"
	before, got, after := part(t, document(t, page), "demo")
	if *update {
		text := before + "<!-- demo -->\n" + want + "<!-- /demo -->" + after
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the demo in %s (-want +got); write it with make golden:\n%s", page, diff)
	}
	rest := strings.Split(string(golden), "\n")
	_, short, _ := part(t, document(t, "README.md"), "demo")
	for line := range strings.Lines(short) {
		if line = strings.TrimRight(line, "\n"); line == "```" || line == "[…]" || line == "" {
			continue
		}
		i := slices.Index(rest, line)
		if i < 0 {
			t.Fatalf("the README's demo says what the report does not, or not there:\n%s", line)
		}
		rest = rest[i+1:]
	}
}

// The README shows the picture of the demo's keys, as the test of internal/run pins it.
func TestReadmeShowsTheDemosPicture(t *testing.T) {
	t.Parallel()
	const picture = "docs/keys.svg"
	want := document(t, "internal/run/reports/testdata/demo.svg")
	if *update {
		if err := os.WriteFile(picture, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, document(t, picture)); diff != "" {
		t.Errorf("%s (-want +got); write it with make golden:\n%s", picture, diff)
	}
	if !strings.Contains(document(t, "README.md"), "]("+picture+")") {
		t.Errorf("the README does not show %s", picture)
	}
}

// The policy that the README tells people to grant is the one in the code.
func TestReadmeTellsThePolicy(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	for _, set := range scaleway.Policy() {
		scope := "the project"
		if set.Organization {
			scope = "organization"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", set.Name, scope, set.Why)
	}
	_, inside, _ := part(t, document(t, "README.md"), "policy")
	var got strings.Builder
	for line := range strings.Lines(inside) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| `") {
			got.WriteString(line + "\n")
		}
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("the README's policy (-want +got):\n%s", diff)
	}
}

// The alerts of docs/operations.md find what a run logs: each of their filters stands in a
// pinned log, on the line that it is meant for, and the fields that they read are
// there.
func TestTheAlertsFindWhatARunLogs(t *testing.T) {
	t.Parallel()
	log, err := os.ReadFile("internal/run/reports/testdata/ten-findings.log")
	if err != nil {
		t.Fatal(err)
	}
	_, alerts, _ := part(t, document(t, "docs/operations.md"), "alerts")
	queries := 0
	for query := range strings.Lines(alerts) {
		filters := regexp.MustCompile("\\|= `([^`]*)`").FindAllStringSubmatch(query, -1)
		if len(filters) == 0 {
			continue
		}
		queries++
		found := slices.ContainsFunc(strings.Split(string(log), "\n"), func(line string) bool {
			for _, f := range filters {
				if !strings.Contains(line, f[1]) {
					return false
				}
			}
			_, field, unwraps := strings.Cut(query, "unwrap ")
			field, _, _ = strings.Cut(field, " ")
			return !unwraps || strings.Contains(line, `"`+field+`":`)
		})
		if !found {
			t.Errorf("no line of the log answers %s", query)
		}
	}
	if queries != 3 {
		t.Errorf("%d alerts, want 3", queries)
	}
}

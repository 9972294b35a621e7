package rotator_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

var update = flag.Bool("update", false, "rewrite the README's demo")

// part returns what stands in the README between <!-- name --> and <!-- /name -->.
func part(t *testing.T, readme, name string) (before, inside, after string) {
	t.Helper()
	before, rest, found := strings.Cut(readme, "<!-- "+name+" -->\n")
	inside, after, closed := strings.Cut(rest, "<!-- /"+name+" -->")
	if !found || !closed {
		t.Fatalf("the README has no part %s", name)
	}
	return before, inside, after
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The README shows the report that internal/run's test pins.
func TestReadmeShowsTheDemosRealOutput(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("internal/run/testdata/demo.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := "```\n" + string(golden) + "```\n"
	before, got, after := part(t, readme(t), "demo")
	if *update {
		text := before + "<!-- demo -->\n" + want + "<!-- /demo -->" + after
		if err := os.WriteFile("README.md", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the README's demo (-want +got); write it with make golden:\n%s", diff)
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
	_, inside, _ := part(t, readme(t), "policy")
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

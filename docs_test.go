package rotator_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the pages that people read.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no page in docs: %v", err)
	}
	return append(pages, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	target  = regexp.MustCompile("(?m)(?:`|^)make ([a-z][a-z0-9-]*)")
)

// anchors are the names under which a page's headings can be linked to.
func anchors(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(m[1])
		name = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(name, "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(document(t, page), -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			at := page
			if file != "" {
				at = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			} else if anchor != "" && !slices.Contains(anchors(document(t, at)), anchor) {
				t.Errorf("%s: there is no heading #%s in %s", page, anchor, at)
			}
		}
	}
}

func TestTheDocumentsNameTargetsThatThereAre(t *testing.T) {
	t.Parallel()
	makefile := document(t, "Makefile")
	named := 0
	for _, page := range documents(t) {
		for _, m := range target.FindAllStringSubmatch(document(t, page), -1) {
			if named++; !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
				t.Errorf("%s: the Makefile has no target %s", page, m[1])
			}
		}
	}
	if named < 20 {
		t.Errorf("%d targets are named: the test looks in the wrong place", named)
	}
}

// Someone who knows Scaleway is to see in five minutes whether they want it.
func TestTheReadmeIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(document(t, "README.md"), "\n"); n > 150 {
		t.Errorf("the README has %d lines, want 150 at the most", n)
	}
}

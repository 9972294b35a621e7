package rotator_test

import (
	"go/parser"
	"go/token"
	"io/fs"
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

	// cited is a page, and after a comma the section: (docs/NAME.md, Section).
	cited   = regexp.MustCompile(`\bdocs/([a-z]+)\.md(?:, ([^,;:.)]+))?`)
	foreign = regexp.MustCompile(`\b(?:F[A]CTS|D[E]SIGN)\b`) // spelled so that this file passes
	number  = regexp.MustCompile(`\bA[0-9]{2}\b`)

	unlinked = regexp.MustCompile(`[^a-z0-9 -]`)
)

const assumptions = "local/emulator/ASSUMPTIONS.md"

func headings(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// anchors are the names under which a page's headings can be linked to.
func anchors(text string) (names []string) {
	for _, name := range headings(text) {
		name = strings.ToLower(name)
		name = unlinked.ReplaceAllString(name, "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range append(documents(t), assumptions) {
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

// files are the project's, but for what tools and people's secrets leave there.
func files(t *testing.T) (names []string) {
	t.Helper()
	leave := []string{".git", "node_modules", "dist", ".serverless"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(leave, entry.Name()):
			return filepath.SkipDir
		case entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), ".env"):
			names = append(names, path)
		}
		return nil
	})
	if err != nil || len(names) < 400 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	return names
}

// What nobody but its author can look up is no source.
func TestNothingCitesADocumentOfElsewhere(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		text := document(t, file)
		if !strings.Contains(text, "F"+"ACTS") && !strings.Contains(text, "D"+"ESIGN") { // an expression takes a hundred times as long
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			if word := foreign.FindString(line); word != "" {
				t.Errorf("%s:%d: cites %s, which is no document of this project: name a section of docs/scaleway.md or docs/design.md", file, i+1, word)
			}
		}
	}
}

func TestCitationsInCommentsNameSectionsThatThereAre(t *testing.T) {
	t.Parallel()
	set, sections, there := token.NewFileSet(), map[string]int{}, map[string][]string{}
	for _, page := range documents(t) {
		there[page] = headings(document(t, page))
	}
	for _, file := range files(t) {
		if filepath.Ext(file) != ".go" {
			continue
		}
		source := document(t, file)
		if !strings.Contains(source, "docs/") { // parsing takes a hundred times as long
			continue
		}
		code, err := parser.ParseFile(set, file, source, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, comment := range code.Comments {
			text := strings.Join(strings.Fields(comment.Text()), " ") // a citation may go over a line's end
			for _, m := range cited.FindAllStringSubmatch(text, -1) {
				page, section := "docs/"+m[1]+".md", m[2]
				names, is := there[page]
				switch at := set.Position(comment.Pos()); {
				case !is:
					t.Errorf("%s: there is no page %s", at, page)
				case section != "" && !slices.Contains(names, section):
					t.Errorf("%s: %s has no section %q", at, page, section)
				case section != "":
					sections[page]++
				}
			}
		}
	}
	if sections["docs/scaleway.md"] < 70 || sections["docs/design.md"] < 3 {
		t.Errorf("sections are cited %v times: the test looks in the wrong place", sections)
	}
}

func TestTheDocumentsNameAssumptionsThatThereAre(t *testing.T) {
	t.Parallel()
	listed := document(t, assumptions)
	for _, page := range documents(t) {
		for _, name := range number.FindAllString(document(t, page), -1) {
			if !strings.Contains(listed, "\n**"+name+" ") {
				t.Errorf("%s: %s does not list %s", page, assumptions, name)
			}
		}
	}
}

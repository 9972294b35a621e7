package emulator_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestCitedAssumptionsAreListedOnce(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("ASSUMPTIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\*\*(A\d\d) `).FindAllSubmatch(text, -1) {
		listed[string(m[1])]++
	}
	for number, times := range listed {
		if times != 1 {
			t.Errorf("%s is listed %d times", number, times)
		}
	}
	var files []string
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".go" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no source here: %v", err)
	}
	cited := regexp.MustCompile(`\bA\d\d\b`)
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range cited.FindAllString(string(code), -1) {
			if listed[number] == 0 {
				t.Errorf("%s cites %s, which ASSUMPTIONS.md does not list", file, number)
			}
		}
	}
}

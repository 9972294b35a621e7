package platform

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// left is what osls leaves out before it looks at the patterns, which may bring it back.
const left = ".git/** .gitignore .DS_Store npm-debug.log yarn-*.log .serverless/** .serverless_plugins/** serverless.yml .env*"

// Patterns reads package.patterns of a serverless.yml.
//
// Only patterns made of names, * and ** are accepted: osls knows more, and Pack would disagree with it there.
func Patterns(serverlessYML []byte) ([]string, error) {
	var service struct {
		Package struct {
			Patterns []string `yaml:"patterns"`
		} `yaml:"package"`
	}
	if err := yaml.Unmarshal(serverlessYML, &service); err != nil {
		return nil, fmt.Errorf("serverless.yml: %w", err)
	}
	patterns := service.Package.Patterns
	if len(patterns) == 0 {
		return nil, fmt.Errorf("serverless.yml: package.patterns: missing: everything in the folder would be uploaded")
	}
	if patterns[0] != "!**" {
		return nil, fmt.Errorf(`serverless.yml: package.patterns: starts with %q: want "!**" first, then what is wanted`, patterns[0])
	}
	for _, pattern := range patterns {
		if strings.ContainsAny(strings.TrimPrefix(pattern, "!"), `!?[]{}()+@|\`) {
			return nil, fmt.Errorf("serverless.yml: package.patterns: %q: only names, * and ** are understood here", pattern)
		}
	}
	return patterns, nil
}

// Pack makes the archive that osls would upload: of all files under root, those whose last matching pattern does not
// start with "!". The same tree gives the same bytes.
//
// It refuses symbolic links among them: osls follows links, so what they point to would be shipped.
func Pack(root string, patterns []string) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case !wanted(name, patterns):
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("pack %s: want a regular file, have %s", name, entry.Type())
		}
		return add(archive, full, name)
	})
	if err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func add(archive *zip.Writer, full, name string) error {
	content, err := os.ReadFile(full) //nolint:gosec // a file of the project that is being packed
	if err != nil {
		return err
	}
	// Without times and modes of its own, as osls's: the archive depends on nothing but names and contents.
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o644)
	file, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return err
}

func wanted(name string, patterns []string) bool {
	is := true
	for pattern := range strings.FieldsSeq(left) {
		if matches(name, pattern) {
			is = false
		}
	}
	for _, pattern := range patterns {
		bare, exclude := strings.CutPrefix(pattern, "!")
		if matches(name, bare) {
			is = !exclude
		}
	}
	return is
}

// matches follows micromatch with dot: * is any part of one name, ** any number of folders, none included.
func matches(name, pattern string) bool {
	return segments(strings.Split(name, "/"), strings.Split(pattern, "/"))
}

func segments(names, patterns []string) bool {
	if len(patterns) == 0 {
		return len(names) == 0
	}
	if patterns[0] == "**" {
		for skip := range len(names) + 1 {
			if segments(names[skip:], patterns[1:]) {
				return true
			}
		}
		return false
	}
	if len(names) == 0 {
		return false
	}
	ok, err := path.Match(patterns[0], names[0])
	return err == nil && ok && segments(names[1:], patterns[1:])
}

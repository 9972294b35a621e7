package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A line of .env, as far as osls reads it as everybody would: it expands $ even in single quotes, and takes # for a
// comment in the middle of a value.
var (
	assignment = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:,@+=-]*$`)
	quoted     = regexp.MustCompile(`^(?:"([A-Za-z0-9_./:,@+= -]*)"|'([A-Za-z0-9_./:,@+= -]*)')$`)
)

// Environment is what osls will see of environ and of the .env in root: the process's
// variables, and those of .env that it has not. An empty SCW_ variable says nothing.
func Environment(root string, environ []string) (map[string]string, error) {
	env := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if value != "" || !strings.HasPrefix(name, "SCW_") { // pipelines set those that they do not have
			env[name] = value
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".env.dev")); err == nil {
		return nil, errors.New(".env.dev: osls would read it in the place of .env; rename it")
	}
	text, err := os.ReadFile(filepath.Join(root, ".env")) //nolint:gosec // the project's own
	if errors.Is(err, fs.ErrNotExist) {
		return env, nil
	}
	if err != nil {
		return nil, err
	}
	return env, each(text, ".env", func(name, value string) {
		if _, set := env[name]; !set {
			env[name] = value
		}
	})
}

// Variables reads a file in the form of .env.
func Variables(file string) (map[string]string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	return env, each(text, file, func(name, value string) { env[name] = value })
}

// each finds the variables of a text in that form. An error names the line.
func each(text []byte, file string, found func(name, value string)) error {
	for number, line := range bytes.Split(text, []byte("\n")) {
		name, value, err := parseLine(strings.TrimSpace(string(line)))
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, number+1, err)
		}
		if name != "" {
			found(name, value)
		}
	}
	return nil
}

// parseLine never shows a value: it may be a secret.
func parseLine(line string) (name, value string, err error) {
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	parts := assignment.FindStringSubmatch(line)
	if parts == nil {
		return "", "", errors.New("want NAME=VALUE")
	}
	name, value = parts[1], strings.TrimSpace(parts[2])
	if plainValue.MatchString(value) {
		return name, value, nil
	}
	if parts := quoted.FindStringSubmatch(value); parts != nil {
		return name, parts[1] + parts[2], nil
	}
	return "", "", fmt.Errorf("%s: the value (not shown) holds characters that osls may read otherwise; want letters, digits and _./:,@+=-, with spaces in quotes", name)
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// environment is what osls will see: the process's variables, and those of .env that it has not.
type environment map[string]string

const (
	deployerKey     = "SCW_SECRET_KEY"
	deployerProject = "SCW_DEFAULT_PROJECT_ID"
	ownAccessKey    = "ROTATOR_ACCESS_KEY"
	ownSecretKey    = "ROTATOR_SECRET_KEY" //nolint:gosec // the variable's name
	controlSecret   = "ROTATOR_CONTROL_SECRET"
	notify          = "ROTATOR_NOTIFY"
	heartbeat       = "ROTATOR_HEARTBEAT"
)

// A line of .env, as far as osls reads it as everybody would: it expands $ even in single quotes, and takes # for a
// comment in the middle of a value.
var (
	assignment = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:,@+=-]*$`)
	quoted     = regexp.MustCompile(`^(?:"([A-Za-z0-9_./:,@+= -]*)"|'([A-Za-z0-9_./:,@+= -]*)')$`)
)

func readEnvironment(root string, environ []string) (environment, error) {
	env := environment{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
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
	for number, line := range bytes.Split(text, []byte("\n")) {
		name, value, err := parseLine(strings.TrimSpace(string(line)))
		if err != nil {
			return nil, fmt.Errorf(".env:%d: %w", number+1, err)
		}
		if _, set := env[name]; name != "" && !set {
			env[name] = value
		}
	}
	return env, nil
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

// secrets are the values that must not be shown. All are looked for, set or not in serverless.yml: a variable that is
// named as a secret is one.
func (env environment) secrets() []string {
	var secrets []string
	for name, value := range env {
		if isSecret(name) && len(value) >= 8 {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// harmless is the environment without secrets, for programs that need none.
func (env environment) harmless() environment {
	rest := maps.Clone(env)
	maps.DeleteFunc(rest, func(name, _ string) bool { return isSecret(name) })
	return rest
}

func isSecret(name string) bool {
	return strings.HasSuffix(name, "SECRET_KEY") || name == controlSecret || name == notify || name == heartbeat
}

// list is the environment of a child process.
func (env environment) list() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

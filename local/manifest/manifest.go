// Package manifest reads serverless.yml, and the .env beside it, as osls does: for
// make deploy, which checks what is about to be deployed, and for the doctor, which
// compares it with what is. It promises to refuse what osls would read otherwise, or
// pass over without a word, and shows no value of a variable that may be a secret.
// What is deployed is said in serverless.yml, not here.
package manifest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Service is what serverless.yml says, with its variables resolved.
type Service struct {
	Name     string // of the namespace
	Region   string
	Runtime  string
	Function Function
}

// Function is its one function.
type Function struct {
	Name    string
	Handler string            `yaml:"handler"`
	Privacy string            `yaml:"privacy"`
	HTTP    string            `yaml:"httpOption"`
	Timeout string            `yaml:"timeout"`
	Min     uint32            `yaml:"minScale"`
	Max     uint32            `yaml:"maxScale"`
	Memory  uint32            `yaml:"memoryLimit"` // in MB
	Env     map[string]string `yaml:"env"`
	Secret  map[string]string `yaml:"secret"`
	Domains []string          `yaml:"custom_domains"`
	Events  []struct {
		Schedule struct {
			Rate string `yaml:"rate"`
		} `yaml:"schedule"`
	} `yaml:"events"`
}

// mendPlugin is our own.
const mendPlugin = "./deploy/osls-mend.js"

// known are the names that the plugin reads in a function; any other it passes over without a word.
const known = "handler, description, runtime, privacy, minScale, maxScale, memoryLimit, timeout, httpOption, sandbox, " +
	"env, secret, events, custom_domains, privateNetworkId"

// Parse reads serverless.yml. The variables that it names come from env; those that
// are not there, and have no default, are an error that names them all.
func Parse(text []byte, env map[string]string) (Service, error) {
	var raw struct {
		Service  string   `yaml:"service"`
		Plugins  []string `yaml:"plugins"`
		Provider struct {
			Region  string         `yaml:"scwRegion"`
			Runtime string         `yaml:"runtime"`
			Env     map[string]any `yaml:"env"`
			Secret  map[string]any `yaml:"secret"`
		} `yaml:"provider"`
		Functions map[string]map[string]any `yaml:"functions"`
	}
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return Service{}, fmt.Errorf("serverless.yml: %w", err)
	}
	if n := len(raw.Plugins); n == 0 || raw.Plugins[n-1] != mendPlugin {
		return Service{}, fmt.Errorf("serverless.yml: plugins: want %s as the last: it keeps the function's key, and mends what the plugin gets wrong", mendPlugin)
	}
	if len(raw.Provider.Env)+len(raw.Provider.Secret) > 0 {
		return Service{}, fmt.Errorf("serverless.yml: provider.env and provider.secret replace what others have set on the namespace; use the function's")
	}
	if len(raw.Functions) != 1 {
		return Service{}, fmt.Errorf("serverless.yml: functions: want exactly one, have %d", len(raw.Functions))
	}
	region, err := resolve(env, "provider.scwRegion", raw.Provider.Region)
	if err != nil {
		return Service{}, err
	}
	s := Service{Name: raw.Service, Region: region, Runtime: raw.Provider.Runtime}
	for name, fields := range raw.Functions {
		s.Function, err = parseFunction(name, fields, env)
	}
	return s, err
}

func parseFunction(name string, fields map[string]any, env map[string]string) (Function, error) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(strings.Split(known, ", "), field) {
			return Function{}, fmt.Errorf("serverless.yml: functions.%s.%s: the plugin does not know it and would pass over it; it knows %s",
				name, field, known)
		}
	}
	// env and secret go to the API as they are typed here, and it takes strings only.
	for _, field := range []string{"env", "secret"} {
		values, _ := fields[field].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if _, ok := values[key].(string); !ok {
				return Function{}, fmt.Errorf("serverless.yml: functions.%s.%s.%s: want a string: put it in quotes", name, field, key)
			}
		}
	}
	text, err := yaml.Marshal(fields)
	if err != nil {
		return Function{}, err
	}
	f := Function{Name: name}
	if err := yaml.Unmarshal(text, &f); err != nil {
		return Function{}, fmt.Errorf("serverless.yml: functions.%s: %w", name, err)
	}
	var problems []error
	for _, values := range []map[string]string{f.Env, f.Secret} {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			values[key], err = resolve(env, key, values[key])
			problems = append(problems, err)
		}
	}
	return f, errors.Join(problems...)
}

var source = regexp.MustCompile(`^(?:env:([A-Za-z_][A-Za-z0-9_]*)|'([^']*)')$`)

// resolve is what osls makes of "${env:NAME, env:OTHER, 'default'}": the first that is there, be it empty.
func resolve(env map[string]string, what, text string) (string, error) {
	inner, variable := strings.CutPrefix(text, "${")
	if !variable {
		if strings.Contains(text, "${") {
			return "", fmt.Errorf("serverless.yml: %s: want a variable to be the whole value", what)
		}
		return text, nil
	}
	var missing []string
	for part := range strings.SplitSeq(strings.TrimSuffix(inner, "}"), ",") {
		parts := source.FindStringSubmatch(strings.TrimSpace(part))
		switch {
		case parts == nil:
			return "", fmt.Errorf("serverless.yml: %s: %s: want ${env:NAME} or ${env:NAME, 'default'}", what, text)
		case parts[1] == "":
			return parts[2], nil
		}
		if value, set := env[parts[1]]; set {
			return value, nil
		}
		missing = append(missing, parts[1])
	}
	return "", fmt.Errorf("%s: not set, neither in the environment nor in .env (deploy/env.example has a line for it)", strings.Join(missing, " or "))
}

// CheckTimeout wants the run's own limit, with time left to answer, below the platform's.
func CheckTimeout(timeout string, budget time.Duration) error {
	limit, err := time.ParseDuration(timeout)
	if err != nil || !regexp.MustCompile(`^\d+s$`).MatchString(timeout) || limit < 10*time.Second || limit > time.Hour {
		return fmt.Errorf("serverless.yml: timeout %q: want whole seconds from \"10s\" to \"3600s\"", timeout)
	}
	if least := budget + 30*time.Second; limit < least {
		return fmt.Errorf("serverless.yml: timeout %q: want at least \"%ds\", or a smaller ROTATOR_BUDGET than %s: a run cut off by the platform reports nothing",
			timeout, int(least.Seconds()), budget)
	}
	return nil
}

// Settings is the function's environment on the platform.
func (f Function) Settings() map[string]string {
	all := maps.Clone(f.Env)
	maps.Copy(all, f.Secret)
	return all
}

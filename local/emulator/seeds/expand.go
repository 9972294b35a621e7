package seeds

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
)

// KeyOf finds an API key by its access key, or the newest of what bears a name.
type KeyOf func(name string) (access, secret string, found bool)

var keyReference = regexp.MustCompile(`\$\{(access_key|secret_key):([^}]*)\}`)

// Expand puts keys in the place of references to them: ${access_key:NAME} and
// ${secret_key:NAME}.
func Expand(text string, keyOf KeyOf) (string, error) {
	var missing []string
	out := keyReference.ReplaceAllStringFunc(text, func(reference string) string {
		parts := keyReference.FindStringSubmatch(reference)
		access, secret, found := keyOf(parts[2])
		switch {
		case !found:
			missing = append(missing, parts[2])
			return reference
		case parts[1] == "access_key":
			return access
		default:
			return secret
		}
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("no key, and no application with a key, is named %s", strict.Either(missing))
	}
	return out, nil
}

// Expanded returns s with every environment expanded. s itself stays as it is: a
// seed can be loaded into several emulators.
func (s Serverless) Expanded(keyOf KeyOf) (Serverless, error) {
	var failed error
	expand := func(field string, env *map[string]string) {
		expanded := maps.Clone(*env)
		for name, value := range expanded {
			text, err := Expand(value, keyOf)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s.%s: %w", field, name, err))
			}
			expanded[name] = text
		}
		*env = expanded
	}
	s.FunctionNamespaces = slices.Clone(s.FunctionNamespaces)
	for i := range s.FunctionNamespaces {
		ns, field := &s.FunctionNamespaces[i], fmt.Sprintf("function_namespaces[%d]", i)
		ns.Functions = slices.Clone(ns.Functions)
		expand(field+".env", &ns.Env)
		expand(field+".secret_env", &ns.SecretEnv)
		for j := range ns.Functions {
			f, field := &ns.Functions[j], fmt.Sprintf("%s.functions[%d]", field, j)
			expand(field+".env", &f.Env)
			expand(field+".secret_env", &f.SecretEnv)
		}
	}
	s.ContainerNamespaces = slices.Clone(s.ContainerNamespaces)
	for i := range s.ContainerNamespaces {
		ns, field := &s.ContainerNamespaces[i], fmt.Sprintf("container_namespaces[%d]", i)
		ns.Containers = slices.Clone(ns.Containers)
		expand(field+".env", &ns.Env)
		expand(field+".secret_env", &ns.SecretEnv)
		for j := range ns.Containers {
			c, field := &ns.Containers[j], fmt.Sprintf("%s.containers[%d]", field, j)
			expand(field+".env", &c.Env)
			expand(field+".secret_env", &c.SecretEnv)
		}
	}
	return s, failed
}

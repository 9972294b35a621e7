package deploy

import (
	"maps"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/local/manifest"
)

// What serverless.yml says.
type (
	service  = manifest.Service
	function = manifest.Function
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

func readEnvironment(root string, environ []string) (environment, error) {
	return manifest.Environment(root, environ)
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

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/platform"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// check reports all that is missing and wrong at once, before anything is sent anywhere.
func (p Deployer) check(ctx context.Context, env environment) (service, error) {
	whole, missing := env.missing()
	s, err := p.service(whole)
	problems := []error{checkTools(ctx, p.Root), missing, err}
	if err == nil {
		problems = append(problems, checkDeployer(s, whole), checkFunction(s.Function), checkSettings(s.Function, whole))
	}
	if err := errors.Join(problems...); err != nil {
		return s, err
	}
	end := p.During("building the archive as the platform does")
	err = platform.Archive(ctx, p.Root, "", p.Stderr)
	if end(); err != nil {
		return s, err
	}
	if s.Function.Secret[ownSecretKey] == env[deployerKey] {
		p.say("warning: the function would run on the key that deploys it; give it an application of its own, with no more than README.md lists")
	}
	p.say("checked: tools, settings, schedule and archive")
	return s, nil
}

// WantsSetup tells whether the tools are there, and what setup makes is not.
func (p Deployer) WantsSetup(ctx context.Context) bool {
	env, err := readEnvironment(p.Root, p.Environ)
	return err == nil && env[deployerKey] != "" && env[controlSecret] == "" && checkTools(ctx, p.Root) == nil
}

// missing names each variable that has no default, and no value, with how it gets one; where only some are needed, of
// those. whole is the environment with something in its place, so that the rest can be read, too.
func (env environment) missing(needed ...string) (whole environment, missing error) {
	whole = maps.Clone(env)
	var problems []error
	for _, v := range []struct{ name, instead, how, value string }{
		{deployerKey, "", "the secret key that deploys: --profile NAME takes that of a scw profile, or put it into .env", keptSecret},
		{deployerProject, "ROTATOR_PROJECT_ID", "the project to deploy into: make setup writes it into .env", keptSecret},
		{"SCW_DEFAULT_ORGANIZATION_ID", "ROTATOR_ORGANIZATION_ID", "its organization: make setup writes it into .env", keptSecret},
		{controlSecret, "", "what a caller sends to ask for more than a plain run: make setup makes one up in .env, as openssl rand -hex 32 does", strings.Repeat("0", 64)},
	} {
		switch {
		case env[v.name] != "":
		case v.instead != "" && env[v.instead] != "" && v.name != deployerProject:
		default:
			if len(needed) == 0 || slices.Contains(needed, v.name) {
				problems = append(problems, fmt.Errorf("%s: not set: %s", v.name, v.how))
			}
			whole[v.name] = v.value
			if at := env[v.instead]; at != "" {
				whole[v.name] = at
			}
		}
	}
	return whole, errors.Join(problems...)
}

// checkTools wants Node, and what package-lock.json says installed.
func checkTools(ctx context.Context, root string) error {
	return errors.Join(checkNode(ctx), checkModules(root))
}

func checkNode(ctx context.Context) error {
	said, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return errors.New("node: not found; want Node 18 or later, with npm")
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(said)), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 18 {
		return fmt.Errorf("node: is %s; want 18 or later", strings.TrimSpace(string(said)))
	}
	return nil
}

func checkModules(root string) error {
	lock, err := versions(filepath.Join(root, "package-lock.json"))
	if err != nil {
		return err
	}
	installed, err := versions(filepath.Join(root, "node_modules", ".package-lock.json"))
	for _, name := range []string{"osls", "serverless-scaleway-functions", "argon2"} {
		if key := "node_modules/" + name; err != nil || installed[key] != lock[key] {
			return fmt.Errorf("%s: not installed as in package-lock.json; run npm ci", name)
		}
	}
	return nil
}

func versions(lockFile string) (map[string]string, error) {
	text, err := os.ReadFile(lockFile) //nolint:gosec // one of the project's two lock files
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("%s: %w", lockFile, err)
	}
	found := map[string]string{}
	for name, is := range lock.Packages {
		found[name] = is.Version
	}
	return found, nil
}

// checkDeployer looks at who deploys, and where. Values of secrets are not shown.
func checkDeployer(s service, env environment) error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !uuid.MatchString(env[deployerKey]) {
		problem("%s: is no UUID (not shown); want the secret key that deploys", deployerKey)
	}
	project := env[deployerProject]
	if !uuid.MatchString(project) {
		problem("%s: %q: want the UUID of the project to deploy into", deployerProject, project)
	} else if own := s.Function.Env["ROTATOR_PROJECT_ID"]; own != project {
		problem("ROTATOR_PROJECT_ID: %q: want %s (%s): the function looks after the project it is in", own, project, deployerProject)
	}
	regions := []string{"fr-par", "nl-ams", "pl-waw"} // those that the plugin accepts
	if !slices.Contains(regions, s.Region) {
		problem("SCW_REGION: %q: want one of %s", s.Region, strings.Join(regions, ", "))
	}
	if url, want := env["SCW_FUNCTION_URL"], functionURL(env, s.Region); url != "" && url != want {
		problem("SCW_FUNCTION_URL: %q: unset it, or want %q; SCW_API_URL is enough", url, want)
	}
	for _, v := range [][2]string{{"SCW_DEBUG", "the SDK would print secrets"}, {"NODE_TLS_REJECT_UNAUTHORIZED", "the key would be sent to anybody"}} {
		if env[v[0]] != "" {
			problem("%s: is set, and %s; unset it", v[0], v[1])
		}
	}
	return errors.Join(problems...)
}

func checkFunction(f function) error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("serverless.yml: functions.%s."+format, append([]any{f.Name}, args...)...))
	}
	if f.Privacy != "private" {
		problem("privacy: %q: want private: anybody could start a run", f.Privacy)
	}
	if f.HTTP != "redirected" {
		problem("httpOption: %q: want redirected: keys would travel in clear", f.HTTP)
	}
	if len(f.Events) != 1 {
		problem("events: want one schedule, have %d", len(f.Events))
	}
	for _, event := range f.Events {
		problems = append(problems, manifest.CheckSchedule(event.Schedule.Rate))
	}
	secrets := []string{controlSecret, heartbeat, notify, ownSecretKey}
	if !slices.Equal(slices.Sorted(maps.Keys(f.Secret)), secrets) {
		problem("secret: want %s, and nothing else", strings.Join(secrets, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		if len(f.Env[name]) > 1000 {
			problem("env.%s: %d characters, the platform takes at most 1000", name, len(f.Env[name]))
		}
	}
	return errors.Join(problems...)
}

// checkSettings reads the settings as the function will.
func checkSettings(f function, env environment) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		_, plain := f.Env[name]
		_, secret := f.Secret[name]
		if strings.HasPrefix(name, config.Prefix) && !plain && !secret {
			problems = append(problems, fmt.Errorf("%s: serverless.yml has no such setting, so it would be passed over", name))
		}
	}
	cfg, err := config.Read(environment(f.Settings()).list())
	if err != nil {
		return errors.Join(append(problems, err)...)
	}
	return errors.Join(append(problems, manifest.CheckTimeout(f.Timeout, cfg.Budget))...)
}

func functionURL(env environment, region string) string {
	return apiURL(env) + "/functions/v1beta1/regions/" + region
}

func apiURL(env environment) string {
	if url := env["SCW_API_URL"]; url != "" {
		return strings.TrimRight(url, "/")
	}
	return "https://api.scaleway.com"
}

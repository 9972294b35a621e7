package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/handler"
)

// attempts is how often osls is started: again only if it found the namespace in a change.
const attempts = 3

// options are what a deployment is asked to do beside the usual.
type options struct {
	newKey      bool
	application string // of the function, where its key does not tell
	lose        bool
}

func (p program) deploy(ctx context.Context, s service, env environment, o options) error {
	if err := p.check(ctx, s, env); err != nil {
		return err
	}
	given := env[ownAccessKey]
	s, env, before, r, err := p.prepare(ctx, s, env, o)
	if err != nil {
		return fmt.Errorf("nothing was deployed:\n%w", err)
	}
	for attempt := 1; ; attempt++ {
		err = p.osls(ctx, s, env, "deploy")
		if err == nil || attempt == attempts || ctx.Err() != nil {
			break
		}
		if !r.changing(ctx, s.Name) {
			break
		}
		p.say("the namespace was being changed; trying again")
		if err := r.ready(ctx, s.Name); err != nil {
			return err
		}
	}
	deployed, verifyErr := r.verify(ctx, s)
	if verifyErr == nil && env[keepSetting] != "" {
		verifyErr = before.kept(deployed)
	}
	if err := errors.Join(err, verifyErr); err != nil {
		if env[keepSetting] == "" && env[ownAccessKey] != given {
			err = fmt.Errorf("%w\nthe key %s was made; run the same again, and delete it if the function does not have it then", err, env[ownAccessKey])
		}
		return fmt.Errorf("the deploy did not succeed; mend what is named, then run make deploy again:\n%w", err)
	}
	p.say("deployed: %s/%s, private, at https://%s, cron %q UTC; try make invoke (a dry run)",
		s.Name, s.Function.Name, deployed.DomainName, s.Function.Events[0].Schedule.Rate)
	return nil
}

// changing tells whether the namespace is being worked on.
func (r *remote) changing(ctx context.Context, name string) bool {
	all, err := r.namespaces(ctx)
	if err != nil {
		return false
	}
	for _, n := range all {
		if n.Name == name && (n.Status == "pending" || n.Status == "creating") {
			return true
		}
	}
	return false
}

// prepare looks at what is there. It returns the deployment as it is to be done, with the function's key, and what there
// was before.
func (p program) prepare(ctx context.Context, s service, env environment, o options) (service, environment, found, *remote, error) {
	fail := func(err error) (service, environment, found, *remote, error) { return s, env, found{}, nil, err }
	r, err := newRemote(s, env, p.poll)
	if err != nil {
		return fail(err)
	}
	if err := r.ready(ctx, s.Name); err != nil {
		return fail(err)
	}
	f, err := r.look(ctx, s)
	if err != nil {
		return fail(err)
	}
	if err := refuse(s, f, o.lose); err != nil {
		return fail(err)
	}
	if env, err = p.ownKey(ctx, s, env, r, f, o); err != nil {
		return fail(err)
	}
	if s, err = p.service(env); err != nil {
		return fail(err)
	}
	if s.Function.Env[ownAccessKey] != env[ownAccessKey] || s.Function.Secret[ownSecretKey] != env[ownSecretKey] {
		return fail(fmt.Errorf("serverless.yml: want \"${env:%s}\" and \"${env:%s}\": the function's own key comes in these variables", ownAccessKey, ownSecretKey))
	}
	return s, env, f, r, nil
}

// refuse says what a deploy would break that nobody asked for.
func refuse(s service, f found, lose bool) error {
	var problems []error
	for _, stray := range f.strays {
		problems = append(problems, fmt.Errorf("function %s is there too, and would go on with its cron: renamed? Delete it first, or undo the renaming", stray))
	}
	if len(f.lost) > 0 && !lose {
		problems = append(problems, fmt.Errorf("the deploy would remove from function %s what serverless.yml does not have: %s; add it there, or run make deploy ARGS=--lose",
			s.Function.Name, strings.Join(f.lost, ", ")))
	}
	return errors.Join(problems...)
}

// osls runs the installed osls, not npx, which would look for news first. Its output passes the filter.
func (p program) osls(ctx context.Context, s service, env environment, command string) error {
	child := maps.Clone(env)
	child["SCW_REGION"] = s.Region
	child["SCW_FUNCTION_URL"] = functionURL(env, s.Region)
	run := exec.CommandContext(ctx, "node", filepath.Join("node_modules", "osls", "bin", "serverless.js"), command)
	run.Dir, run.Env, run.Stdout, run.Stderr = p.root, child.list(), p.stdout, p.stderr
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 10 * time.Second
	if err := run.Run(); err != nil {
		return fmt.Errorf("osls %s: %w", command, err)
	}
	return nil
}

// undeploy asks for the name before it deletes: the namespace goes with everything in it.
func (p program) undeploy(ctx context.Context, s service, env environment) error {
	if err := errors.Join(checkTools(ctx, p.root), checkDeployer(s, env)); err != nil {
		return err
	}
	r, err := newRemote(s, env, p.poll)
	if err != nil {
		return err
	}
	namespaces, err := r.namespaces(ctx)
	if err != nil {
		return err
	}
	var doomed []string
	for _, namespace := range namespaces {
		if namespace.Name != s.Name {
			continue
		}
		list, err := r.functions(ctx, namespace.ID)
		if err != nil {
			return err
		}
		for _, function := range list {
			doomed = append(doomed, function.Name)
		}
	}
	slices.Sort(doomed)
	p.say("This deletes namespace %s of project %s in %s with all in it: %s.", s.Name, r.project, s.Region, or(strings.Join(doomed, ", "), "no function"))
	p.say("The keys and secrets that the function has made stay, and nothing rotates them any more.")
	fmt.Fprint(p.stdout, "Type the namespace's name to go on: ")
	if err := flush(p.stdout); err != nil {
		return err
	}
	typed, _ := bufio.NewReader(p.stdin).ReadString('\n') // at the end of the input: what there was
	if strings.TrimSpace(typed) != s.Name {
		return errors.New("that is another name; nothing was deleted")
	}
	return p.osls(ctx, s, env, "remove")
}

// invoke calls the function with curl, whose configuration, token included, comes on its standard input: arguments can
// be seen by everybody on the machine.
func (p program) invoke(ctx context.Context, s service, env environment, address, body string, asJSON bool) error {
	if address == "" {
		r, err := newRemote(s, env, p.poll)
		if err != nil {
			return err
		}
		f, err := r.look(ctx, s)
		if err != nil {
			return err
		}
		if f.function == nil {
			return fmt.Errorf("function %s/%s is not there; run make deploy", s.Name, s.Function.Name)
		}
		address = "https://" + f.function.DomainName
	}
	if err := checkDeployer(s, env); err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return fmt.Errorf("%q: want https: the key would travel in clear", address)
	}
	if !asJSON && u.RawQuery == "" {
		u.RawQuery = "format=text"
	}
	address = u.String()
	lines := []string{
		"url = " + quote(address),
		"header = " + quote("X-Auth-Token: "+env[deployerKey]),
		"silent", "show-error", "fail-with-body",
		"max-time = 1000",
	}
	if control := env[controlSecret]; control != "" { // without it, the answer is short
		lines = append(lines, "header = "+quote(handler.ControlHeader+": "+control))
	}
	if body != "" {
		lines = append(lines, "data = "+quote(body), `header = "Content-Type: application/json"`)
	}
	// First of all arguments, -q keeps the user's own configuration out: it could follow redirects, with the key.
	curl := exec.CommandContext(ctx, "curl", "-q", "--config", "-")
	curl.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	curl.Stdout, curl.Stderr, curl.Env = p.stdout, p.stderr, env.harmless().list()
	if err := curl.Run(); err != nil {
		return fmt.Errorf("curl %s: %w", address, err)
	}
	return nil
}

// quote writes a value as curl's configuration files have them.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value) + `"`
}

package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
)

// attempts is how often osls is started: again only if it found the namespace in a change.
const attempts = 3

// Options are what a deployment is asked to do beside the usual.
type Options struct {
	Check       bool // only what needs no call of the API
	DryRun      bool // look at what there is, too, and change nothing
	NewKey      bool
	Application string // of the function, where its key does not tell
	Lose        bool   // what was set on the function by hand
}

func (p Deployer) deploy(ctx context.Context, env environment, o Options) (Result, error) {
	s, err := p.check(ctx, env)
	result := Result{
		Outcome: "failed", ProjectID: env[deployerProject], Region: s.Region, Namespace: s.Name, Functions: []string{s.Function.Name},
	}
	if err != nil {
		return result, fmt.Errorf("nothing was deployed:\n%w", err)
	}
	result.Schedule = s.Function.Events[0].Schedule.Rate
	if o.Check {
		result.Outcome = "checked"
		return result, nil
	}
	given := env[ownAccessKey]
	end := p.During("looking at what is deployed")
	s, env, before, r, err := p.prepare(ctx, s, env, o)
	if end(); err != nil {
		return result, fmt.Errorf("nothing was deployed:\n%w", err)
	}
	if env[ownAccessKey] != keptAccess {
		result.AccessKey = env[ownAccessKey]
	}
	if o.DryRun {
		result.Outcome = "planned"
		return result, nil
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
			return result, err
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
		return result, fmt.Errorf("the deploy did not succeed; mend what is named, then run make deploy again:\n%w", err)
	}
	result.Outcome, result.URL = "deployed", "https://"+deployed.DomainName
	return result, nil
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
func (p Deployer) prepare(ctx context.Context, s service, env environment, o Options) (service, environment, found, *remote, error) {
	fail := func(err error) (service, environment, found, *remote, error) { return s, env, found{}, nil, err }
	r, err := newRemote(ctx, s, env, p.Poll)
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
	if err := refuse(s, f, o.Lose); err != nil {
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
func (p Deployer) osls(ctx context.Context, s service, env environment, command string) error {
	child := maps.Clone(env)
	child["SCW_REGION"] = s.Region
	child["SCW_FUNCTION_URL"] = functionURL(env, s.Region)
	run := exec.CommandContext(ctx, "node", filepath.Join("node_modules", "osls", "bin", "serverless.js"), command)
	run.Dir, run.Env, run.Stdout, run.Stderr = p.Root, child.list(), p.Stderr, p.Stderr // it prints no result, only how far it is
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 10 * time.Second
	defer p.During("osls " + command + " is at work")()
	if err := run.Run(); err != nil {
		return fmt.Errorf("osls %s: %w", command, err)
	}
	return nil
}

// undeploy asks before it deletes: the namespace goes with everything in it.
func (p Deployer) undeploy(ctx context.Context, env environment, dryRun bool) (Result, error) {
	result := Result{Outcome: "failed", ProjectID: env[deployerProject], Functions: []string{}}
	env, err := env.missing(deployerKey, deployerProject) // whoever has lost the rest can undeploy, too
	if err != nil {
		return result, err
	}
	s, err := p.service(env)
	if err != nil {
		return result, err
	}
	result.Region, result.Namespace = s.Region, s.Name
	if err := errors.Join(checkTools(ctx, p.Root), checkDeployer(s, env)); err != nil {
		return result, err
	}
	r, err := newRemote(ctx, s, env, p.Poll)
	if err != nil {
		return result, err
	}
	namespaces, err := r.namespaces(ctx)
	if err != nil {
		return result, err
	}
	namespaces = slices.DeleteFunc(namespaces, func(n *functions.Namespace) bool { return n.Name != s.Name })
	if len(namespaces) == 0 {
		result.Outcome = "nothing to do"
		return result, nil
	}
	for _, namespace := range namespaces {
		list, err := r.functions(ctx, namespace.ID)
		if err != nil {
			return result, err
		}
		for _, function := range list {
			result.Functions = append(result.Functions, function.Name)
		}
	}
	slices.Sort(result.Functions)
	p.say("This deletes namespace %s of project %s in %s with all in it: %s.", s.Name, r.project, s.Region, or(strings.Join(result.Functions, ", "), "no function"))
	p.say("The keys and secrets that the function has made stay, and nothing rotates them any more.")
	if dryRun {
		result.Outcome = "planned"
		return result, nil
	}
	if err := p.Confirm(ctx, s.Name); err != nil {
		return result, err
	}
	if err := p.osls(ctx, s, env, "remove"); err != nil {
		return result, err
	}
	result.Outcome = "undeployed"
	return result, nil
}

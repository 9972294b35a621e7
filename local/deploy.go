package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/deploy"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

type deployCommand struct {
	shared `embed:""`

	Check       bool   `help:"Only check what can be checked without calling the API."`
	NewKey      bool   `help:"Make a new key of the function's application, as who deploys, and deploy the function with it: for one that has lost its own."`
	Application string `help:"ID of that application, where the function's key is gone and does not tell." placeholder:"ID"`
	Lose        bool   `help:"Deploy even though the plugin will remove what was set on the function by hand."`
}

// Help is shown by deploy --help.
func (c *deployCommand) Help() string {
	return `Settings are those of the environment, then of .env; where there is no .env, it
offers to make what setup makes. make deploy installs what it needs of Node first.

  go run ./local deploy --check     # all that is missing, without calling the API
  go run ./local deploy --dry-run   # and what it would do
  go run ./local deploy --profile prod`
}

func (c *deployCommand) Run(ctx context.Context, p program) error {
	if err := c.setUpFirst(ctx, p); err != nil {
		return c.told(p, deploy.Result{}, err)
	}
	d, err := p.deployer(c.shared)
	if err != nil {
		return err
	}
	r, err := d.Deploy(ctx, deploy.Options{Check: c.Check, DryRun: c.DryRun, NewKey: c.NewKey, Application: c.Application, Lose: c.Lose})
	return c.told(p, r, err)
}

// setUpFirst offers what setup makes to whoever has no .env. What is missing after
// that, the deployment says.
func (c *deployCommand) setUpFirst(ctx context.Context, p program) error {
	d, err := p.deployer(c.shared)
	if err != nil {
		return err
	}
	if _, is := os.Stat(".env"); c.Check || c.DryRun || !errors.Is(is, fs.ErrNotExist) || !d.WantsSetup(ctx) {
		return nil
	}
	if !c.Yes && !p.canAsk() {
		fmt.Fprintln(p.stderr, "there is no .env: run make setup, and make deploy after it; make deploy ARGS=--yes does both")
		return nil
	}
	fmt.Fprintln(p.stderr, "there is no .env: what a deployment needs comes first")
	first := setupCommand{shared: c.shared, then: true}
	first.JSON, p.stdout = false, p.stderr // it is not the result
	return first.Run(ctx, p)
}

type undeployCommand struct {
	shared `embed:""`
}

// Help is shown by undeploy --help.
func (c *undeployCommand) Help() string {
	return `Keys and secrets stay. It asks for the namespace's name, which may come through a
pipe.

  go run ./local undeploy --dry-run
  go run ./local undeploy --yes`
}

func (c *undeployCommand) Run(ctx context.Context, p program) error {
	d, err := p.deployer(c.shared)
	if err != nil {
		return err
	}
	r, err := d.Undeploy(ctx, c.DryRun)
	return c.told(p, r, err)
}

// told prints what came of it.
func (c shared) told(p program, r deploy.Result, err error) error {
	if c.JSON {
		if err != nil {
			r.Outcome, r.Error = "failed", printable.Text(err.Error())
		}
		r.Functions = append([]string{}, r.Functions...) // never null
		e := json.NewEncoder(p.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return errors.Join(err, e.Encode(r)) //nolint:gosec // an access key is no secret
	}
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s/%s", r.Namespace, strings.Join(r.Functions, ", "))
	switch r.Outcome {
	case "checked":
		what = "all is there to deploy " + what + ": make deploy"
	case "planned":
		what += fmt.Sprintf(" of project %s in %s: nothing was changed", r.ProjectID, r.Region)
	case "deployed":
		what = fmt.Sprintf("deployed: %s, private, at %s, cron %q UTC; try make invoke (a dry run)", what, r.URL, r.Schedule)
	case "undeployed":
		what = "undeployed: " + what
	case "nothing to do":
		what = fmt.Sprintf("✓ nothing to do: there is no namespace %s in project %s", r.Namespace, r.ProjectID)
	}
	_, err = fmt.Fprintln(p.stdout, printable.Line(what))
	return err
}

type invokeCommand struct {
	shared  `embed:""`
	request `embed:""`

	Real bool   `name:"run" help:"A real run, of everything that is due. Without any flag, invoke does a dry run."`
	Body string `help:"JSON body, in the place of flags." placeholder:"JSON"`
	URL  string `name:"url" help:"Call this address, not the deployed function's; http only to this machine." placeholder:"URL"`
}

// Help is shown by invoke --help.
func (c *invokeCommand) Help() string {
	return `It asks with the key that deploys, and with the control secret of .env.

  go run ./local invoke
  go run ./local invoke --run
  go run ./local invoke --revoke SCWEXAMPLE0000000001 --dry-run`
}

func (c *invokeCommand) Run(ctx context.Context, p program) error {
	body, asked := c.Body, c.body(c.DryRun)
	switch {
	case c.Real && c.DryRun:
		return misused("--run goes without --dry-run")
	case body != "" && (c.Real || asked != "{}"):
		return misused("--body is in the place of the flags that say what a run is to do, and goes without them")
	case body == "" && (c.Real || asked != "{}"):
		body = asked
	}
	d, err := p.deployer(c.shared)
	if err != nil {
		return err
	}
	return d.Invoke(ctx, deploy.Call{Address: c.URL, Body: body, JSON: c.JSON})
}

// deployer acts as whom the flags say, or the environment, .env, or the active profile.
func (p program) deployer(asked shared) (deploy.Deployer, error) {
	environ, err := p.as(asked)
	return deploy.Deployer{
		Root: ".", Environ: environ, Stdout: p.stdout, Stderr: p.stderr, Poll: 2 * time.Second, During: p.during,
		Confirm: func(ctx context.Context, namespace string) error {
			if asked.Yes {
				return nil
			}
			return p.answered(ctx, "Type the namespace's name to go on: ", namespace) // a pipe that knows it means it
		},
	}, err
}

// as is the environment with what the profile adds to it. A profile that is named
// goes before, and what is asked for first of all; but .env is for one project.
func (p program) as(asked shared) ([]string, error) {
	profile, err := liveProfile(asked.Profile)
	if err != nil {
		return nil, err
	}
	environ := p.environ()
	env, err := manifest.Environment(".", environ)
	if err != nil {
		return nil, err
	}
	if asked.Project != "" {
		profile.DefaultProjectID = &asked.Project
	}
	for _, f := range []struct {
		name  string
		value *string
		first bool // it goes before the environment
		place bool // it says where
	}{
		{"SCW_SECRET_KEY", profile.SecretKey, asked.Profile != "", false},
		{"SCW_API_URL", profile.APIURL, asked.Profile != "", false},
		{"SCW_DEFAULT_ORGANIZATION_ID", profile.DefaultOrganizationID, asked.Profile != "", true},
		{"SCW_DEFAULT_PROJECT_ID", profile.DefaultProjectID, asked.Profile+asked.Project != "", true},
	} {
		have := env[f.name]
		switch {
		case f.value == nil || *f.value == have || have != "" && !f.first:
		case have != "" && f.place:
			return nil, misused("%s is %s, by the environment or .env, and this is about %s: change it there, or use a clone for each project", f.name, have, *f.value)
		default:
			environ = append(environ, f.name+"="+*f.value)
		}
	}
	return environ, nil
}

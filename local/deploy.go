package main

import (
	"context"
	"errors"
	"time"

	"github.com/scw-key-rotator/rotator/local/deploy"
)

type deployCommand struct {
	Check       bool   `help:"Only check what can be checked without calling the API."`
	NewKey      bool   `help:"Make a new key of the function's application, as who deploys, and deploy the function with it: for one that has lost its own."`
	Application string `help:"ID of that application, where the function's key is gone and does not tell." placeholder:"ID"`
	Lose        bool   `help:"Deploy even though the plugin will remove what was set on the function by hand."`
}

func (c *deployCommand) Run(ctx context.Context, p program) error {
	if c.Check {
		return p.deployer().Check(ctx)
	}
	return p.deployer().Deploy(ctx, deploy.Options{NewKey: c.NewKey, Application: c.Application, Lose: c.Lose})
}

type undeployCommand struct{}

func (c *undeployCommand) Run(ctx context.Context, p program) error { return p.deployer().Undeploy(ctx) }

type invokeCommand struct {
	request `embed:""`

	Real bool   `name:"run" help:"A real run, of everything that is due. Without any flag, invoke does a dry run."`
	Body string `help:"JSON body, in the place of flags." placeholder:"JSON"`
	JSON bool   `name:"json" help:"Print the report as JSON."`
	URL  string `name:"url" help:"Call this address, not the deployed function's; http only to this machine." placeholder:"URL"`
}

func (c *invokeCommand) Run(ctx context.Context, p program) error {
	body := c.Body
	if asked := c.body(); body == "" && (c.Real || asked != "{}") {
		body = asked
	}
	return p.deployer().Invoke(ctx, deploy.Call{Address: c.URL, Body: body, JSON: c.JSON})
}

func (p program) deployer() deploy.Deployer {
	return deploy.Deployer{
		Root: ".", Environ: p.environ(), Stdout: p.stdout, Stderr: p.stderr, Poll: 2 * time.Second,
		Confirm: func(ctx context.Context, namespace string) error { // a pipe that knows the name means it
			if err := p.answered(ctx, "Type the namespace's name to go on: ", namespace); err != nil {
				return errors.New("that is another name; nothing was deleted")
			}
			return nil
		},
	}
}

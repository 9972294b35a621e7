// Package deploy puts the function into its project, takes it away again, and calls it. It checks whatever can be
// checked before anything is changed, hands the work to osls and the Scaleway plugin, and covers what these two get
// wrong (deploy/osls-mend.js lists it).
//
// It promises that no secret of the deployment appears in its output, theirs and its errors included, or in another
// program's arguments. What is deployed is said in serverless.yml, not here.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

// Deployer is who deploys, and from where.
type Deployer struct {
	Root    string   // the folder of serverless.yml and .env
	Environ []string // goes before .env
	Stdout  io.Writer
	Stderr  io.Writer
	// Confirm asks before a namespace is deleted with all in it; an error is a no.
	Confirm func(ctx context.Context, namespace string) error
	Poll    time.Duration // between two looks at what the API is still working on
}

// Check checks all that can be checked without calling the API.
func (p Deployer) Check(ctx context.Context) error { return p.guarded(ctx, Deployer.check) }

// Deploy checks, deploys, and verifies what was deployed.
func (p Deployer) Deploy(ctx context.Context, o Options) error {
	return p.guarded(ctx, func(p Deployer, ctx context.Context, s service, env environment) error {
		return p.deploy(ctx, s, env, o)
	})
}

// Undeploy deletes the namespace and all in it, after asking.
func (p Deployer) Undeploy(ctx context.Context) error { return p.guarded(ctx, Deployer.undeploy) }

// Invoke calls the deployed function, and writes its answer.
func (p Deployer) Invoke(ctx context.Context, c Call) error {
	return p.guarded(ctx, func(p Deployer, ctx context.Context, s service, env environment) error {
		return p.invoke(ctx, s, env, c)
	})
}

// guarded lets work write, and fail, through the filter only.
func (p Deployer) guarded(ctx context.Context, work func(Deployer, context.Context, service, environment) error) error {
	env, err := readEnvironment(p.Root, p.Environ)
	if err != nil {
		return err
	}
	env = env.withOwnKey()
	out, errs := newFilter(p.Stdout, env.secrets()), newFilter(p.Stderr, env.secrets())
	p.Stdout, p.Stderr = out, errs
	s, err := p.service(env)
	if err == nil {
		err = work(p, ctx, s, env)
	}
	return errors.Join(errs.clean(err), out.Close(), errs.Close())
}

// service reads serverless.yml.
func (p Deployer) service(env environment) (service, error) {
	text, err := os.ReadFile(filepath.Join(p.Root, "serverless.yml"))
	if err != nil {
		return service{}, err
	}
	return manifest.Parse(text, env)
}

// say writes a line of progress.
func (p Deployer) say(format string, args ...any) {
	fmt.Fprintln(p.Stderr, printable.Text(fmt.Sprintf(format, args...)))
}

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
	// During is told of what may take long; end is when that is over.
	During func(what string) (end func())
}

// Result is what came of it.
type Result struct {
	Outcome   string   `json:"outcome"` // checked, planned, deployed, undeployed, nothing to do, failed
	ProjectID string   `json:"project_id"`
	Region    string   `json:"region"`
	Namespace string   `json:"namespace"`
	Functions []string `json:"functions"`            // that are, were or would be deployed or deleted there
	URL       string   `json:"url,omitempty"`        // of what was deployed
	Schedule  string   `json:"schedule,omitempty"`   // in UTC
	AccessKey string   `json:"access_key,omitempty"` // of the function's key
	Error     string   `json:"error,omitempty"`
}

// Deploy checks, deploys, and verifies what was deployed, or as much of it as the options say.
func (p Deployer) Deploy(ctx context.Context, o Options) (r Result, err error) {
	err = p.guarded(func(p Deployer, env environment) error {
		r, err = p.deploy(ctx, env, o)
		return err
	})
	return r, err
}

// Undeploy deletes the namespace and all in it, after asking. A dry run only looks.
func (p Deployer) Undeploy(ctx context.Context, dryRun bool) (r Result, err error) {
	err = p.guarded(func(p Deployer, env environment) error {
		r, err = p.undeploy(ctx, env, dryRun)
		return err
	})
	return r, err
}

// Invoke calls the deployed function, and writes its answer.
func (p Deployer) Invoke(ctx context.Context, c Call) error {
	return p.guarded(func(p Deployer, env environment) error { return p.invoke(ctx, env, c) })
}

// guarded lets work write, and fail, through the filter only.
func (p Deployer) guarded(work func(Deployer, environment) error) error {
	env, err := readEnvironment(p.Root, p.Environ)
	if err != nil {
		return err
	}
	env = env.withOwnKey()
	out, errs := newFilter(p.Stdout, env.secrets()), newFilter(p.Stderr, env.secrets())
	p.Stdout, p.Stderr = out, errs
	return errors.Join(errs.clean(work(p, env)), out.Close(), errs.Close())
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

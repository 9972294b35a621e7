package main

import (
	"context"
	"errors"
	"maps"
	"os"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

type doctorCommand struct {
	shared `embed:""`
}

// Help is shown by doctor --help.
func (c *doctorCommand) Help() string {
	return `Is it right, is it too much, will it go on? Looks at the function's key, at what
the function may do, at how it is deployed, and at the project that it looks
after, with your own scw profile, and changes nothing. Each line that is not ✓
says how to mend it.

  go run ./local doctor --profile prod
  go run ./local doctor --json | jq '.lines[] | select(.mark != "right")'`
}

func (c *doctorCommand) Run(ctx context.Context, p program) error {
	o, err := c.options(ctx, p)
	if err != nil {
		return err
	}
	end := p.during("looking at the function and its project")
	found := doctor.Examine(ctx, o)
	end()
	if c.JSON {
		err = found.JSON(p.stdout)
	} else {
		err = found.Text(p.stdout)
	}
	if err == nil && found.Outcome == doctor.Wrong {
		return exit(exitFailed)
	}
	return err
}

// options are whom to ask, by the profile, and what should be there, by
// serverless.yml and .env.
func (c *doctorCommand) options(ctx context.Context, p program) (doctor.Options, error) {
	who, err := p.caller(c.shared)
	if err != nil {
		return doctor.Options{}, err
	}
	if none, is := errors.AsType[usageError](who.there(ctx)); is { // all else is a line
		return doctor.Options{}, none
	}
	o := doctor.Options{Caller: []string{
		config.Prefix + "ACCESS_KEY=" + who.accessKey, config.Prefix + "SECRET_KEY=" + who.secretKey,
		config.Prefix + "ORGANIZATION_ID=" + who.organization, config.Prefix + "PROJECT_ID=" + who.project,
		config.Prefix + "API_URL=" + who.api,
	}}
	o.ControlSecret = who.env[config.Prefix+"CONTROL_SECRET"]
	o.OwnAccessKey, o.OwnSecretKey = who.env[config.Prefix+"ACCESS_KEY"], who.env[config.Prefix+"SECRET_KEY"]
	if who.wouldBe != who.project && uuid.MatchString(who.wouldBe) {
		o.Elsewhere = who.wouldBe
	}
	o.Manifest, err = wouldDeploy(who.env, who.organization, who.project)
	return o, err
}

// wouldDeploy is serverless.yml as make deploy reads it. What only a deployment
// needs may be missing: it is not compared.
func wouldDeploy(env map[string]string, organization, project string) (manifest.Service, error) {
	text, err := os.ReadFile("serverless.yml")
	if err != nil {
		return manifest.Service{}, err
	}
	env = maps.Clone(env)
	for name, value := range map[string]string{
		"ACCESS_KEY": "", "SECRET_KEY": "", "CONTROL_SECRET": "", "ORGANIZATION_ID": organization, "PROJECT_ID": project,
	} {
		env[config.Prefix+name] = value
	}
	return manifest.Parse(text, env)
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/forecast"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

type forecastCommand struct {
	shared `embed:""`

	Days     int    `default:"120" help:"How far to look ahead, at most 1000." placeholder:"N"`
	Settings string `help:"Settings in the form of .env: they go over those of serverless.yml." placeholder:"FILE"`
	Cap      *span  `help:"As if the organization's maximum for the lifetime of keys were this." placeholder:"30d"`
	Readers  *span  `help:"The longest time between two readings of a key from Secret Manager." placeholder:"12h"`
	KeyQuota *int   `help:"How many API keys the organization may have." placeholder:"N"`
	Report   string `help:"A whole report of the function as JSON: it says who carries which key." placeholder:"FILE"`
	SVG      string `name:"svg" help:"Write the picture of the keys to a file." placeholder:"FILE"`
	Live     bool   `help:"Read the real project with your own scw profile; without it, the demo is played."`
	Seed     string `default:"demo" help:"Without --live: demo, or a file as local api takes it." placeholder:"FILE"`
}

// Help is shown by forecast --help.
func (c *forecastCommand) Help() string {
	return `Reads what is there, loads it into an emulator, and does there the runs that
serverless.yml plans. It changes nothing, and neither needs nor reads a secret of the
project: who carries which key it takes from a report, where it gets one. The exit
status is 0 where nothing breaks, 1 where something does.

  go run ./local forecast --cap 30d
  make invoke ARGS=--json > report.json
  go run ./local forecast --live --profile prod --report report.json --readers 12h
  echo ROTATOR_ROTATE_AFTER=14d > try.env && go run ./local forecast --live --settings try.env --json`
}

func (c *forecastCommand) Run(ctx context.Context, p program) error {
	o, err := c.options(ctx, p)
	if err != nil {
		return err
	}
	end := p.during("playing the runs that are planned")
	found, err := forecast.Make(ctx, o)
	end()
	switch {
	case err != nil && c.Settings != "" && config.IsError(err):
		return misused("--settings %s: %w", c.Settings, err)
	case err != nil:
		return err
	}
	if c.SVG != "" {
		var picture strings.Builder
		if err := found.SVG(&picture); err != nil {
			return err
		}
		if err := os.WriteFile(c.SVG, []byte(picture.String()), 0o600); err != nil {
			return fmt.Errorf("write the picture: %w", err)
		}
	}
	if c.JSON {
		err = found.JSON(p.stdout)
	} else {
		err = found.Text(p.stdout)
	}
	if err == nil && len(found.Breaks) > 0 {
		return exit(exitFailed)
	}
	return err
}

func (c *forecastCommand) options(ctx context.Context, p program) (o forecast.Options, err error) {
	switch {
	case c.Days < 1 || c.Days > 1000:
		return o, misused("--days %d: want 1 to 1000", c.Days)
	case c.KeyQuota != nil && *c.KeyQuota < 1:
		return o, misused("--key-quota %d: want how many keys there may be", *c.KeyQuota)
	case c.Cap != nil && *c.Cap == 0:
		return o, misused("--cap 0: want how long a key may live, such as 30d")
	case c.Readers != nil && *c.Readers == 0:
		return o, misused("--readers 0: want the longest time between two readings, such as 12h")
	case c.Report != "" && !c.Live:
		return o, misused("--report goes with --live: the demo has one of its own")
	case !c.Live && c.Profile+c.Project != "":
		return o, misused("--profile and --project go with --live: the demo has a key, and a project, of its own")
	case c.Live && c.Seed != "demo":
		return o, misused("--seed is the emulator's, and goes without --live")
	}
	o = forecast.Options{Days: c.Days}
	if c.Cap != nil {
		o.Cap = time.Duration(*c.Cap)
	}
	if c.Readers != nil {
		o.Readers = time.Duration(*c.Readers)
	}
	if c.KeyQuota != nil {
		o.KeyQuota = *c.KeyQuota
	}
	over := map[string]string{}
	if c.Settings != "" {
		if over, err = manifest.Variables(c.Settings); err != nil {
			return o, misused("--settings: %w", err)
		}
	}
	if c.Report != "" {
		text, err := os.ReadFile(c.Report)
		if err != nil {
			return o, misused("--report: %w", err)
		}
		if o.Report, err = forecast.ParseReport(text); err != nil {
			return o, misused("--report %s: %w", c.Report, err)
		}
	}
	env := map[string]string{}
	for _, line := range p.environ() {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	if c.Live {
		who, err := p.caller(c.shared)
		if err != nil {
			return o, err
		}
		if err := who.there(ctx); err != nil {
			return o, err
		}
		env = who.env
		o.Caller = forecast.Caller{
			API: who.api, AccessKey: who.accessKey, SecretKey: redact.New(who.secretKey), Organization: who.organization, Project: who.project,
		}
	} else if err := c.demo(ctx, &o); err != nil {
		return o, err
	}
	return o, c.planned(&o, env, over)
}

// planned takes the settings and the schedule of serverless.yml, under those of a file.
func (c *forecastCommand) planned(o *forecast.Options, env, over map[string]string) error {
	env = maps.Clone(env)
	maps.Copy(env, over)
	service, err := wouldDeploy(env, o.Caller.Organization, o.Caller.Project)
	if err != nil {
		return err
	}
	if n := len(service.Function.Events); n != 1 {
		return fmt.Errorf("serverless.yml: want one schedule to play, have %d", n)
	}
	o.Function = service.Name + "/" + service.Function.Name
	o.Schedule = service.Function.Events[0].Schedule.Rate
	settings := maps.Clone(service.Function.Env)
	maps.Copy(settings, over)
	for name, value := range settings {
		if strings.HasPrefix(name, config.Prefix) {
			o.Settings = append(o.Settings, name+"="+value)
		}
	}
	return nil
}

// demo is a project in an emulator, and a dry run in it, which says who carries what.
func (c *forecastCommand) demo(ctx context.Context, o *forecast.Options) error {
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(clock.Real().Now())), Seed: 1, HashMemory: 8}, c.Seed, nil)
	if err != nil {
		return err
	}
	access, secret := d.Owner()
	project, err := defaultProject(d.Emulator, "")
	if err != nil {
		return err
	}
	o.Transport = d.RoundTripper()
	o.Clock = clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep, After: d.Clock().After, Emulated: true}
	o.Caller = forecast.Caller{
		API: config.DefaultAPIURL, AccessKey: access, SecretKey: redact.New(secret), Organization: d.Organization(), Project: project,
	}
	if o.Report == nil {
		o.Report, err = d.report(ctx, handler.Options{API: d.RoundTripper(), Endpoints: d.RoundTripper(), Clock: o.Clock})
	}
	return err
}

// report is that of a dry run.
func (d *demo) report(ctx context.Context, o handler.Options) (*report.Report, error) {
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/?format=json&full=1", nil)
	req.Header.Set(handler.ControlHeader, d.control)
	answer := httptest.NewRecorder()
	handler.New(d.environ, io.Discard, o).ServeHTTP(answer, req)
	return forecast.ParseReport(answer.Body.Bytes())
}

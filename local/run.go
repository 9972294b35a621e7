package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type runCommand struct {
	JSON    bool   `help:"Print the report as JSON."`
	DryRun  bool   `help:"Change nothing; say what a run would do."`
	Force   bool   `help:"Rotate every key in scope, whatever its age."`
	Log     bool   `help:"Print the function's log on standard error."`
	Live    bool   `help:"Use the real API with your own scw profile. It changes nothing without --apply."`
	Apply   bool   `help:"With --live: do change things."`
	Profile string `help:"With --live: the profile of the scw configuration file." placeholder:"NAME"`
}

// Help is shown by run --help.
func (c *runCommand) Help() string {
	return `Without --live, the emulator holds a demo project of two regions and its clock
jumps over all waiting, so a run takes a moment. ROTATOR_ variables of this
shell are settings of the run, as they are of the deployed function.`
}

func (c *runCommand) Run(ctx context.Context, p program) error {
	if c.Apply && !c.Live {
		return errors.New("--apply goes with --live; in the emulator everything is applied unless --dry-run")
	}
	var log bytes.Buffer
	environ, options, err := c.surroundings(p)
	if err != nil {
		return err
	}
	dry := c.DryRun || (c.Live && !c.Apply)
	if c.Live {
		fmt.Fprintf(p.stderr, "running on the real API%s; a new key is verified for a minute\n", map[bool]string{true: ", changing nothing"}[dry])
	}
	function := handler.New(environ, &log, options)
	format := "text"
	if c.JSON {
		format = "json"
	}
	body := fmt.Sprintf(`{"dry_run": %t, "force": %t}`, dry, c.Force)
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/?format="+format, strings.NewReader(body))
	answer := httptest.NewRecorder()
	function.ServeHTTP(answer, req)
	if c.Log {
		_, _ = log.WriteTo(p.stderr)
	}
	_, _ = answer.Body.WriteTo(p.stdout)
	if answer.Code != http.StatusOK {
		return exit(exitFailed)
	}
	return nil
}

// surroundings are the emulator's, or the real API's.
func (c *runCommand) surroundings(p program) ([]string, handler.Options, error) {
	if c.Live {
		environ, err := liveEnviron(p, c.Profile)
		return environ, handler.Options{}, err
	}
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(time.Now())), Seed: 1}, p.settings())
	if err != nil {
		return nil, handler.Options{}, err
	}
	clock := clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep, After: d.Clock().After, Emulated: true}
	return d.environ, handler.Options{API: d.RoundTripper(), Endpoints: d.RoundTripper(), Clock: clock}, nil
}

// liveEnviron takes the key, organization and project from the user's scw
// profile, and everything else from ROTATOR_ variables, which go before it.
func liveEnviron(p program, name string) ([]string, error) {
	file, err := scw.LoadConfig()
	var missing *scw.ConfigFileNotFoundError
	if err != nil && !errors.As(err, &missing) {
		return nil, fmt.Errorf("read the scw configuration: %w", err)
	}
	profile := &scw.Profile{}
	if err == nil {
		if name == "" {
			profile, err = file.GetActiveProfile()
		} else {
			profile, err = file.GetProfile(name)
		}
		if err != nil {
			return nil, fmt.Errorf("read the scw profile: %w", err)
		}
	}
	profile = scw.MergeProfiles(profile, scw.LoadEnvProfile())
	var environ []string
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"ACCESS_KEY", profile.AccessKey},
		{"SECRET_KEY", profile.SecretKey},
		{"ORGANIZATION_ID", profile.DefaultOrganizationID},
		{"PROJECT_ID", profile.DefaultProjectID},
		{"API_URL", profile.APIURL},
	} {
		if f.value != nil && p.getenv(config.Prefix+f.name) == "" {
			environ = append(environ, config.Prefix+f.name+"="+*f.value)
		}
	}
	return append(environ, p.settings()...), nil
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type runCommand struct {
	shared  `embed:""`
	request `embed:""`

	HTML  string `help:"Write the report to a file, as a page for a browser." placeholder:"FILE"`
	Full  bool   `help:"Print each row that is as it should be, too, where there are many."`
	Log   bool   `help:"Print the function's log on standard error."`
	Seed  string `default:"demo" help:"What the emulator holds: demo, or a file as local api takes it." placeholder:"FILE"`
	Live  bool   `help:"Use the real API with your own scw profile. It changes nothing without --apply."`
	Apply bool   `help:"With --live: do change things, after asking."`
}

// Help is shown by run --help.
func (c *runCommand) Help() string {
	return `Without --live, the emulator holds a demo project of two regions and its clock
jumps over all waiting, so a run takes a moment. ROTATOR_ variables of this
shell are settings of the run, as they are of the deployed function.

  go run ./local run --revoke SCWEXAMPLE0000000001 --dry-run
  go run ./local run --live --profile prod           # looks, and changes nothing
  go run ./local run --live --profile prod --apply   # asks, and then does it`
}

func (c *runCommand) Run(ctx context.Context, p program) error {
	switch {
	case c.Apply && !c.Live:
		return misused("--apply goes with --live; in the emulator everything is applied unless --dry-run")
	case c.Live && c.Seed != "demo":
		return misused("--seed is the emulator's, and goes without --live")
	case c.JSON && c.HTML != "":
		return misused("--html goes without --json: a run has one report")
	case c.Profile+c.Project != "" && !c.Live:
		return misused("--profile and --project go with --live: the emulator has keys and projects of its own")
	}
	var log bytes.Buffer
	c.DryRun = c.DryRun || c.Live && !c.Apply
	environ, control, options, err := c.surroundings(ctx, p)
	if err != nil {
		return err
	}
	function := handler.New(environ, &log, options)
	format := "text"
	switch {
	case c.JSON:
		format = "json"
	case c.HTML != "":
		format = "html"
	}
	full := ""
	if c.Full {
		full = "&full=1"
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/?format="+format+full, strings.NewReader(c.body(c.DryRun)))
	req.Header.Set(handler.ControlHeader, control)
	answer := httptest.NewRecorder()
	end := func() {}
	if c.Live { // in the emulator a run takes a moment
		end = p.during("the run is under way")
	}
	function.ServeHTTP(answer, req)
	end()
	if c.Log {
		_, _ = log.WriteTo(p.stderr)
	}
	if c.HTML != "" {
		if err := os.WriteFile(c.HTML, answer.Body.Bytes(), 0o600); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		fmt.Fprintf(p.stdout, "the report is in %s\n", printable.Line(c.HTML))
	} else {
		_, _ = answer.Body.WriteTo(p.stdout)
	}
	if answer.Code != http.StatusOK {
		return exit(exitFailed)
	}
	return nil
}

// surroundings are the emulator's, or the real API's.
func (c *runCommand) surroundings(ctx context.Context, p program) (environ []string, control string, o handler.Options, err error) {
	if c.Live {
		environ, err = c.live(ctx, p)
		control, environ = controlSecret(environ)
		return environ, control, handler.Options{}, err
	}
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(time.Now())), Seed: 1, HashMemory: p.hashes}, c.Seed, p.settings())
	if err != nil {
		return nil, "", handler.Options{}, err
	}
	for _, name := range []string{"NOTIFY", "HEARTBEAT"} {
		if p.getenv(config.Prefix+name) != "" {
			fmt.Fprintf(p.stderr, "local: nobody is told of a run in the emulator: %s goes with --live, or the deployed function\n", config.Prefix+name)
		}
	}
	clock := clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep, After: d.Clock().After, Emulated: true}
	return d.environ, d.control, handler.Options{API: d.RoundTripper(), Endpoints: d.RoundTripper(), Clock: clock}, nil
}

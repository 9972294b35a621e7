package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

type setupCommand struct {
	Profile string `help:"The profile of the scw configuration file. It goes before the environment." placeholder:"NAME"`
	Project string `help:"The project to set up. Without it, the profile's, or that of .env." placeholder:"ID"`
	Yes     bool   `help:"Do not ask."`
	DryRun  bool   `help:"Say what would be done, and change nothing."`
	JSON    bool   `name:"json" help:"Print what was done, or would be, as JSON."`
	OnlyAt  string `help:"Hours of UTC, such as 03:00-05:00, within which alone the function may make and delete keys. Once asked for, they stay." placeholder:"HOURS"`
	NoFence bool   `help:"Put no conditions on the function's policy, and take those away that are there."`
	Remove  bool   `help:"Take away what setup has made. Refuses while a function runs on it."`
	Scw     bool   `help:"Print the commands that would do it, scw's and the shell's, and change nothing."`
	Root    string `default:"." hidden:"" help:"The folder of .env." type:"existingdir"`
}

// Help is shown by setup --help.
func (c *setupCommand) Help() string {
	return `Looks first, with your own scw profile, says what it would make, and asks: an
application for the function with README's policy, one that only checks
endpoints, a control secret, and .env. What is there already stays as it is; run
again, it changes only what differs. It makes no key: the first make deploy does,
straight into the function's variable.

  go run ./local setup --profile prod
  go run ./local setup --dry-run --json
  go run ./local setup --scw           # the commands, to type them yourself
  go run ./local setup --only-at 03:00-05:00   # a key that is stolen makes no other at other times
  go run ./local setup --remove

The exit status is 0 where all is as it should be or was made so, 1 where
something failed, 2 where it was asked for in a way that it cannot do.`
}

// setupResult is what --json prints.
type setupResult struct {
	Outcome        string       `json:"outcome"` // nothing to do, planned, done, failed
	OrganizationID string       `json:"organization_id"`
	ProjectID      string       `json:"project_id"`
	Steps          []setup.Step `json:"steps"`
	Error          string       `json:"error,omitempty"`
}

func (c *setupCommand) Run(ctx context.Context, p program) error {
	o, who, err := c.options(p)
	if err != nil {
		fmt.Fprintf(p.stderr, "local: %s\ntry 'go run ./local setup --help'\n", printable.Text(err.Error()))
		return exit(exitUsage)
	}
	facts, err := setup.Look(ctx, o, c.Remove)
	if err != nil {
		return c.refused(p, o, err)
	}
	decide := setup.Plan
	if c.Remove {
		decide = setup.Removal
	}
	steps, err := decide(facts)
	if err != nil {
		return c.refused(p, o, err)
	}
	r := setupResult{Outcome: "planned", OrganizationID: o.Organization, ProjectID: o.ProjectID, Steps: steps}
	if len(steps) == 0 {
		r.Outcome, r.Steps = "nothing to do", []setup.Step{}
	}
	switch {
	case c.Scw:
		for _, command := range setup.Commands(facts, steps, c.Profile) {
			fmt.Fprintln(p.stdout, printable.Text(command))
		}
		return nil
	case c.JSON && (c.DryRun || len(steps) == 0):
		return r.print(p.stdout)
	case c.JSON: // what it would do is for the person who is asked
		c.show(p.stderr, facts, r)
	default:
		c.show(p.stdout, facts, r)
	}
	if len(steps) > 0 && !c.DryRun {
		if err := c.apply(ctx, p, o, facts, &r); err != nil {
			return err
		}
	}
	if !c.JSON && !c.Remove && !c.DryRun {
		fmt.Fprintf(p.stdout, "next: %s\n", printable.Text(next(who, c.Profile)))
	}
	return nil
}

// apply does it, after asking.
func (c *setupCommand) apply(ctx context.Context, p program, o setup.Options, facts setup.Facts, r *setupResult) error {
	if !c.Yes {
		if !p.canAsk() {
			fmt.Fprintln(p.stderr, "local: nothing was changed: there is no terminal to ask at; --yes says that it is meant, --dry-run only looks")
			return exit(exitUsage)
		}
		question := "Make this?"
		if c.Remove {
			question = "Delete this?"
		}
		if err := p.confirmed(ctx, question); err != nil {
			return err
		}
	}
	err := setup.Apply(ctx, o, facts, r.Steps, func(s setup.Step) {
		what, _, _ := strings.Cut(s.Text, ":")
		fmt.Fprintf(p.stderr, "done: %s %s\n", s.Action, printable.Line(what))
	})
	r.Outcome = "done"
	if err != nil {
		r.Outcome, r.Error = "failed", printable.Text(err.Error())
	}
	if c.JSON {
		err = errors.Join(err, r.print(p.stdout))
	}
	return err
}

func (c *setupCommand) options(p program) (setup.Options, caller, error) {
	switch {
	case c.Scw && (c.Yes || c.JSON || c.DryRun):
		return setup.Options{}, caller{}, errors.New("--scw only prints commands: it goes without --yes, --json and --dry-run")
	case c.NoFence && c.OnlyAt != "":
		return setup.Options{}, caller{}, errors.New("--no-fence takes conditions away: it goes without --only-at")
	case c.Remove && (c.NoFence || c.OnlyAt != ""):
		return setup.Options{}, caller{}, errors.New("--remove takes the whole policy away: it goes without --only-at and --no-fence")
	case c.DryRun && c.Yes:
		return setup.Options{}, caller{}, errors.New("--dry-run changes nothing: it goes without --yes")
	}
	who, err := p.caller(c.Profile, c.Project, c.Root)
	if err != nil {
		return setup.Options{}, who, err
	}
	for _, line := range p.environ() {
		name, is, _ := strings.Cut(line, "=")
		if name == "SCW_DEFAULT_PROJECT_ID" && is != "" && is != who.project {
			return setup.Options{}, who, fmt.Errorf("SCW_DEFAULT_PROJECT_ID of the environment is %s, and goes before .env: make deploy would deploy there, and this is about %s. Unset it", is, who.project)
		}
	}
	narrow, err := c.narrow(who)
	if err != nil {
		return setup.Options{}, who, err
	}
	return setup.Options{
		Narrow: narrow,
		API:    who.api, AccessKey: who.accessKey, SecretKey: who.secretKey, Organization: who.organization, ProjectID: who.project, Root: c.Root,
	}, who, nil
}

// narrow is what the function's policy is to be narrowed to, by what make deploy would
// deploy from here.
func (c *setupCommand) narrow(who caller) (setup.Narrow, error) {
	n := setup.Narrow{None: c.NoFence, Folder: config.Defaults()[config.Prefix+"SECRET_PATH"]}
	if c.OnlyAt != "" {
		w, err := scaleway.ParseWindow(c.OnlyAt)
		if err != nil {
			return n, fmt.Errorf("--only-at %w", err)
		}
		n.Window = &w
	}
	m, err := wouldDeploy(c.Root, who.env, who.organization, who.project)
	switch {
	case errors.Is(err, fs.ErrNotExist): // elsewhere: the defaults
		n.Folder = cmp.Or(who.env[config.Prefix+"SECRET_PATH"], n.Folder)
		return n, nil
	case err != nil:
		return n, err
	}
	n.Folder = cmp.Or(m.Function.Env[config.Prefix+"SECRET_PATH"], n.Folder)
	budget, is := duration.Parse(cmp.Or(m.Function.Env[config.Prefix+"BUDGET"], config.Defaults()[config.Prefix+"BUDGET"]))
	if !is {
		return n, fmt.Errorf("ROTATOR_BUDGET: %q is not right; want a duration such as 14m", m.Function.Env[config.Prefix+"BUDGET"])
	}
	n.Run = budget
	for _, event := range m.Function.Events {
		if err := manifest.CheckSchedule(event.Schedule.Rate); err != nil {
			return n, fmt.Errorf("serverless.yml: %w", err)
		}
		n.Starts = append(n.Starts, manifest.Starts(event.Schedule.Rate)...)
	}
	return n, nil
}

// refused says why nothing can be done.
func (c *setupCommand) refused(p program, o setup.Options, err error) error {
	if c.JSON {
		r := setupResult{Outcome: "failed", OrganizationID: o.Organization, ProjectID: o.ProjectID, Steps: []setup.Step{}, Error: printable.Text(err.Error())}
		return errors.Join(r.print(p.stdout), fmt.Errorf("nothing was changed: %w", err))
	}
	return fmt.Errorf("nothing was changed: %w", err)
}

func (c *setupCommand) show(w io.Writer, f setup.Facts, r setupResult) {
	fmt.Fprintf(w, "project %s (%s) of organization %s\n", printable.Line(f.ProjectName), r.ProjectID, r.OrganizationID)
	if len(r.Steps) == 0 {
		if c.Remove {
			fmt.Fprintln(w, "✓ nothing to do: there is nothing that setup has made")
		} else {
			fmt.Fprintln(w, "✓ nothing to do: applications, policies and .env are as they should be")
		}
		return
	}
	signs := map[setup.Action]string{setup.Make: "+", setup.Delete: "-"}
	for _, s := range r.Steps {
		sign, known := signs[s.Action]
		if !known {
			sign = "~"
		}
		fmt.Fprintf(w, "  %s %s\n", sign, printable.Text(s.Text))
	}
}

func (r setupResult) print(w io.Writer) error {
	printable.Fields(&r.Steps)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// next is how to deploy: make deploy takes the key that deploys from .env or the
// environment, and setup copies nobody's key into a file.
func next(who caller, profile string) string {
	if who.env["SCW_SECRET_KEY"] != "" {
		return "make deploy, then make doctor"
	}
	command := "scw config get secret-key"
	if profile != "" {
		command = "scw --profile '" + profile + "' config get secret-key"
	}
	return "SCW_SECRET_KEY=$(" + command + ") make deploy, then make doctor; or put the key that deploys into .env"
}

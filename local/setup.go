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
	shared `embed:""`

	OnlyAt  string `help:"Hours of UTC, such as 03:00-05:00, within which alone the function may make and delete keys. Once asked for, they stay." placeholder:"HOURS"`
	NoFence bool   `help:"Put no conditions on the function's policy, and take those away that are there."`
	Remove  bool   `help:"Take away what setup has made. Refuses while a function runs on it."`
	Scw     bool   `help:"Print the commands that would do it, scw's and the shell's, and change nothing."`

	then bool // a deployment follows
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
  go run ./local setup --remove`
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
	o, err := c.options(p)
	if err != nil {
		return err
	}
	end := p.during("looking at what is there")
	facts, err := setup.Look(ctx, o, c.Remove)
	end()
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
	if !c.JSON && !c.Remove && !c.DryRun && !c.then {
		as := ""
		if c.Profile != "" {
			as = " ARGS='--profile " + c.Profile + "'"
		}
		fmt.Fprintf(p.stdout, "next: make deploy%[1]s, then make doctor%[1]s\n", printable.Line(as))
	}
	return nil
}

// apply does it, after asking.
func (c *setupCommand) apply(ctx context.Context, p program, o setup.Options, facts setup.Facts, r *setupResult) error {
	if !c.Yes {
		question := "Make this?"
		if c.then {
			question = "Make this, and then deploy?"
		}
		if c.Remove {
			question = "Delete this?"
		}
		if err := p.confirmed(ctx, question); err != nil {
			return err
		}
	}
	end := p.during("making it")
	err := setup.Apply(ctx, o, facts, r.Steps, func(s setup.Step) {
		what, _, _ := strings.Cut(s.Text, ":")
		fmt.Fprintf(p.stderr, "done: %s %s\n", s.Action, printable.Line(what))
	})
	end()
	r.Outcome = "done"
	if err != nil {
		r.Outcome, r.Error = "failed", printable.Text(err.Error())
	}
	if c.JSON {
		err = errors.Join(err, r.print(p.stdout))
	}
	return err
}

func (c *setupCommand) options(p program) (setup.Options, error) {
	switch {
	case c.Scw && c.JSON:
		return setup.Options{}, misused("--scw prints commands, and goes without --json")
	case c.NoFence && c.OnlyAt != "":
		return setup.Options{}, misused("--no-fence takes conditions away: it goes without --only-at")
	case c.Remove && (c.NoFence || c.OnlyAt != ""):
		return setup.Options{}, misused("--remove takes the whole policy away: it goes without --only-at and --no-fence")
	}
	who, err := p.caller(c.shared)
	if err != nil {
		return setup.Options{}, err
	}
	for _, line := range p.environ() {
		name, is, _ := strings.Cut(line, "=")
		if name == "SCW_DEFAULT_PROJECT_ID" && is != "" && is != who.project {
			return setup.Options{}, misused("SCW_DEFAULT_PROJECT_ID of the environment is %s, and goes before .env: make deploy would deploy there, and this is about %s. Unset it", is, who.project)
		}
	}
	narrow, err := c.narrow(who)
	if err != nil {
		return setup.Options{}, err
	}
	return setup.Options{
		Narrow: narrow,
		API:    who.api, AccessKey: who.accessKey, SecretKey: who.secretKey, Organization: who.organization, ProjectID: who.project, Root: ".",
	}, nil
}

// narrow is what the function's policy is to be narrowed to, by what make deploy would
// deploy from here.
func (c *setupCommand) narrow(who caller) (setup.Narrow, error) {
	n := setup.Narrow{None: c.NoFence, Folder: config.Defaults()[config.Prefix+"SECRET_PATH"]}
	if c.OnlyAt != "" {
		w, err := scaleway.ParseWindow(c.OnlyAt)
		if err != nil {
			return n, misused("--only-at %w", err)
		}
		n.Window = &w
	}
	m, err := wouldDeploy(who.env, who.organization, who.project)
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

// Command deploy is behind make deploy, undeploy and invoke. It checks whatever can be checked before anything is
// changed, hands the work to osls and the Scaleway plugin, and covers what these two get wrong (README.md lists it).
//
// It promises that no secret of the deployment appears in its output, theirs included, or in another program's
// arguments. What is deployed is said in serverless.yml, not here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/ask"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

type commands struct {
	Check struct{} `cmd:"" help:"Check all that can be checked without calling the API."`
	Run   struct {
		NewKey      bool   `help:"Make a new key of the function's application, as who deploys, and deploy the function with it: for one that has lost its own."`
		Application string `help:"ID of that application, where the function's key is gone and does not tell." placeholder:"ID"`
		Lose        bool   `help:"Deploy even though the plugin will remove what was set on the function by hand."`
	} `cmd:"" help:"Check, deploy, and verify what was deployed."`
	Undeploy struct{} `cmd:"" help:"Delete the namespace and all in it, after asking."`
	Invoke   struct {
		ask.Flags `embed:""`

		Run  bool   `help:"A real run, of everything that is due. Without any flag, invoke does a dry run."`
		Body string `help:"JSON body, in the place of flags." placeholder:"JSON"`
		JSON bool   `name:"json" help:"Print the report as JSON."`
		URL  string `name:"url" help:"Call this address, not the deployed function's; http only to this machine." placeholder:"URL"`
	} `cmd:"" help:"Call the deployed function."`
}

// program is the command with its surroundings, so that tests can run it.
type program struct {
	root           string
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	poll           time.Duration // between two looks at what the API is still working on
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{root: ".", environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, poll: 2 * time.Second}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func (p program) run(ctx context.Context, args []string) int {
	var cli commands
	parser, err := kong.New(&cli, kong.Name("deploy"), kong.Description("Deploys the function. Run it through make."),
		kong.Writers(p.stdout, p.stderr), kong.UsageOnError())
	if err != nil {
		panic(err) // the struct above is at fault, in every test
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(p.stderr, "deploy:", err)
		return 2
	}
	env, err := readEnvironment(p.root, p.environ)
	if err == nil {
		env = env.withOwnKey()
		// From here on, nothing is written past the filter.
		out, errs := newFilter(p.stdout, env.secrets()), newFilter(p.stderr, env.secrets())
		p.stdout, p.stderr = out, errs
		defer func() { _ = errors.Join(out.Close(), errs.Close()) }()
		err = p.command(ctx, parsed.Command(), cli, env)
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "deploy:", printable.Text(err.Error()))
		return 1
	}
	return 0
}

func (p program) command(ctx context.Context, command string, cli commands, env environment) error {
	service, err := p.service(env)
	if err != nil {
		return err
	}
	switch command {
	case "check":
		return p.check(ctx, service, env)
	case "run":
		return p.deploy(ctx, service, env, options{newKey: cli.Run.NewKey, application: cli.Run.Application, lose: cli.Run.Lose})
	case "undeploy":
		return p.undeploy(ctx, service, env)
	default:
		i := cli.Invoke
		body := i.Body
		if asked := i.Flags.Body(); body == "" && (i.Run || asked != "{}") {
			body = asked
		}
		return p.invoke(ctx, service, env, i.URL, body, i.JSON)
	}
}

// service reads serverless.yml.
func (p program) service(env environment) (service, error) {
	text, err := os.ReadFile(filepath.Join(p.root, "serverless.yml"))
	if err != nil {
		return service{}, err
	}
	return manifest.Parse(text, env)
}

// say writes a line of progress.
func (p program) say(format string, args ...any) {
	fmt.Fprintln(p.stdout, printable.Text(fmt.Sprintf(format, args...)))
}

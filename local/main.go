// Command local runs the function on this machine, against an emulator of
// Scaleway that it carries: no account, no network. It is never shipped in the
// function's archive.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// Exit statuses of every command.
const (
	exitDone   = 0
	exitFailed = 1 // something is wrong
	exitUsage  = 2 // it was asked for in a way that it cannot do
)

// shared are the flags of each command that is about a project, which mean the same
// everywhere.
type shared struct {
	Profile string `help:"The profile of the scw configuration file. It goes before the environment, the active one after it." placeholder:"NAME"`
	Project string `help:"The project. Without it, that of --profile, of the environment, of .env, or of the active profile." placeholder:"ID"`
	JSON    bool   `name:"json" help:"Print the result as JSON."`
	DryRun  bool   `help:"Change nothing; say what would be done."`
	Yes     bool   `help:"Do not ask."`
}

type cli struct {
	Version kong.VersionFlag `help:"Print the version."`

	Run      runCommand      `cmd:"" help:"Do one run on a demo project in the emulator and print its report."`
	Serve    serveCommand    `cmd:"" help:"Serve the function behind an emulated front door, to try it with curl."`
	API      apiCommand      `cmd:"" name:"api" help:"Serve the emulated Scaleway API alone, for any client."`
	Setup    setupCommand    `cmd:"" help:"Make what the first deployment needs, with your own scw profile: applications, policies, .env."`
	Deploy   deployCommand   `cmd:"" help:"Check everything, deploy the function, and verify what was deployed."`
	Invoke   invokeCommand   `cmd:"" help:"Call the deployed function: a dry run, unless asked for more."`
	Undeploy undeployCommand `cmd:"" help:"Delete the namespace and all in it, after asking."`
	Doctor   doctorCommand   `cmd:"" help:"Look at the deployed function and its project with your own scw profile; changes nothing."`
	Forecast forecastCommand `cmd:"" help:"Play the planned runs on what is there, and say day by day what happens and what breaks; changes nothing."`
	Archive  archiveCommand  `cmd:"" help:"Pack the function's archive, check it by the platform's rules and build it alone."`
}

const description = `The key rotator on this machine, with an emulator of the parts of Scaleway that
it needs. "go run ./local COMMAND --help" has an example of each command:

  go run ./local run

The exit status is 0 where all is well, 1 where something is wrong, 2 where it was
asked for in a way that it cannot do (go run itself makes 1 of both).`

func main() { os.Exit(execute(0)) }

// execute is main with hashes of so many KiB in the demo; 0: of the platform's
// size.
func execute(hashes uint32) int {
	log.SetFlags(0) // net/http logs what clients do wrong
	log.SetPrefix("local: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	defer stop()
	return program{getenv: os.Getenv, environ: os.Environ, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, hashes: hashes}.run(ctx, os.Args[1:])
}

// program is what a command may touch of the machine.
type program struct {
	getenv         func(string) string
	environ        func() []string
	stdin          io.Reader
	stdout, stderr io.Writer
	hashes         uint32                         // see execute
	during         func(what string) (end func()) // tells what takes long
}

// usageError is an error of what was typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misused(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exit ends a command with a code and nothing more to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (p program) run(ctx context.Context, args []string) (code int) {
	m := newMeter(p.stderr, p.getenv("TERM"))
	p.stdout, p.stderr, p.during = m.through(p.stdout), m.through(p.stderr), m.during
	var commands cli
	parser, err := kong.New(&commands,
		kong.Name("local"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) { panic(exit(code)) }), // --help ends here
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
		kong.Vars{"version": version.UserAgent},
	)
	if err != nil {
		fmt.Fprintln(p.stderr, "local:", err)
		return exitFailed
	}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exit:
			code = int(v)
		default:
			panic(v)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err == nil {
		return p.ended(command.Run(), command.Selected())
	}
	var at *kong.Node
	if parse, is := errors.AsType[*kong.ParseError](err); is && parse.Context != nil {
		at = parse.Context.Selected()
	}
	return p.ended(usageError{err}, at)
}

// ended says how a command ended, and is its exit status.
func (p program) ended(err error, command *kong.Node) int {
	if err == nil {
		return exitDone
	}
	if silent, is := errors.AsType[exit](err); is {
		return int(silent)
	}
	fmt.Fprintln(p.stderr, "local:", printable.Text(err.Error()))
	if _, is := errors.AsType[usageError](err); !is {
		return exitFailed
	}
	name := ""
	if command != nil {
		name = command.Name + " "
	}
	fmt.Fprintf(p.stderr, "try 'go run ./local %s--help'\n", name)
	return exitUsage
}

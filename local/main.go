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

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // the run failed, or could not start
	exitUsage  = 2
)

type cli struct {
	Version kong.VersionFlag `help:"Print the version."`

	Run      runCommand      `cmd:"" help:"Do one run on a demo project in the emulator and print its report."`
	Serve    serveCommand    `cmd:"" help:"Serve the function behind an emulated front door, to try it with curl."`
	API      apiCommand      `cmd:"" name:"api" help:"Serve the emulated Scaleway API alone, for any client."`
	Setup    setupCommand    `cmd:"" help:"Make what the first deployment needs, with your own scw profile: applications, policies, .env."`
	Doctor   doctorCommand   `cmd:"" help:"Look at the deployed function and its project with your own scw profile; changes nothing."`
	Forecast forecastCommand `cmd:"" help:"Play the planned runs on what is there, and say day by day what happens and what breaks; changes nothing."`
	Archive  archiveCommand  `cmd:"" help:"Pack the function's archive, check it by the platform's rules and build it alone."`
}

func main() {
	log.SetFlags(0) // net/http logs what clients do wrong
	log.SetPrefix("local: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	code := program{getenv: os.Getenv, environ: os.Environ, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is what a command may touch of the machine.
type program struct {
	getenv         func(string) string
	environ        func() []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// exit ends a command with a code and nothing more to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (p program) run(ctx context.Context, args []string) (code int) {
	var commands cli
	parser, err := kong.New(&commands,
		kong.Name("local"),
		kong.Description("The key rotator on this machine, with an emulator of the parts of Scaleway that it needs."),
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
	if err != nil {
		fmt.Fprintf(p.stderr, "local: %s\ntry 'go run ./local --help'\n", printable.Text(err.Error()))
		return exitUsage
	}
	err = command.Run()
	var silent exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &silent):
		return int(silent)
	default:
		fmt.Fprintln(p.stderr, "local:", printable.Text(err.Error()))
		return exitFailed
	}
}

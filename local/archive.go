package main

import (
	"context"

	"github.com/scw-key-rotator/rotator/local/platform"
)

type archiveCommand struct {
	Root string `arg:"" optional:"" default:"." help:"The project's folder." type:"existingdir"`
	Out  string `help:"Write the archive to this file: the same code gives the same bytes." placeholder:"FILE" type:"path"`
}

// Help is shown by archive --help.
func (c *archiveCommand) Help() string {
	return `It is what a deployment uploads, built with nothing but what is in it.

  go run ./local archive --out rotator.zip`
}

func (c *archiveCommand) Run(ctx context.Context, p program) error {
	defer p.during("building it as the platform does")()
	return platform.Archive(ctx, c.Root, c.Out, p.stdout)
}

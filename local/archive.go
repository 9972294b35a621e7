package main

import (
	"context"

	"github.com/scw-key-rotator/rotator/local/platform"
)

type archiveCommand struct {
	Root string `arg:"" optional:"" default:"." help:"The project's folder." type:"existingdir"`
}

func (c *archiveCommand) Run(ctx context.Context, p program) error {
	return platform.Archive(ctx, c.Root, p.stdout)
}

//go:build !unix

package host

import "os/exec"

func apart(*exec.Cmd) {}

// terminate knows one way only where there are no signals.
func terminate(cmd *exec.Cmd, _ bool) { _ = cmd.Process.Kill() }

//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// apart puts a process in a group of its own: Ctrl-C in the terminal does not
// reach it before its requests have ended, and its children end with it.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithStarter(cmd.SysProcAttr)
}

// terminate signals the process and its children; those that are gone already
// do not mind.
func terminate(cmd *exec.Cmd, now bool) {
	signal := syscall.SIGTERM
	if now {
		signal = syscall.SIGKILL
	}
	_ = syscall.Kill(-cmd.Process.Pid, signal)
}

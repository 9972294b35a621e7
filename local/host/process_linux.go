package host

import "syscall"

// endWithStarter makes a process end with the thread that starts it, so that
// none is left behind by an emulator that is killed.
func endWithStarter(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

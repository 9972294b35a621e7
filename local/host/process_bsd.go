//go:build unix && !linux

package host

import "syscall"

// endWithStarter can do nothing here.
func endWithStarter(*syscall.SysProcAttr) {}

//go:build !unix

package handler

import "time"

// cpuTime is not known here: the platform is a unix.
func cpuTime() time.Duration { return 0 }

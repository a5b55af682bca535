//go:build !linux

package server

import "time"

var start = time.Now()

// sinceBoot is the process's monotonic clock. Where it stands still while the machine is suspended, a server that was
// suspended for less than its lease may answer its clients' first requests after that a little too late.
func sinceBoot() time.Duration { return time.Since(start) }

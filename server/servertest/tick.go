//go:build !race

package servertest

import "time"

// tick is the unit of Raft's timeouts: the server's default.
const tick = 20 * time.Millisecond

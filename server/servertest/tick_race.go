//go:build race

package servertest

import "time"

// tick is longer under the race detector, which slows servers so much that elections would follow each other.
const tick = 100 * time.Millisecond

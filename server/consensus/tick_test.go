//go:build !race

package consensus

import "time"

// testTick is the default.
const testTick = 20 * time.Millisecond

//go:build race

package consensus

import "time"

// testTick leaves room for the race detector, which makes three replicas on two cores many times slower.
const testTick = 100 * time.Millisecond

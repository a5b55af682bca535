package client

import (
	"time"

	"github.com/coxswain-io/coxswain/session"
)

// suspendMin is by how much the wall clock must run ahead of the monotonic one between two readings to count as a
// suspension of the machine. Smaller differences are corrections of the wall clock.
const suspendMin = time.Second

// clock is the client's monotonic clock, on which it counts how long its session is certainly alive. The runtime's clock
// stands still while the machine is suspended, and the service's does not: so whatever the wall clock gains on it in one
// step is added. A wall clock that is set forward ends the belief early, which is safe; set back, it has no effect.
type clock struct {
	wall, mono time.Time // of the last reading
	reading    time.Duration
}

func (k *clock) start(now time.Time) { k.mono, k.wall = now, now.Round(0) }

// now returns the time since the start, rounded down to milliseconds.
func (k *clock) now(now time.Time) session.Mono {
	wall := now.Round(0)
	passed := now.Sub(k.mono)
	if ahead := wall.Sub(k.wall) - passed; ahead > suspendMin {
		passed += ahead
	}
	k.mono, k.wall = now, wall
	k.reading += max(passed, 0)
	return session.Mono(k.reading / time.Millisecond)
}

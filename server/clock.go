package server

import "time"

// Clock is a server's sense of time: a monotonic reading, and a rhythm by it.
type Clock interface {
	// Now returns the time since some fixed moment. It never goes back.
	Now() time.Duration
	// Ticker returns a channel that gets a value each time that every has passed on the clock, and what stops it. A value
	// that is not taken in time is skipped or waits, as the clock likes.
	Ticker(every time.Duration) (ticks <-chan time.Time, stop func())
}

// machineClock is the machine's monotonic clock.
type machineClock struct{}

func (machineClock) Now() time.Duration { return sinceBoot() }

func (machineClock) Ticker(every time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(every)
	return t.C, t.Stop
}

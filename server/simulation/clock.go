package simulation

import (
	"sync"
	"time"
)

// clock is one server's sense of time, over the time of the bubble: it may run a little faster or slower, jump forward, as that
// of a machine that was suspended, and stop to tick, as for a process that is stopped. It implements server.Clock.
type clock struct {
	mu      sync.Mutex
	from    time.Time     // when rate was set, on the bubble's clock
	reading time.Duration // what it showed then
	rate    float64       // seconds of it in a second
	stopped bool
}

func newClock() *clock { return &clock{from: time.Now(), rate: 1} }

// Now implements server.Clock.
func (k *clock) Now() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now()
}

func (k *clock) now() time.Duration {
	return k.reading + time.Duration(float64(time.Since(k.from))*k.rate)
}

// setRate changes how fast it runs.
func (k *clock) setRate(rate float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading, k.from, k.rate = k.now(), time.Now(), rate
}

// step moves it forward.
func (k *clock) step(by time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading += by
}

// stop keeps it from ticking; it goes on counting. start lets it tick again.
func (k *clock) stop()  { k.setStopped(true) }
func (k *clock) start() { k.setStopped(false) }

func (k *clock) setStopped(stopped bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = stopped
}

// Ticker implements server.Clock. A tick that is not taken is skipped.
func (k *clock) Ticker(every time.Duration) (<-chan time.Time, func()) {
	ticks := make(chan time.Time, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	var over bool
	var timer *time.Timer
	wait := func() time.Duration { return time.Duration(float64(every) / k.rate) }
	timer = time.AfterFunc(wait(), func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if over {
			return
		}
		if !k.stopped {
			select {
			case ticks <- time.Now():
			default:
			}
		}
		timer.Reset(wait())
	})
	return ticks, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		over = true
		timer.Stop()
	}
}

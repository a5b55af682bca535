package server

import (
	"testing"

	"github.com/coxswain-io/coxswain/session"
)

// TestSleepBeforeTheFirstTick: a server whose clock leaps between its start and its first tick has slept; a session whose client
// it heard before that is not silent. Found by the simulation: it was expired while its client believed in it.
func TestSleepBeforeTheFirstTick(t *testing.T) {
	const timeout = 4000
	l := newLease(1, 1, 10)
	l.attached(7, 1, timeout, 20)
	if ended, _ := l.tick(20 + 2*timeout); len(ended) > 0 {
		t.Errorf("%v ended at the first tick after a sleep", ended)
	}
	if ended, _ := l.tick(20 + 2*timeout + 100); len(ended) > 0 {
		t.Errorf("%v ended right behind it", ended)
	}
	var ended []session.Expiry
	for now := session.Mono(20 + 2*timeout + 200); now <= 20+3*timeout+200; now += 100 {
		more, _ := l.tick(now)
		ended = append(ended, more...)
	}
	if len(ended) != 1 || ended[0].ID != 7 {
		t.Errorf("%v ended when it had been silent for its timeout", ended)
	}
}

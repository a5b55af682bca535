package simulation

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newClock()
		shows := func(what string, want time.Duration) {
			t.Helper()
			if got := k.Now(); got != want {
				t.Errorf("%s: it shows %v, want %v", what, got, want)
			}
		}
		ticks, stop := k.Ticker(time.Second)
		defer stop()
		begun := time.Now()
		<-ticks
		shows("at its first tick", time.Second)
		k.setRate(1.25)
		<-ticks
		if passed := time.Since(begun); passed != 2*time.Second {
			t.Errorf("a tick that was under way when the rate changed came after %v", passed)
		}
		<-ticks
		if passed := time.Since(begun); passed != 2800*time.Millisecond {
			t.Errorf("a tick of a clock that is a quarter too fast came after %v", passed)
		}
		shows("too fast for 1.8 s", 3250*time.Millisecond)
		k.step(time.Hour)
		shows("after a leap", time.Hour+3250*time.Millisecond)
		k.stop()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		select {
		case <-ticks:
			t.Error("a stopped clock ticks")
		default:
		}
		shows("a stopped clock counts on", time.Hour+15750*time.Millisecond)
		k.start()
		<-ticks
	})
}

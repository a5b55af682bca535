package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"go.uber.org/goleak"
)

// heapGrowthMax is how many bytes 9,000 reconnects may leave: less than two for each.
const heapGrowthMax = 16 << 10

// forgetful drops what the fake remembers for its tests, which would grow.
func (s *service) forgetful() {
	s.script(func() { s.hellos, s.dialed, s.requests, s.applied, s.history = nil, nil, nil, nil, nil })
}

// forgetSessions drops what the table remembers of sessions that have ended.
func (s *service) forgetSessions(t *testing.T) {
	clock, servers, sessions, _ := s.table.Snapshot()
	table, err := session.Restore(clock, servers, sessions, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.table = table
}

// measured returns how many goroutines there are and how many bytes are in use, after everything has come to rest.
func measured() (goroutines int, heap uint64) {
	synctest.Wait()
	runtime.GC()
	runtime.GC() // the second empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// A bubble does not end before its goroutines do; goleak looks for any that were started outside.
func TestTenThousandReconnectsLeakNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1", "three:1")
		c := connectWith(t, s, func(cfg *Config) { cfg.Renew = true })
		ctx := t.Context()
		for _, path := range []string{"/", "/p", "/w"} {
			if path != "/" {
				s.set(path, "")
			}
			w, err := c.AddWatch(ctx, path, Recursive())
			if err != nil {
				t.Fatal(err)
			}
			if path != "/w" { // nobody takes the events of that one
				go func() {
					for range w.C() {
					}
				}()
			}
		}
		if _, err := c.Register(ctx, "/registered", []byte("x")); err != nil {
			t.Fatal(err)
		}
		reconnects := 0
		round := func(i int) {
			s.forgetful()
			var w *Watch
			if _, err := c.Get(ctx, "/w", WithWatch(&w)); err != nil && !errors.Is(err, ErrSessionExpired) {
				t.Fatal(err)
			}
			_ = c.SessionContext()
			var calls sync.WaitGroup
			s.breakOne(c, i)
			for j := range 3 {
				calls.Go(func() {
					path, _, err := c.Create(ctx, fmt.Sprintf("/%d-", j), nil, Sequential(), Ephemeral())
					if err == nil {
						err = c.Delete(ctx, path)
					}
					if err != nil && !errors.Is(err, ErrSessionExpired) && !errors.Is(err, ErrNoNode) {
						t.Error(err)
					}
				})
				calls.Go(func() {
					if _, err := c.Get(ctx, "/p"); err != nil && !errors.Is(err, ErrSessionExpired) {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if i%2 == 0 && w != nil {
				w.Close()
			}
			s.script(func() { reconnects += len(s.hellos) })
		}
		run := func(upTo int) (int, uint64) {
			for i := 0; reconnects < upTo; i++ {
				round(i)
			}
			s.script(func() { s.onRequest, s.onDial = nil, nil })
			if _, err := c.Set(ctx, "/w", nil); err != nil { // ends the watches that are left
				_, _ = c.Set(ctx, "/w", nil)
			}
			pass(time.Minute)
			s.forgetful()
			s.script(func() { s.forgetSessions(t) })
			return measured()
		}
		goroutines, heap := run(1_000)
		after, heapAfter := run(10_000)
		if after != goroutines {
			t.Errorf("%d goroutines after 1,000 reconnects, %d after 10,000", goroutines, after)
		}
		if heapAfter > heap+heapGrowthMax {
			t.Errorf("%d bytes in use after 1,000 reconnects, %d after 10,000", heap, heapAfter)
		}
		if c.Session().Renewals < 50 {
			t.Errorf("%d sessions have ended", c.Session().Renewals)
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// breakOne makes the i-th of a number of faults happen.
func (s *service) breakOne(c *Client, i int) {
	switch i % 6 {
	case 0:
		s.cut()
	case 1:
		refused := 0
		s.script(func() {
			s.onDial = func(string) error {
				if refused++; refused < 4 {
					return errRefused
				}
				return nil
			}
		})
		s.cut()
	case 2:
		s.say(wire.AppendGoodbye(nil, wire.CodeDraining, "move"))
	case 3:
		s.script(func() { s.onRequest = once(wire.Get, ignore) }) // silent
	case 4:
		s.script(func() { s.onRequest = once(wire.Create, loseReply) })
	case 5:
		if id := c.Session().ID; i%30 == 5 && id != 0 {
			s.expire(id)
		}
		s.cut()
	}
}

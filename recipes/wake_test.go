package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/wire"
)

// ear is a connection that counts the events which come over it.
type ear struct {
	net.Conn
	events  *atomic.Int64
	frames  *wire.FrameReader
	greeted bool
	rest    []byte
}

func (e *ear) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		body, err := e.frames.Next()
		if err != nil {
			return 0, err
		}
		if e.greeted {
			f, err := wire.DecodeServerFrame(body)
			if err != nil {
				return 0, err
			}
			if f.Kind == wire.EventFrame {
				e.events.Add(1)
			}
		}
		e.greeted = true
		dst, mark := wire.BeginFrame(nil)
		e.rest = wire.EndFrame(append(dst, body...), mark)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// listening makes a client count its events.
func listening(events *atomic.Int64) func(*client.Config) {
	return func(c *client.Config) {
		c.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &ear{Conn: conn, events: events, frames: wire.NewFrameReader(conn, wire.FrameMax)}, nil
		}
	}
}

// TestAReleaseWakesOne: however many wait, a release is an event for one of them. The one that was woken gets it, and nobody
// else hears anything; that there is no more to come is known when the waiter has been answered a question behind the event.
func TestAReleaseWakesOne(t *testing.T) {
	const waiters = 16
	type held interface{ Release(context.Context) error }
	kinds := []struct {
		name    string
		acquire func(c *client.Client, ctx context.Context) (held, error)
		line    string
		free    bool // a place that is left in line wakes the next one there as well
	}{
		{"lock", func(c *client.Client, ctx context.Context) (held, error) {
			return recipes.NewLock(c, "/x").Acquire(ctx)
		}, "/x", false},
		{"write lock", func(c *client.Client, ctx context.Context) (held, error) {
			return recipes.NewRWLock(c, "/x").Write(ctx)
		}, "/x", false},
		{"election", func(c *client.Client, ctx context.Context) (held, error) {
			return recipes.NewElection(c, "/x").Campaign(ctx, nil)
		}, "/x", false},
		{"semaphore", func(c *client.Client, ctx context.Context) (held, error) {
			return recipes.NewSemaphore(c, "/x", 1).Acquire(ctx, 1)
		}, "/x/queue", true},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			root := tree(t)
			watcher := view(t, root)
			h, err := kind.acquire(view(t, root), within(t))
			if err != nil {
				t.Fatal(err)
			}
			var clients []*client.Client
			events := make([]atomic.Int64, waiters)
			type won struct {
				who  int
				hold held
			}
			winners := make(chan won, waiters)
			var all sync.WaitGroup
			ctx, cancel := context.WithCancel(t.Context())
			defer all.Wait()
			defer cancel()
			for i := range waiters {
				c := view(t, root, listening(&events[i]))
				clients = append(clients, c)
				before := inLine(t, watcher, kind.line)
				all.Go(func() {
					h, err := kind.acquire(c, ctx)
					if err == nil {
						winners <- won{i, h}
					} else if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				})
				eventually(t, "in line", func() bool { return inLine(t, watcher, kind.line) == before+1 })
			}
			sync := func() {
				for _, c := range clients {
					if err := c.Sync(within(t)); err != nil {
						t.Fatal(err)
					}
				}
			}
			sync()
			for i := range 4 {
				for j := range events {
					events[j].Store(0)
				}
				if err := h.Release(within(t)); err != nil {
					t.Fatal(err)
				}
				w := <-winners
				sync()
				if w.who != i {
					t.Errorf("%d got it, not %d", w.who, i)
				}
				told := ""
				woken := 0
				for j := range events {
					if n := events[j].Load(); n > 0 {
						told += fmt.Sprintf(" %d×%d", j, n)
						if j != i && (j != i-1 || n > 1) { // who releases is no waiter: a young hold may hear of its own node, once
							woken++
						}
					}
				}
				if woken > 0 && !kind.free || woken > 1 {
					t.Errorf("release %d woke more than the next one: waiter×events%s", i, told)
				}
				h = w.hold
			}
			if err := h.Release(within(t)); err != nil {
				t.Fatal(err)
			}
			cancel()
		})
	}
}

package recipes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// holderVariable makes this test's binary a process that contends for a lock: its value is a holderConfig as JSON.
const holderVariable = "COXSWAIN_TEST_HOLDER"

type holderConfig struct {
	ID       int
	Servers  []string
	Lock     string
	Resource string // address of the resource
	Seed     uint64
}

// holder takes the lock again and again and acts on the resource under it, without a look at the hold's context before each
// act: what a process does that was stopped between the look and the act. SIGUSR1 cuts its connections to the servers. The end
// of its standard input ends it; it then closes its session.
type holder struct {
	holderConfig
	random *rand.Rand
	out    io.Writer // to the resource
	in     *bufio.Reader
	wires  wires
}

// wires are the connections of a client, which can be cut.
type wires struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func runHolder() int {
	var h holder
	if err := json.Unmarshal([]byte(os.Getenv(holderVariable)), &h.holderConfig); err != nil {
		panic(err)
	}
	h.random = rand.New(rand.NewPCG(h.Seed, uint64(h.ID)))
	if err := h.run(); err != nil {
		fmt.Fprintf(os.Stderr, "holder %d: %v\n", h.ID, err)
		return 1
	}
	return 0
}

func (h *holder) run() error {
	resource, err := net.Dial("tcp", h.Resource)
	if err != nil {
		return err
	}
	defer resource.Close()
	h.in, h.out = bufio.NewReader(resource), resource
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	cuts := make(chan os.Signal, 1)
	signal.Notify(cuts, syscall.SIGUSR1)
	go func() {
		for range cuts {
			h.wires.cut()
		}
	}()
	c, err := client.Dial(ctx, client.Config{
		Servers: h.Servers, SessionTimeout: time.Second, Name: fmt.Sprintf("holder-%d", h.ID), Renew: true, DialContext: h.wires.dial,
	})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		hold, err := recipes.NewLock(c, h.Lock).Acquire(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, client.ErrSessionExpired):
			continue // it was stopped while it waited
		default:
			return err
		}
		if err := h.act(hold); err != nil {
			return err
		}
		if err := hold.Release(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return c.Close(context.Background())
}

// act uses the resource some times, until it is refused.
func (h *holder) act(hold *recipes.Hold) error {
	for range 2 + h.random.IntN(6) {
		believes := hold.Err() == nil
		if _, err := fmt.Fprintf(h.out, "%d %d %v\n", h.ID, int64(hold.Fence()), believes); err != nil {
			return err
		}
		answer, err := h.in.ReadString('\n')
		if err != nil {
			return err
		}
		if answer != "ok\n" {
			return h.refused(hold)
		}
		<-time.After(time.Duration(h.random.IntN(3000)) * time.Microsecond)
	}
	return nil
}

// refused tells whether the hold has noticed: somebody else has acted with a higher fence, so it must be over, by the clock at
// once, and its context after the time that a timer takes.
func (h *holder) refused(hold *recipes.Hold) error {
	believes, alive := hold.Err() == nil, false
	select {
	case <-hold.Context().Done():
	case <-time.After(5 * time.Second):
		alive = true
	}
	_, err := fmt.Fprintf(h.out, "refused %v %v\n", believes, alive)
	return err
}

func (w *wires) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		w.conns = map[net.Conn]bool{}
	}
	w.conns[conn] = true
	return conn, nil
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.conns {
		_ = conn.Close()
		delete(w.conns, conn)
	}
}

package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// steadyFor is how long a connection is left alone before it is cut: a client whose connections break within a second makes
// pauses before it tries again.
const steadyFor = 1100 * time.Millisecond

// resume measures the time from the cut of a connection, which both ends notice at once, to when all its persistent watches
// are live again on the next one. They are on paths of their own. In the middle of it another client sets a node that is
// watched, and the measurement fails if the watch does not tell it; that is not waited for in the time that is measured.
var resume = Capacity{
	Name:  "resume",
	About: "cut a connection with --watches persistent watches: until all are live again (coxswain only)",
	OnTarget: func(ctx context.Context, t Target, o Options) (r Result, err error) {
		cox, err := coxOf(t, "resume")
		if err != nil {
			return r, err
		}
		o = o.watching(t)
		o.Clients = 1 // whose connection is cut
		var cable cable
		workers, err := cox.workers(ctx, 2, o.Size, func(i int, c *client.Config) {
			if i == 0 {
				c.DialContext = cable.dial
			}
		})
		if err != nil {
			return r, err
		}
		defer func() {
			if e := workers.clear(ctx); err == nil {
				err = e
			}
		}()
		r, err = cable.measure(ctx, o, workers.all[0], workers.all[1])
		r.Target, r.Workload = t.Name(), "resume"
		return r, err
	},
}

// measure cuts the connection of watched for the time that o says.
func (c *cable) measure(ctx context.Context, o Options, watched, writer *worker) (r Result, err error) {
	watches := make([]*client.PersistentWatch, o.Watches)
	if err := together(o.Watches, atOnceMax, func(i int) (err error) {
		path := writer.path
		if i > 0 {
			path = watched.path + "/" + strconv.Itoa(i) // absent, which is the same to the watch
		}
		watches[i], err = watched.client.AddWatch(ctx, path, client.Since(writer.newest.load()))
		return err
	}); err != nil {
		return r, err
	}
	times, cpu := newHistogram(), stopwatch{pids: o.PIDs}
	pause(ctx, o.Warmup)
	start := time.Now()
	for times.TotalCount() == 0 || time.Since(start) < o.Duration {
		pause(ctx, steadyFor)
		took, err := c.resume(ctx, watched, writer, watches[0], &cpu)
		if err != nil {
			return r, err
		}
		record(times, took)
	}
	r = o.found(times, time.Since(start), &cpu)
	r.figure("watches", float64(o.Watches))
	return r, nil
}

// cable is the newest connection of a client, to be cut.
type cable struct {
	mu   sync.Mutex
	conn net.Conn // guarded by mu
}

func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return conn, nil
}

func (c *cable) cut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn.Close()
}

// resume cuts the connection of watched once, and returns after what time all its watches were live again, of which watch is
// the one on the writer's node. The time of the servers is added to cpu.
func (c *cable) resume(
	ctx context.Context, watched, writer *worker, watch *client.PersistentWatch, cpu *stopwatch,
) (time.Duration, error) {
	cpu.start()
	var z client.Zxid
	changed := make(chan error, 1)
	start := time.Now()
	if err := c.cut(); err != nil {
		return 0, err
	}
	go func() {
		_, err := writer.client.Set(ctx, writer.path, writer.data, client.WithZxid(&z))
		changed <- err
	}()
	// On the next connection the client sets its watches again before anything else, and a server answers in the order of
	// the requests: with the answer to a read all of them are live.
	if _, _, err := watched.client.Exists(ctx, watched.path, client.AtLevel(client.Session)); err != nil {
		return 0, err
	}
	took := time.Since(start)
	cpu.stop()
	if err := <-changed; err != nil {
		return 0, err
	}
	select {
	case event, ok := <-watch.C():
		switch {
		case !ok:
			return 0, watch.Err()
		case event.Type != client.EventDataChanged || event.Zxid != z:
			return 0, fmt.Errorf("the watch was told %v of transaction %d when %d has set the node", event.Type, event.Zxid, z)
		}
		return took, nil
	case <-time.After(toldMax):
		return 0, errors.New("a change of a watched node was not told")
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// toldMax is how long the event of a change may take that was made while the connection was away.
const toldMax = 10 * time.Second

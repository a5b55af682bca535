package process_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

// trial is one run of the checker.
type trial struct {
	cluster *process.Cluster
	root    string // everything happens below it
	watches int    // one-shot and persistent, to be set in all, at least
	seed    uint64
	bug     bug
	faults  bool // leaders are killed, servers paused, connections cut

	areas, observers, watchers, streams int // the latter two for each observer
	pause                               time.Duration

	history  history
	set      atomic.Int64
	mu       sync.Mutex
	armings  map[*observer][]*arming
	followed []*stream
	obs      []*observer
	kills    atomic.Int64
	pauses   int
	deaths   int
	stop     chan struct{} // enough watches are set: writers and faults are to end
	final    chan struct{} // nothing changes any more
	last     client.Zxid   // of the newest change; set before final is closed
	stopOnce sync.Once
}

// dialer returns how this trial opens clients.
func (t *trial) dialer(cfg client.Config) func(ctx context.Context, l *line, timeout time.Duration) (*client.Client, error) {
	return func(ctx context.Context, l *line, timeout time.Duration) (*client.Client, error) {
		cfg := cfg
		cfg.Servers, cfg.SessionTimeout, cfg.DialContext = t.cluster.Addrs(), timeout, l.dial
		return client.Dial(ctx, cfg)
	}
}

// run carries the trial out and judges it.
func (t *trial) run(ctx context.Context) (*verdict, error) {
	rng := rand.New(rand.NewPCG(t.seed, 0))
	t.armings = map[*observer][]*arming{}
	t.stop, t.final = make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dial := t.dialer(client.Config{})
	chief, err := dial(ctx, newLine(rng.Uint64(), none), time.Minute)
	if err != nil {
		return nil, err
	}
	open := []*client.Client{chief}
	defer func() {
		for _, c := range open {
			_ = c.Close(context.WithoutCancel(ctx))
		}
	}()
	paths, err := t.plant(ctx, chief)
	if err != nil {
		return nil, err
	}

	var making, watching, breaking sync.WaitGroup
	do := func(group *sync.WaitGroup, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				cancel(err)
				t.enough()
			}
		})
	}
	for i := range t.areas {
		c, err := dial(ctx, newLine(rng.Uint64(), none), time.Minute)
		if err != nil {
			return nil, err
		}
		open = append(open, c)
		w := &writer{
			c: c, history: &t.history, root: t.root, area: fmt.Sprintf("%s/a%d", t.root, i), there: map[string][]byte{},
			rng: rand.New(rand.NewPCG(rng.Uint64(), 2)),
		}
		do(&making, func() error { return w.run(ctx, t.stop, t.pause) })
	}
	for i := range mortalParents {
		m := &mortals{
			history: &t.history, dial: dial, witness: chief, parent: fmt.Sprintf("%s/m%d", t.root, i),
			timeout: time.Second, rng: rand.New(rand.NewPCG(rng.Uint64(), 3)),
		}
		if t.faults {
			m.timeout = 5 * time.Second // a session must not end before its time
		}
		do(&making, func() error {
			err := m.run(ctx, t.stop)
			t.mu.Lock()
			t.deaths += m.deaths
			t.mu.Unlock()
			return err
		})
	}
	for i := range t.observers {
		o := &observer{line: newLine(rng.Uint64(), t.bug), patience: 300 * time.Millisecond, renews: i == 0 && t.faults}
		o.views = []string{t.root, t.root + "/a0", t.root + "/a1"}
		o.c, err = t.dialer(client.Config{Renew: o.renews})(ctx, o.line, 30*time.Second)
		if err != nil {
			return nil, err
		}
		open = append(open, o.c)
		t.obs = append(t.obs, o)
	}
	for _, o := range t.obs {
		for range t.watchers {
			rng := rand.New(rand.NewPCG(rng.Uint64(), 4))
			do(&watching, func() error { return t.watch(ctx, o, rng, paths) })
		}
	}
	for range t.observers * t.streams {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 5))
		do(&watching, func() error { return t.stream(ctx, rng, paths) })
	}
	if t.faults {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 6))
		do(&breaking, func() error { return t.hurt(ctx, rng) })
		do(&breaking, func() error { return t.disturb(ctx, rand.New(rand.NewPCG(t.seed, 7)), chief) })
	}
	making.Wait()
	breaking.Wait()
	t.last = chief.LastZxid()
	for _, c := range open {
		t.last = max(t.last, c.LastZxid())
	}
	close(t.final)
	watching.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return t.judge(), nil
}

func (t *trial) enough() { t.stopOnce.Do(func() { close(t.stop) }) }

// plant makes what is always there and returns all paths that may be watched.
func (t *trial) plant(ctx context.Context, c *client.Client) (paths []string, err error) {
	always := []string{t.root, t.root + "/shared"}
	for i := range sharedNodes {
		always = append(always, fmt.Sprintf("%s/shared/s%d", t.root, i))
	}
	for i := range mortalParents {
		always = append(always, fmt.Sprintf("%s/m%d", t.root, i))
		paths = append(paths, fmt.Sprintf("%s/m%d/e0", t.root, i), fmt.Sprintf("%s/m%d/e1", t.root, i))
	}
	for i := range t.areas {
		area := fmt.Sprintf("%s/a%d", t.root, i)
		always = append(always, area)
		for n := range nodesPerArea {
			node := fmt.Sprintf("%s/n%d", area, n)
			paths = append(paths, node)
			for k := range childrenPerNode {
				paths = append(paths, fmt.Sprintf("%s/c%d", node, k))
			}
		}
	}
	for _, path := range always {
		if err := t.history.create(ctx, c, path, nil); err != nil {
			return nil, err
		}
	}
	return append(always[2:], paths...), nil
}

// watch sets one-shot watches, one after the other.
func (t *trial) watch(ctx context.Context, o *observer, rng *rand.Rand, paths []string) error {
	var mine []*arming
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.armings[o] = append(t.armings[o], mine...)
	}()
	for t.more() {
		a, err := o.watchOnce(ctx, rng, paths[rng.IntN(len(paths))], t.final)
		switch {
		case err == nil:
			mine = append(mine, a)
		case o.renews && errors.Is(err, client.ErrSessionExpired):
			t.set.Add(-1) // it was not set
		default:
			return err
		}
	}
	return nil
}

// killsPerWatches is for how many watches a leader is to be killed once, at least.
const killsPerWatches = 2500

// more counts a further watch and reports whether it is wanted.
func (t *trial) more() bool {
	select {
	case <-t.stop:
		return false
	default:
	}
	if t.set.Add(1) <= int64(t.watches) || t.faults && t.kills.Load() <= int64(t.watches/killsPerWatches) {
		return true
	}
	t.set.Add(-1)
	t.enough()
	return false
}

// stream follows something with one persistent watch after the other: mostly from where the one before has stopped, on any of
// the clients, as a process that was started again would.
func (t *trial) stream(ctx context.Context, rng *rand.Rand, paths []string) error {
	var mine []*stream
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.followed = append(t.followed, mine...)
	}()
	next, since := stream{}, client.Zxid(0)
	for {
		o := t.obs[rng.IntN(len(t.obs))]
		if since == 0 || rng.IntN(3) == 0 {
			next = t.anyStream(rng, paths)
			if since = 0; rng.IntN(2) == 0 {
				if _, _, err := o.c.Exists(ctx, next.path, client.WithZxid(&since)); err != nil && !errors.Is(err, client.ErrSessionExpired) {
					return err
				}
			}
		}
		s := next
		t.set.Add(1)
		var err error
		since, err = o.follow(ctx, rng, &s, since, 10+rng.IntN(400), t.final, &t.last)
		switch {
		case err == nil:
			mine = append(mine, &s)
		case o.renews && errors.Is(err, client.ErrSessionExpired):
			t.set.Add(-1) // it was not set
		default:
			return err
		}
		select {
		case <-t.final:
			if since >= t.last {
				return nil
			}
		default:
		}
	}
}

// anyStream chooses what to follow and how.
func (t *trial) anyStream(rng *rand.Rand, paths []string) stream {
	s := stream{scope: ofNode + scope(rng.IntN(2)), stats: rng.IntN(2) == 0, data: rng.IntN(2) == 0}
	area := fmt.Sprintf("%s/a%d", t.root, rng.IntN(t.areas))
	switch s.path = paths[rng.IntN(len(paths))]; rng.IntN(4) {
	case 0:
		s.path = t.root
	case 1:
		s.path = area
	}
	if roots := []string{t.root, area}; rng.IntN(3) == 0 {
		if root := roots[rng.IntN(2)]; s.path == root || strings.HasPrefix(s.path, root+"/") {
			s.root = root
		}
	}
	return s
}

// upTo is a random time shorter than d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

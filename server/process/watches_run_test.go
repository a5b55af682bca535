package process_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

// fault is a way in which a watch can break its promise.
type fault string

const (
	missed     fault = "missed"       // an event did not come
	doubled    fault = "doubled"      // it came twice
	disordered fault = "out of order" // it came behind one of a later transaction
	late       fault = "late"         // it came behind a reply that showed its change
	untrue     fault = "untrue"       // it came for nothing
	wrong      fault = "wrong"        // it brought the wrong data or stat, or a gap the wrong bounds
	ended      fault = "ended"        // the watch ended by itself
)

type violation struct {
	fault fault
	text  string
}

// observer is a client that watches.
type observer struct {
	c        *client.Client
	line     *line
	views    []string      // roots of its views, each an ancestor of some paths
	patience time.Duration // between two looks at a watch, at most
	renews   bool

	replies, events atomic.Uint64 // the newest zxid of a reply, and of an event
	kills           int
}

func (o *observer) replied(z client.Zxid) { raise(&o.replies, uint64(z)) }
func (o *observer) heard(z client.Zxid)   { raise(&o.events, uint64(z)) }

func raise(at *atomic.Uint64, to uint64) {
	for old := at.Load(); old < to && !at.CompareAndSwap(old, to); old = at.Load() {
	}
}

// newest returns the zxids of the newest reply and the newest event that the client has received, as far as its users know.
func (o *observer) newest() (reply, event client.Zxid) {
	return client.Zxid(o.replies.Load()), client.Zxid(o.events.Load())
}

// view returns the client, or a view of it in which path has another name.
func (o *observer) view(rng *rand.Rand, path string) (*client.Client, string) {
	root := o.views[rng.IntN(len(o.views))]
	if rest, ok := strings.CutPrefix(path, root); ok && rest != "" && rest[0] == '/' && rng.IntN(4) == 0 {
		view, err := o.c.Chroot(root)
		if err != nil {
			panic(err) // the path is a legal one
		}
		return view, rest
	}
	return o.c, path
}

// trial is one run of the checker.
type trial struct {
	cluster *process.Cluster
	root    string // everything happens below it
	watches int    // one-shot and persistent, to be set in all
	seed    uint64
	bug     bug
	faults  bool // leaders are killed, servers paused, connections cut

	areas, observers, watchers, streams int // the latter two for each observer
	pause                               time.Duration

	history   history
	set       atomic.Int64
	mu        sync.Mutex
	armings   map[*observer][]*arming
	followed  []*stream
	obs       []*observer
	kills     int
	pauses    int
	deaths    int
	writers   []*writer
	stop      chan struct{} // enough watches are set: writers and faults are to end
	final     chan struct{} // nothing changes any more
	last      client.Zxid   // of the newest change; set before final is closed
	stopOnce  sync.Once
	lineSeeds *rand.Rand
}

// verdict is what a trial has found.
type verdict struct {
	fired, pending, expired, events, gaps int
	resumed, lax                          int // one-shot watches that were set again, and whose events may have been told or not when a connection broke
	changes                               int
	cuts                                  [cuts]int
	connections, bugs, restores, frames   int
	violations                            []*violation
}

func (v *verdict) count(kind fault) int {
	n := 0
	for _, one := range v.violations {
		if one.fault == kind {
			n++
		}
	}
	return n
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
		default:
			return err
		}
	}
	return nil
}

// more counts a further watch and reports whether it is wanted.
func (t *trial) more() bool {
	if t.set.Add(1) <= int64(t.watches) {
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
		if err != nil && !errors.Is(err, client.ErrSessionExpired) {
			return err
		}
		mine = append(mine, &s)
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

// hurt kills the leader every two seconds or so and starts it again, or stops a server from running for a while.
func (t *trial) hurt(ctx context.Context, rng *rand.Rand) error {
	for {
		select {
		case <-t.stop:
			return nil
		case <-time.After(time.Second + upTo(rng, 2*time.Second)):
		}
		leader, err := t.cluster.Leader(ctx)
		if err != nil {
			return err
		}
		if rng.IntN(4) == 0 {
			i := rng.IntN(t.cluster.Len())
			if err := t.cluster.Pause(i); err != nil {
				return err
			}
			<-time.After(200*time.Millisecond + upTo(rng, 2*time.Second))
			if err := t.cluster.Resume(i); err != nil {
				return err
			}
			t.pauses++
			continue
		}
		if err := t.cluster.Kill(leader); err != nil {
			return err
		}
		<-time.After(upTo(rng, 500*time.Millisecond))
		if err := t.cluster.Run(leader); err != nil {
			return err
		}
		if err := t.cluster.WaitReady(ctx, leader); err != nil {
			return err
		}
		t.kills++
	}
}

// disturb cuts connections, and ends the session of the client that opens another one.
func (t *trial) disturb(ctx context.Context, rng *rand.Rand, operator *client.Client) error {
	for n := 0; ; n++ {
		select {
		case <-t.stop:
			return nil
		case <-time.After(upTo(rng, 100*time.Millisecond)):
		}
		o := t.obs[rng.IntN(len(t.obs))]
		o.line.breakOne()
		if o.renews && rng.IntN(60) == 0 {
			if err := operator.KillSession(ctx, o.c.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
				return err
			}
			o.kills++
		}
	}
}

// judge holds everything that was seen against the truth.
func (t *trial) judge() *verdict {
	t.history.sort()
	v := &verdict{changes: len(t.history.changes)}
	for _, o := range t.obs {
		windows := o.line.windows()
		v.restores += len(windows)
		v.connections += o.line.dials
		v.bugs += o.line.bugs
		v.frames += o.line.frames
		v.violations = append(v.violations, o.line.found...)
		for i, n := range o.line.cut {
			v.cuts[i] += n
		}
		for _, a := range t.armings[o] {
			switch {
			case a.event != nil:
				v.fired++
			case a.ended != nil:
				v.expired++
			default:
				v.pending++
			}
			if bad := t.history.judge(a, windows); bad != nil {
				v.violations = append(v.violations, bad)
			}
			if a.resumed {
				v.resumed++
			}
			if a.lax {
				v.lax++
			}
		}
	}
	for _, s := range t.followed {
		v.events += len(s.events)
		bad, gaps := t.history.judgeStream(s)
		v.violations = append(v.violations, bad...)
		v.gaps += gaps
	}
	return v
}

// report logs what a trial did and found.
func (t *trial) report(log testing.TB, v *verdict) {
	armed := v.fired + v.pending + v.expired
	log.Logf("seed %d: %d one-shot watches (%d fired, %d not due, %d ended with their session; "+
		"%d were set again on another connection, %d of which more than once until they were answered), %d persistent ones with %d events, %d gaps",
		t.seed, armed, v.fired, v.pending, v.expired, v.resumed, v.lax, len(t.followed), v.events, v.gaps)
	sessions := 0
	for _, o := range t.obs {
		sessions += o.kills
	}
	log.Logf("%d changes; %d leaders killed, %d pauses, %d sessions with ephemerals died, %d sessions of observers killed; "+
		"%d event frames on %d connections, cut: %d anywhere, %d between frames, %d inside one, %d inside a transaction, %d while sending; %d restored; %d bugs committed",
		v.changes, t.kills, t.pauses, t.deaths, sessions,
		v.frames, v.connections, v.cuts[atOnce], v.cuts[between], v.cuts[inside], v.cuts[torn], v.cuts[halfSent], v.restores, v.bugs)
	var found []string
	for _, kind := range []fault{missed, doubled, disordered, late, untrue, wrong, ended} {
		found = append(found, fmt.Sprintf("%d %s", v.count(kind), kind))
	}
	log.Log("violations: " + strings.Join(found, ", "))
	shown := map[fault]int{}
	for _, one := range slices.Clone(v.violations) {
		if shown[one.fault]++; shown[one.fault] <= 5 {
			log.Logf("%s: %s", one.fault, one.text)
		}
	}
}

// upTo is a random time shorter than d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

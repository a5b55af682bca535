package process_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/znode"
)

// What the writers play with. Few nodes, so that each changes often and has many watchers.
const (
	nodesPerArea    = 6
	childrenPerNode = 3
	sharedNodes     = 4
	mortalParents   = 2
)

// writer changes the nodes below an area of its own, and sets shared ones. It knows what is there, so everything it does
// succeeds or is refused as it expects.
type writer struct {
	c       *client.Client
	history *history
	root    string // of the run
	area    string
	rng     *rand.Rand
	there   map[string][]byte // the nodes below area, and their data
	n       int               // writes so far
}

// step is one operation that a writer is about to make.
type step struct {
	op      func(z *client.Zxid) client.Op
	changes []fact
	top     int // which of changes has the stat that the operation returns; -1: none
}

func (w *writer) data() []byte {
	w.n++
	size := 0
	if w.rng.IntN(20) == 0 {
		size = w.rng.IntN(4000)
	}
	return fmt.Appendf(nil, "%s %d%s", w.area, w.n, strings.Repeat(".", size))
}

// path is a random node of the area, or a child of one.
func (w *writer) path() string {
	path := fmt.Sprintf("%s/n%d", w.area, w.rng.IntN(nodesPerArea))
	if w.rng.IntN(3) == 0 {
		path += fmt.Sprintf("/c%d", w.rng.IntN(childrenPerNode))
	}
	return path
}

// tree returns the nodes at and below a path, a node before its children and siblings in order.
func tree(there map[string][]byte, path string) []string {
	var all []string
	for p := range there {
		if p == path || strings.HasPrefix(p, path+"/") {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, znode.ComparePaths)
	return all
}

// plan chooses an operation that will succeed and carries it out on there.
func (w *writer) plan(there map[string][]byte) step {
	for {
		path := w.path()
		below := tree(there, path)
		_, parent := there[path[:strings.LastIndexByte(path, '/')]]
		parent = parent || strings.Count(path, "/") == strings.Count(w.area, "/")+1
		switch data := w.data(); {
		case w.rng.IntN(12) == 0:
			path := fmt.Sprintf("%s/shared/s%d", w.root, w.rng.IntN(sharedNodes))
			return step{
				func(z *client.Zxid) client.Op { return client.SetOp(path, data, client.WithZxid(z)) },
				[]fact{{kind: client.EventDataChanged, path: path, data: data}}, 0,
			}
		case len(below) == 0 && parent:
			there[path] = data
			return step{
				func(z *client.Zxid) client.Op { return client.CreateOp(path, data, client.WithZxid(z)) },
				[]fact{{kind: client.EventCreated, path: path, data: data}}, 0,
			}
		case len(below) == 0:
		case w.rng.IntN(3) > 0:
			there[path] = data
			return step{
				func(z *client.Zxid) client.Op { return client.SetOp(path, data, client.WithZxid(z)) },
				[]fact{{kind: client.EventDataChanged, path: path, data: data}}, 0,
			}
		case len(below) == 1:
			delete(there, path)
			return step{
				func(z *client.Zxid) client.Op { return client.DeleteOp(path, client.WithZxid(z)) },
				[]fact{{kind: client.EventDeleted, path: path}}, -1,
			}
		case w.rng.IntN(2) == 0:
			return step{
				func(z *client.Zxid) client.Op { return client.DeleteTreeOp(path, client.WithZxid(z)) },
				remove(there, below), -1,
			}
		default:
			to := fmt.Sprintf("%s/n%d", w.area, w.rng.IntN(nodesPerArea))
			if _, taken := there[to]; taken {
				continue
			}
			var all []fact
			for _, p := range below {
				copied := to + p[len(path):]
				there[copied] = there[p]
				all = append(all, fact{kind: client.EventCreated, path: copied, data: there[p]})
			}
			return step{
				func(z *client.Zxid) client.Op { return client.MoveTreeOp(path, to, client.WithZxid(z)) },
				append(all, remove(there, below)...), -1,
			}
		}
	}
}

// remove takes the nodes of a tree away, the last first.
func remove(there map[string][]byte, below []string) (all []fact) {
	for _, p := range slices.Backward(below) {
		delete(there, p)
		all = append(all, fact{kind: client.EventDeleted, path: p})
	}
	return all
}

// write makes one transaction, mostly of one operation.
func (w *writer) write(ctx context.Context) error {
	there := maps.Clone(w.there)
	n := 1
	if w.rng.IntN(4) == 0 {
		n = 2 + w.rng.IntN(4)
	}
	var zxid client.Zxid
	var ops []client.Op
	var all []fact
	var stats []int // for each operation the change that has the stat it returns
	for range n {
		s := w.plan(there)
		ops = append(ops, s.op(&zxid))
		if s.top >= 0 {
			s.top += len(all)
		}
		stats = append(stats, s.top)
		all = append(all, s.changes...)
	}
	if w.rng.IntN(20) == 0 { // refused as a whole: nobody may hear of it
		_, err := w.c.Multi(ctx, append(ops, client.CheckOp(w.area+"/absent"))...)
		if !errors.Is(err, client.ErrNoNode) {
			return fmt.Errorf("a transaction that must be refused: %v", err)
		}
		return nil
	}
	var results []client.Result
	var err error
	if w.rng.IntN(8) == 0 {
		var taken client.TxnResult
		taken, err = w.c.Txn(ctx, client.If(client.AbsentOp(w.area+"/absent")).Then(ops...))
		results = taken.Results
	} else {
		results, err = w.c.Multi(ctx, ops...)
	}
	if err != nil {
		return err
	}
	for i, at := range stats {
		if at >= 0 {
			all[at].stat = &results[i].Stat
		}
	}
	w.there = there
	w.history.add(zxid, all...)
	return nil
}

// run writes until stop is closed, with pauses of up to the given length.
func (w *writer) run(ctx context.Context, stop <-chan struct{}, pause time.Duration) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(upTo(w.rng, pause)):
		}
		if err := w.write(ctx); err != nil {
			return fmt.Errorf("a writer of %s: %w", w.area, err)
		}
	}
}

// create makes a node that stays, or an ephemeral one, and notes it.
func (h *history) create(ctx context.Context, c *client.Client, path string, data []byte, opts ...client.CreateOption) error {
	_, stat, err := c.Create(ctx, path, data, opts...)
	if err == nil {
		h.add(stat.Czxid, fact{kind: client.EventCreated, path: path, stat: &stat, data: data})
	}
	return err
}

// mortals are sessions that make ephemeral nodes below a parent that has no others, and die: by their own end, by somebody
// else's hand, or because nothing is heard of them. All that a session leaves goes in one transaction, whose zxid is the
// parent's pzxid.
type mortals struct {
	history *history
	dial    func(ctx context.Context, l *line, timeout time.Duration) (*client.Client, error)
	witness *client.Client
	parent  string
	timeout time.Duration // of their sessions
	rng     *rand.Rand
	deaths  int
}

func (m *mortals) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(upTo(m.rng, 200*time.Millisecond)):
		}
		if err := m.live(ctx); err != nil {
			return fmt.Errorf("a mortal of %s: %w", m.parent, err)
		}
		m.deaths++
	}
}

// live is one life.
func (m *mortals) live(ctx context.Context) error {
	l := newLine(m.rng.Uint64(), none)
	c, err := m.dial(ctx, l, m.timeout)
	if err != nil {
		return err
	}
	var paths []string
	for i := range 1 + m.rng.IntN(4) {
		paths = append(paths, fmt.Sprintf("%s/e%d", m.parent, i))
	}
	if m.rng.IntN(2) == 0 {
		for _, path := range paths {
			if err := m.history.create(ctx, c, path, []byte(path), client.Ephemeral()); err != nil {
				return err
			}
		}
	} else {
		var zxid client.Zxid
		var ops []client.Op
		for _, path := range paths {
			ops = append(ops, client.CreateOp(path, []byte(path), client.Ephemeral(), client.WithZxid(&zxid)))
		}
		results, err := c.Multi(ctx, ops...)
		if err != nil {
			return err
		}
		var all []fact
		for i, path := range paths {
			all = append(all, fact{kind: client.EventCreated, path: path, stat: &results[i].Stat, data: []byte(path)})
		}
		m.history.add(zxid, all...)
	}
	switch m.rng.IntN(8) {
	default:
	case 0: // a silent death
		l.silence(true)
	case 1, 2, 3:
		if err := m.witness.KillSession(ctx, c.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
			return err
		}
		l.silence(true)
	}
	dying, cancel := context.WithCancel(ctx)
	defer cancel()
	if l.silent() {
		cancel() // there is nobody to say goodbye to
	}
	if err := c.Close(dying); err != nil && dying.Err() == nil {
		return err
	}
	for {
		stat, _, err := m.witness.Exists(ctx, m.parent)
		if err != nil {
			return err
		}
		if stat.NumChildren == 0 {
			var all []fact
			for _, path := range paths {
				all = append(all, fact{kind: client.EventDeleted, path: path})
			}
			m.history.add(stat.Pzxid, all...)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

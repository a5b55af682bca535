package recipes

import (
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// ChangeType is what a [Change] tells.
type ChangeType uint8

// The types of changes.
const (
	Reset   ChangeType = iota + 1 // begin anew with Change.View; what has led to it is not told
	Created                       // there is a node, Change.New
	Updated                       // its data were set, perhaps to the same
	Deleted                       // the node is no more; Change.Old is how it was
)

// String returns the type in lower case.
func (t ChangeType) String() string {
	switch t {
	case Reset:
		return "reset"
	case Created:
		return "created"
	case Updated:
		return "updated"
	case Deleted:
		return "deleted"
	default:
		return "unknown"
	}
}

// Change is one change of what a [Cache] mirrors. The counters of a parent, NumChildren, Cversion and Pzxid, change along
// with its children and are not told by themselves. The Data of the entries must not be modified.
type Change struct {
	Type ChangeType

	// Zxid is the transaction; if the cache had missed it and found the change by comparison, a later one.
	Zxid client.Zxid

	Old client.Entry // Updated, Deleted: the node before
	New client.Entry // Created, Updated: the node right after

	View View // Reset: the picture that the following changes go on from
}

// changed is a change before it is told; old, new and view share their nodes with the cache.
type changed struct {
	what     ChangeType
	zxid     client.Zxid
	old, new placed
	view     View
}

func (c *changed) tell() Change {
	return Change{Type: c.what, Zxid: c.zxid, Old: c.old.entry(), New: c.new.entry(), View: c.view}
}

// Changes tells what changes in a [Cache], each change once and in the order of the transactions, to one user. It has a
// goroutine of its own until it is closed.
type Changes struct {
	cache   *Cache
	told    chan Change
	wake    chan struct{} // has something when there is something new below
	closing chan struct{} // closed when the user has had enough
	telling sync.WaitGroup

	// guarded by Cache.mu
	queue  []changed
	ended  bool // nothing more will come
	closed bool
	err    error
}

func newChanges(c *Cache) *Changes {
	s := &Changes{
		cache: c, told: make(chan Change, changesBuffer), wake: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	s.telling.Go(s.run)
	return s
}

// C returns the channel of the changes. The first one is a [Reset] with the view that they begin with. Whoever does not take
// what waits for him, more than 4096 changes, gets another Reset in its stead, as does everybody after a single transaction
// with more changes than that: so every reader needs that branch, and needs only one.
//
// When a change is in the channel [Cache.View] shows it already. The channel is closed when the stream has ended;
// [Changes.Err] then says why. What had changed before the cache ended by itself is still told.
func (s *Changes) C() <-chan Change { return s.told }

// Err returns why the stream has ended: client.ErrClosed after Close, or what [Cache.Err] says. It is nil before the end.
func (s *Changes) Err() error {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.err
}

// Close ends the stream and drops what waits; what C holds can still be taken. It does not block for long.
func (s *Changes) Close() {
	s.cache.mu.Lock()
	delete(s.cache.streams, s)
	s.drop(client.ErrClosed)
	s.cache.mu.Unlock()
	s.telling.Wait()
}

// offer adds what has led to view, or makes the reader begin anew with it if there is too much. The caller holds mu.
func (s *Changes) offer(view View, changes []changed, lost bool) {
	if lost || len(s.queue)+len(changes) > changesWaitingMax {
		clear(s.queue)
		s.queue = append(s.queue[:0], changed{what: Reset, zxid: view.zxid, view: view})
	} else {
		s.queue = append(s.queue, changes...)
	}
	s.rouse()
}

// end lets the stream end when all is told. The caller holds mu.
func (s *Changes) end(err error) {
	if !s.ended {
		s.ended, s.err = true, err
		s.rouse()
	}
}

// drop ends the stream at once. The caller holds mu.
func (s *Changes) drop(err error) {
	s.end(err)
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
}

func (s *Changes) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Changes) run() {
	defer close(s.told)
	for {
		next, ended := s.take()
		for i := range next {
			select {
			case s.told <- next[i].tell():
			case <-s.closing:
				return
			}
		}
		if len(next) > 0 {
			continue
		}
		if ended {
			return
		}
		select {
		case <-s.wake:
		case <-s.closing:
			return
		}
	}
}

// take returns what is to be told next, a few changes, so that what follows can still be replaced.
func (s *Changes) take() (next []changed, ended bool) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	n := min(len(s.queue), changesBuffer)
	next = append(next, s.queue[:n]...)
	clear(s.queue[:n])
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return next, s.ended
}

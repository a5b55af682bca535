package server

import (
	"context"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/server/state"
)

// waiter is what a command's proposer wants to know of its outcome. A command that nobody waits for has a zero waiter.
type waiter struct {
	conn  *conn
	hello bool // an Open or Attach; otherwise a Write
}

// batch is commands on their way into one log entry, with a waiter for each.
type batch struct {
	commands state.Batch
	waiters  []waiter
	trees    int // operations on whole trees, in bytes of work: see treeOpBytes
}

// proposer packs everything that queues up while one entry is on its way into the next one. One entry in flight per
// server: the simplest way to first-in-first-out, and the fewest messages and fsyncs for a given load.
type proposer struct {
	mu     sync.Mutex
	room   sync.Cond // on mu: the open batch was taken
	open   *batch
	closed bool
	wake   chan struct{} // capacity 1: the open batch is not empty

	taken, finished uint64 // batches that were taken to be proposed, and that were applied; guarded by mu

	// The entry in flight. Set by run before it is submitted, read by apply; guarded by flight.
	flight   sync.Mutex
	inFlight *batch
	number   uint64
	answered uint64 // number of the newest entry whose waiters have been answered
}

func (p *proposer) init() {
	p.room.L = &p.mu
	p.open = &batch{}
	p.wake = make(chan struct{}, 1)
}

// wait puts commands of c into the open batch; fill is called with it, under the proposer's lock. It waits while the batch
// is full, which holds c's reader back. It reports false when the server closes or c is over.
func (p *proposer) wait(c *conn, fill func(b *batch)) bool {
	p.mu.Lock()
	for !p.closed && !c.over.Load() && p.open.commands.Bytes()+p.open.trees >= batchBytesMax {
		c.held.Store(true)
		c.signal() // what has been answered does not wait for that
		p.room.Wait()
	}
	c.held.Store(false)
	if p.closed || c.over.Load() {
		p.mu.Unlock()
		return false
	}
	p.fill(fill)
	return true
}

// add puts commands into the open batch without waiting, if that has fewer than limit bytes. It reports whether it did.
func (p *proposer) add(limit int, fill func(b *batch)) bool {
	p.mu.Lock()
	if p.closed || p.open.commands.Bytes() >= limit {
		p.mu.Unlock()
		return false
	}
	p.fill(fill)
	return true
}

// fill ends wait and add: it calls fill and gives the lock back.
func (p *proposer) fill(fill func(b *batch)) {
	fill(p.open)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// stir wakes those who wait for room, so that they notice when their connection is over. The pulse calls it.
func (p *proposer) stir() { p.room.Broadcast() }

// close makes wait, add and run return. It does not wait.
func (p *proposer) close() {
	p.mu.Lock()
	p.closed = true
	p.room.Broadcast()
	p.mu.Unlock()
}

// progress counts the batches that were made, the open one included if there is anything in it, and those that were applied.
func (p *proposer) progress() (made, applied uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	made = p.taken
	if p.open.commands.Len() > 0 {
		made++
	}
	return made, p.finished
}

// Proposals counts the log entries that this server has made since it started, one that is still open included, and those
// of them that have been applied here. Whatever it had proposed before a call, a renewal of its lease, a step of the
// cluster clock, the end of a session, has taken effect when applied has come up to the made of that call.
func (s *Server) Proposals() (made, applied uint64) { return s.proposer.progress() }

// run proposes batch after batch. submit blocks until the entry has been applied here. It returns submit's error, or ctx's.
func (p *proposer) run(ctx context.Context, header state.Header, submit func(context.Context, []byte) error) error {
	spare := &batch{}
	var entry []byte
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wake:
		}
		p.mu.Lock()
		full := p.open
		p.open = spare
		if full.commands.Len() == 0 {
			p.mu.Unlock()
			spare = full
			continue
		}
		p.taken++
		p.room.Broadcast()
		p.mu.Unlock()
		p.flight.Lock()
		p.number++
		p.inFlight = full
		header.Number = p.number
		p.flight.Unlock()
		header.TimeMS = time.Now().UnixMilli()
		entry = full.commands.Entry(entry[:0], header)
		if err := submit(ctx, entry); err != nil {
			return err
		}
		p.flight.Lock()
		p.inFlight = nil
		p.flight.Unlock()
		p.mu.Lock()
		p.finished++
		p.mu.Unlock()
		full.commands.Reset(batchKeepBytes)
		full.trees = 0
		clear(full.waiters)
		full.waiters = full.waiters[:0]
		spare = full
		if cap(entry) > batchKeepBytes {
			entry = nil
		}
	}
}

// claim returns the waiters of entry number of this server and boot, the first time that a copy of it is applied.
func (p *proposer) claim(number uint64) []waiter {
	p.flight.Lock()
	defer p.flight.Unlock()
	if p.inFlight == nil || number != p.number || number == p.answered {
		return nil
	}
	p.answered = number
	return p.inFlight.waiters
}

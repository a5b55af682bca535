package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// follower keeps the tree of a [Cache] up to date. It belongs to the cache's goroutine, or to [NewCache] before there is one.
//
// Events are put into the tree as they come. It is shown when a transaction is complete, and an event proves only that
// everything before its own is. The next event proves it, or what else the client hears from the service; if nothing comes,
// a small read does, which the server at hand answers at once and behind all events. So nobody waits for a ping.
type follower struct {
	cache *Cache
	watch *client.PersistentWatch

	tree    *nodeTree
	newest  client.Zxid // the tree shows everything below it, and of it what was told
	listed  client.Zxid // everything up to it is in the newest list
	missing client.Zxid // what the next list has to show at least, because the watch could not tell it

	// since the newest view
	events  int
	differs bool // the nodes are not the same
	changes []changed
	lost    bool // there were more than may wait
}

// errMissed: the events do not tell everything any more, so the tree has to be listed.
var errMissed = errors.New("events are missing")

// run follows until ctx or the watch ends, and returns why.
func (f *follower) run(ctx context.Context) error {
	for {
		err := f.follow(ctx)
		if errors.Is(err, errMissed) {
			err = f.fill(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return client.ErrClosed
		case err != nil:
			return err
		}
	}
}

// follow takes events, and shows their effect whenever there are none left.
func (f *follower) follow(ctx context.Context) error {
	for {
		for more := true; more; {
			select {
			case e, open := <-f.watch.C():
				if err := f.take(&e, open); err != nil {
					return err
				}
			default:
				more = false
			}
		}
		z := f.watch.Zxid()
		if z < f.newest {
			_, _, err := f.cache.client.Exists(ctx, f.cache.path, local)
			if err != nil && !errors.Is(err, client.ErrSessionExpired) { // after that the watch goes on in another session, or tells
				return err
			}
			continue
		}
		f.show(z)
		select {
		case e, open := <-f.watch.C():
			if err := f.take(&e, open); err != nil {
				return err
			}
		case <-f.cache.look:
		case <-ctx.Done():
			return client.ErrClosed
		}
	}
}

// take puts an event into the tree. When many have come one after another without a pause, what is complete is shown.
func (f *follower) take(e *client.Event, open bool) error {
	switch {
	case !open:
		return f.watch.Err()
	case e.Zxid <= f.listed:
		return nil
	case e.Type == client.EventGap:
		f.missing = e.Zxid
		return errMissed
	}
	if e.Zxid > f.newest && f.events >= showEvery {
		f.show(e.Zxid - 1)
	}
	f.newest = e.Zxid
	f.events++
	f.apply(e)
	return f.bounded(f.tree)
}

// apply changes the tree as an event says.
func (f *follower) apply(e *client.Event) {
	if e.Type == client.EventDeleted {
		if old, was := f.tree.Delete(placed{path: e.Path}); was {
			f.note(changed{what: Deleted, zxid: e.Zxid, old: old})
			f.count(e, -1)
		}
		return
	}
	now := placed{path: e.Path, node: &client.Node{Data: e.Data, Stat: e.Stat}}
	old, was := f.tree.Get(now)
	if was {
		now.path = old.path // one string for all versions
	}
	f.tree.Set(now)
	if was {
		f.note(changed{what: Updated, zxid: e.Zxid, old: old, new: now})
		return
	}
	f.note(changed{what: Created, zxid: e.Zxid, new: now})
	f.count(e, 1)
}

// count changes the counters of the parent of a node that was created or deleted, which recursive watches do not tell.
func (f *follower) count(e *client.Event, by int64) {
	if e.Path == f.cache.path {
		return
	}
	parent, ok := f.tree.Get(placed{path: parentOf(e.Path)})
	if !ok {
		return
	}
	after := *parent.node
	after.Stat.NumChildren += by
	after.Stat.Cversion++
	after.Stat.Pzxid = e.Zxid
	f.tree.Set(placed{path: parent.path, node: &after})
}

// note keeps a change for those who want to be told.
func (f *follower) note(c changed) {
	f.differs = true
	if f.lost = f.lost || len(f.changes) == changesWaitingMax; !f.lost {
		f.changes = append(f.changes, c)
	}
}

// show makes the tree the newest view, as of z, when everything up to z is in it and nothing else.
func (f *follower) show(z client.Zxid) {
	view := View{zxid: z, tree: f.cache.view.tree} // nobody else writes it
	if f.differs {
		view.tree = f.tree.IsoCopy()
	}
	f.cache.publish(view, f.differs, f.changes, f.lost)
	clear(f.changes)
	f.events, f.differs, f.changes, f.lost = 0, false, f.changes[:0], false
	f.newest = max(f.newest, z)
}

// bounded refuses a tree that is too large.
func (f *follower) bounded(tree *nodeTree) error {
	if n := f.cache.maxNodes; tree.Len() > n {
		return fmt.Errorf("%w: more than %d nodes, which is the limit of this cache", client.ErrTooMany, n)
	}
	return nil
}

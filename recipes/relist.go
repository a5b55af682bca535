package recipes

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// fill lists the tree, shows it, and takes what has happened meanwhile. It begins again if that is more than the watch could
// keep or the service remembers, or if the session has ended and the watch goes on in the next; after a pause, which grows, because
// a tree that changes faster than it can be listed is best left alone for a while.
func (f *follower) fill(ctx context.Context) error {
	for pause := relistPause; ; pause = min(2*pause, relistPauseMax) {
		err := f.list(ctx)
		switch {
		case errors.Is(err, errMissed), errors.Is(err, client.ErrCompacted):
		case errors.Is(err, client.ErrSessionExpired) && f.watch.Err() == nil && ctx.Err() == nil:
		default:
			return err
		}
		if err := f.pass(ctx, pause); err != nil {
			return err
		}
	}
}

// pass lets a pause go by. What happens meanwhile the next list shows: none of it is kept, and the watch does not fill up.
func (f *follower) pass(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ended(ctx)
		case e, open := <-f.watch.C():
			if !open {
				return f.watch.Err()
			}
			f.missing = max(f.missing, e.Zxid)
		}
	}
}

// list is one attempt to fill. Events that come while it is under way wait until it is complete. They do not grow without
// bound: when the service's history of changes, which is bounded, does not reach back to the first page any more, the next
// page fails.
func (f *follower) list(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	pages, failure := make(chan client.ListPage), make(chan error, 1)
	reading.Go(func() { f.read(ctx, pages, failure) })

	tree, asOf := newNodeTree(), client.Zxid(0)
	var waiting []client.Event
	for more := true; more; {
		select {
		case page := <-pages:
			for i := range page.Entries {
				tree.Load(f.same(&page.Entries[i]))
			}
			if err := f.bounded(tree); err != nil {
				return err
			}
			asOf, more = page.Zxid, page.More
		case err := <-failure:
			return err
		case e, open := <-f.watch.C():
			switch {
			case !open:
				return f.watch.Err()
			case e.Zxid <= asOf:
			case e.Type == client.EventGap:
				f.missing = e.Zxid
				return errMissed
			default:
				waiting = append(waiting, e)
			}
		}
	}
	f.replace(tree, asOf)
	for i := range waiting {
		if err := f.take(&waiting[i], true); err != nil {
			return err
		}
	}
	return nil
}

// read reads the list page by page, all as of the first. A node that is absent is an empty list.
func (f *follower) read(ctx context.Context, pages chan<- client.ListPage, failure chan<- error) {
	c, path := f.cache.client, f.cache.path
	fresh := client.AtLevel(client.Linearizable)
	if f.missing > 0 && f.cache.view.tree != nil { // the first view shows all that was there before, however often it takes to list it
		fresh = client.AtLeast(f.missing)
	}
	var zxid client.Zxid
	options := []client.ReadOption{client.WithData(), client.WithStats(), client.WithZxid(&zxid), fresh}
	for after, more := "", true; more; {
		page, err := c.ListPage(ctx, path, after, 0, options...)
		if errors.Is(err, client.ErrNoNode) {
			page, err = client.ListPage{Zxid: zxid}, nil
		}
		if err != nil {
			failure <- err // has room
			return
		}
		if more = page.More; more {
			after = page.Entries[len(page.Entries)-1].Path
			// A read never goes back in time, so the server at hand has what the first page showed.
			options = append(options[:2], client.AtLevel(client.Session), client.AsOf(page.Zxid))
		}
		select {
		case pages <- page:
		case <-ctx.Done():
			return
		}
	}
}

// same returns what the tree has of an entry if that is the same version, so that it takes memory once, and the entry otherwise.
func (f *follower) same(e *client.Entry) placed {
	if old, ok := f.tree.Get(placed{path: e.Path}); ok && old.node.Stat == e.Stat {
		return old
	}
	return placed{path: e.Path, node: &client.Node{Data: e.Data, Stat: e.Stat}}
}

// replace shows another tree, that of zxid, and tells how it differs from the one that was shown last: what is gone first,
// children before their parents, then what is new or was set, parents before their children.
func (f *follower) replace(tree *nodeTree, zxid client.Zxid) {
	shown := f.cache.view.tree
	if shown == nil {
		shown = newNodeTree()
	}
	f.tree, f.listed, f.newest = tree, zxid, zxid
	f.events, f.changes, f.lost = 0, f.changes[:0], false
	f.differs = shown.Len() != tree.Len()
	var gone []placed
	shown.Scan(func(old placed) bool {
		if now, ok := tree.Get(old); !ok || now.node.Stat.Czxid != old.node.Stat.Czxid {
			gone = append(gone, old)
		}
		return true
	})
	for _, old := range slices.Backward(gone) {
		f.note(changed{what: Deleted, zxid: zxid, old: old})
	}
	tree.Scan(func(now placed) bool {
		switch old, ok := shown.Get(now); {
		case !ok || now.node.Stat.Czxid != old.node.Stat.Czxid:
			f.note(changed{what: Created, zxid: zxid, new: now})
		case now.node.Stat.Mzxid != old.node.Stat.Mzxid || now.node.Stat.Version != old.node.Stat.Version:
			f.note(changed{what: Updated, zxid: zxid, old: old, new: now})
		case now.node != old.node:
			f.differs = true // the counters of a parent
		}
		return true
	})
	f.show(zxid)
}

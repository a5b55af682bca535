package server

import (
	"github.com/coxswain-io/coxswain/server/watch"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// watch registers a one-shot watch and answers the read with an error if the connection has too many.
func (c *conn) watch(xid wire.Xid, kind wire.WatchKind, path string) bool {
	s := c.srv
	c.lockWatches()
	err := s.watches.Add(c, kind, path)
	c.unlockWatches()
	if err != nil {
		c.fail(xid, s.st.Zxid(), wire.CodeTooMany, &znode.Error{Path: path, Detail: err.Error()})
	}
	return err == nil
}

// setWatches registers again what the client was watching on its last connection, and delivers what it has missed.
func (c *conn) setWatches(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	s := c.srv
	list := watch.List{Data: req.DataPaths, Exist: req.ExistPaths, Child: req.ChildPaths}
	c.lockWatches()
	err := s.watches.CatchUp(c, req.Since, list, s.lookup, c.tell)
	c.unlockWatches()
	if err != nil {
		c.fail(xid, zxid, wire.CodeTooMany, &znode.Error{Detail: err.Error()})
	} else {
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	}
}

// addWatches sets persistent watches and tells what they have missed since the zxids that their client states, as much of
// it as there is room for. It reports false if there is more: then it is called again with the same request, and until it
// has reported true no other request of the connection is answered and no write of it is proposed.
func (c *conn) addWatches(xid wire.Xid, zxid znode.Zxid, req *wire.Request) bool {
	c.lockWatches()
	done, err := c.replaySome(zxid, req)
	c.unlockWatches()
	switch {
	case err != nil:
		code := wire.CodeTooMany
		if err == watch.ErrDuplicateID {
			code = wire.CodeBadArguments
		}
		c.fail(xid, zxid, code, &znode.Error{Detail: err.Error()})
	case !done:
		return false
	default:
		c.replay = nil
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	}
	return true
}

// replaySome is the part of addWatches that needs the watches' lock.
func (c *conn) replaySome(zxid znode.Zxid, req *wire.Request) (done bool, err error) {
	s := c.srv
	if c.replay == nil {
		if c.replay, err = s.watches.Begin(c, req.WatchList); err != nil {
			c.replay = nil
			return false, err
		}
	}
	return s.watches.Step(c.replay, s.ring, zxid, outHighBytes-len(c.out), func(_ *conn, t watch.Told) {
		c.tell(c, t)
		s.metrics.replayed.Inc()
	}), nil
}

// removeWatch takes back a watch. If a one-shot watch is not there it has fired, and the event is on its way.
func (c *conn) removeWatch(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	s := c.srv
	c.lockWatches()
	var found bool
	if req.WatchKind == wire.WatchPersistent {
		found = s.watches.RemoveID(c, req.WatchID)
	} else {
		found = s.watches.Remove(c, req.WatchKind, req.Path)
	}
	c.unlockWatches()
	if found {
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	} else {
		c.fail(xid, zxid, wire.CodeNoWatcher, &znode.Error{Path: req.Path})
	}
}

// tell puts an event into out. The caller holds c.mu.
func (c *conn) tell(_ *conn, t watch.Told) {
	if t.Node != nil {
		if t.Options&wire.WithStat != 0 {
			stat := t.Node.Stat()
			t.Event.Stat = &stat
		}
		if t.Options&wire.WithData != 0 {
			t.Event.Data = t.Node.Data()
		}
	}
	if t.Event.Type == wire.EventGap {
		c.srv.metrics.gaps.Inc()
	}
	c.out = wire.AppendEvent(c.out, &t.Event)
}

package client

import (
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// happened is one transaction in the history of a service, which keeps all of them.
type happened struct {
	zxid    znode.Zxid
	changes []znode.Change
}

// eventsOf is what a persistent watch tells of one change (W-1, W-2).
func eventsOf(spec *wire.WatchSpec, zxid znode.Zxid, c *znode.Change) (events []wire.Event) {
	event := wire.Event{Zxid: zxid, Type: wire.EventType(c.Type), Path: c.Path, Watch: spec.ID}
	if c.New != nil && spec.Options&wire.WithStat != 0 {
		stat := c.New.Stat()
		event.Stat = &stat
	}
	if c.New != nil && spec.Options&wire.WithData != 0 {
		event.Data = c.New.Data()
	}
	if c.Path == spec.Path || spec.Mode == wire.Recursive && strings.HasPrefix(c.Path, strings.TrimSuffix(spec.Path, "/")+"/") {
		events = append(events, event)
	}
	if spec.Mode == wire.Persistent && c.Type != znode.DataChanged && parentOf(c.Path) == spec.Path {
		events = append(events, wire.Event{Zxid: zxid, Type: wire.EventChildrenChanged, Path: spec.Path, Watch: spec.ID})
	}
	return events
}

// tell sends the events of a change to the persistent watches of a peer.
func (p *peer) tell(specs []wire.WatchSpec, zxid znode.Zxid, c *znode.Change) {
	for i := range specs {
		for _, event := range eventsOf(&specs[i], zxid, c) {
			p.out <- wire.AppendEvent(nil, &event)
		}
	}
}

// addWatches sets persistent watches, and tells before that what they have missed; beyond the horizon, that they have.
func (s *service) addWatches(p *peer, r *wire.Request) []byte {
	if len(p.watches)+len(p.persistent)+len(r.WatchList) > int(s.limits.Watches) {
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeTooMany, s.zxid, &znode.Error{Detail: "no room"})
	}
	for i := range r.WatchList {
		if err := znode.ValidatePath(r.WatchList[i].Path); err != nil {
			return wire.AppendFailureReply(nil, r.Xid, wire.Code(err.Code), s.zxid, err)
		}
	}
	var replay []wire.WatchSpec
	for _, spec := range r.WatchList {
		if slices.ContainsFunc(p.persistent, func(other wire.WatchSpec) bool { return other.ID == spec.ID }) {
			return wire.AppendFailureReply(nil, r.Xid, wire.CodeBadArguments, s.zxid, &znode.Error{Detail: "a watch with this id is set"})
		}
		switch {
		case spec.FromNow || spec.Since >= s.zxid:
		case spec.Since < s.horizon:
			p.out <- wire.AppendEvent(nil, &wire.Event{Zxid: s.zxid, Type: wire.EventGap, Path: spec.Path, Watch: spec.ID, From: spec.Since})
		default:
			replay = append(replay, spec)
		}
		p.persistent = append(p.persistent, spec)
	}
	for _, h := range s.history {
		missed := slices.DeleteFunc(slices.Clone(replay), func(spec wire.WatchSpec) bool { return spec.Since >= h.zxid })
		for i := range h.changes {
			p.tell(missed, h.zxid, &h.changes[i])
		}
	}
	return wire.AppendEmptyReply(nil, r.Xid, s.zxid)
}

// removeWatch forgets a persistent watch, and reports whether there was one.
func (p *peer) removeWatch(id wire.WatchID) bool {
	before := len(p.persistent)
	p.persistent = slices.DeleteFunc(p.persistent, func(spec wire.WatchSpec) bool { return spec.ID == id })
	return len(p.persistent) < before
}

// persistentWatches is how many the connections of the service have.
func (s *service) persistentWatches() (n int) {
	s.script(func() {
		for p := range s.peers {
			n += len(p.persistent)
		}
	})
	return n
}

// forgetHistory makes watches that are resumed from before now miss what they have missed.
func (s *service) forgetHistory() { s.script(func() { s.horizon = s.zxid }) }

// transact carries out operations in one transaction from outside of any session.
func (s *service) transact(ops ...znode.Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outside(ops...)
}

func (s *service) newest() (z Zxid) {
	s.script(func() { z = s.zxid })
	return z
}

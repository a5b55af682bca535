package client

import (
	"strings"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// operate carries out the operations of an admitted write and returns the outcome and what has changed.
func (s *service) operate(p *peer, r *wire.Request) ([]byte, []znode.Change) {
	ops, before, held, first := r.Ops, len(r.If), true, 0
	if r.Kind == wire.Txn {
		for i := range r.If {
			if s.tree.Holds(&r.If[i]) != nil {
				ops, before, held, first = r.Else, before+len(r.Ops), false, i
				break
			}
		}
	}
	results, changes, err := s.tree.Apply(znode.Txn{Zxid: s.zxid + 1, Owner: uint64(p.id)}, ops, nil, nil)
	if err != nil {
		err.Index += before
		return wire.AppendFailure(nil, wire.Code(err.Code), s.zxid, err), nil
	}
	if len(changes) > 0 {
		s.zxid++
	}
	for _, result := range results {
		s.applied = append(s.applied, result.Path)
	}
	if r.Kind == wire.Txn {
		return wire.AppendTxnOutcome(nil, s.zxid, held, first, results), changes
	}
	return wire.AppendOutcome(nil, r.Kind, s.zxid, results), changes
}

// kill ends another session.
func (s *service) kill(p *peer, r *wire.Request) ([]byte, []znode.Change) {
	switch {
	case r.Target == p.id:
		return wire.AppendFailure(nil, wire.CodeBadArguments, s.zxid, &znode.Error{Detail: "close it instead"}), nil
	case !s.table.Kill(r.Target):
		return wire.AppendFailure(nil, wire.CodeNoSession, s.zxid, nil), nil
	}
	s.zxid++
	changes := s.tree.CloseOwner(znode.Txn{Zxid: s.zxid}, uint64(r.Target), nil)
	return wire.AppendOutcome(nil, r.Kind, s.zxid, nil), changes
}

// list answers with a page of a recursive list. The fake remembers the whole tree of each list's beginning.
func (s *service) list(r *wire.Request) []byte {
	asOf := r.AsOf
	if asOf == 0 {
		asOf = s.zxid
		var nodes []*znode.Node
		s.tree.Walk("/", "", func(n *znode.Node) bool { nodes = append(nodes, n); return true })
		s.past[asOf] = nodes
	}
	nodes, ok := s.past[asOf]
	if !ok {
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeCompacted, s.zxid, &znode.Error{Path: r.Path, Detail: "begin a new list"})
	}
	dst, mark := wire.BeginReply(nil, r.Xid, s.zxid)
	out, list := wire.BeginListResult(dst)
	count, there, more := 0, false, false
	for _, n := range nodes {
		if n.Path() == r.Path {
			there = true
		}
		inside := r.Path == "/" || n.Path() == r.Path || strings.HasPrefix(n.Path(), r.Path+"/")
		if !inside || znode.ComparePaths(n.Path(), r.After) <= 0 {
			continue
		}
		if more = count == s.pageLimit(r.Limit); more {
			break
		}
		count++
		if r.WithStat || r.WithData {
			out = wire.AppendNodeEntry(out, n.Path(), n, r.WithStat, r.WithData)
		} else {
			out = wire.AppendEntry(out, n.Path())
		}
	}
	if !there {
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoNode, s.zxid, &znode.Error{Path: r.Path})
	}
	return wire.EndFrame(wire.EndListResult(out, list, count, more, asOf), mark)
}

// sessions answers with a page of the list of sessions.
func (s *service) sessions(r *wire.Request) []byte {
	dst, mark := wire.BeginReply(nil, r.Xid, s.zxid)
	out, list := wire.BeginSessionsResult(dst)
	count, more := 0, false
	s.table.Each(r.AfterID, func(i session.Info) bool {
		if more = count == s.pageLimit(r.Limit); more {
			return false
		}
		count++
		out = wire.AppendSessionEntry(out, &wire.SessionEntry{
			ID: i.ID, Name: i.Name, Server: i.Server, Attached: i.Attached, TimeoutMS: i.TimeoutMS,
			Ephemerals: s.tree.EphemeralCount(uint64(i.ID)), LastSeq: i.Last,
		})
		return true
	})
	return wire.EndFrame(wire.EndSessionsResult(out, list, count, more), mark)
}

package server

import "context"

// AddMember adds the server of that id, which must have been started with Join and answer at raftAddr, to the cluster. It
// returns when it belongs to it; it gets its vote by itself when it has caught up, which Status shows. It waits for a quorum
// until ctx ends; what would be wrong is refused with a *consensus.Refusal and changes nothing. See consensus.Log.AddMember.
func (s *Server) AddMember(ctx context.Context, id uint64, raftAddr string) error {
	return s.raft.AddMember(ctx, id, raftAddr)
}

// RemoveMember removes another server, whether it runs or not, for good: its id can never be used again, and if it runs it
// stops. The sessions attached to it live on, and their clients move. It waits for a quorum until ctx ends; what would be
// wrong is refused with a *consensus.Refusal and changes nothing. See consensus.Log.RemoveMember.
func (s *Server) RemoveMember(ctx context.Context, id uint64) error {
	return s.raft.RemoveMember(ctx, id)
}

// TransferLeader makes the server of that id the leader, and returns when this one sees it lead or ctx ends. Requests under
// way go on. See consensus.Log.TransferLeadershipTo.
func (s *Server) TransferLeader(ctx context.Context, to uint64) error {
	return s.raft.TransferLeadershipTo(ctx, to)
}

package consensus

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/lni/dragonboat/v4/raftpb"
)

// vetting decides which messages from the network reach Dragonboat. Dragonboat trusts its peers: a message of a kind
// meant for inside, one without addressee, or one that gives a member another address makes it panic.
type vetting struct {
	replica uint64 // immutable
	fixed   bool   // immutable: addrs were given by the first members' list; strangers' addresses are not learnt

	mu    sync.Mutex
	addrs map[uint64]string // raft address of each replica as far as known
}

func newVetting(replica uint64, members map[uint64]string) *vetting {
	v := &vetting{replica: replica, fixed: len(members) > 0, addrs: make(map[uint64]string, len(members))}
	for id, addr := range members {
		v.addrs[id] = addr
	}
	return v
}

// foreign lists the kinds of messages that other replicas send.
var foreign = map[raftpb.MessageType]bool{
	raftpb.NoOP: true, raftpb.Propose: true, raftpb.Replicate: true, raftpb.ReplicateResp: true,
	raftpb.RequestVote: true, raftpb.RequestVoteResp: true, raftpb.RequestPreVote: true, raftpb.RequestPreVoteResp: true,
	raftpb.Heartbeat: true, raftpb.HeartbeatResp: true, raftpb.ReadIndex: true, raftpb.ReadIndexResp: true,
	raftpb.SnapshotReceived: true, raftpb.LeaderTransfer: true, raftpb.TimeoutNow: true, raftpb.RateLimit: true,
}

// batch removes from b what must not reach Dragonboat and returns how much that was.
func (v *vetting) batch(b *raftpb.MessageBatch) (refused int) {
	kept := b.Requests[:0]
	for _, m := range b.Requests {
		if v.message(&m) {
			kept = append(kept, m)
		}
	}
	refused = len(b.Requests) - len(kept)
	b.Requests = kept
	if !v.source(b) {
		// Without an address Dragonboat takes the messages and learns nothing.
		b.SourceAddress = ""
	}
	return refused
}

func (v *vetting) message(m *raftpb.Message) bool {
	if m.ShardID != shardID || m.To != v.replica || m.From == 0 || m.From == v.replica || !foreign[m.Type] {
		return false
	}
	if !raftpb.IsEmptySnapshot(m.Snapshot) {
		return false // snapshots come in chunks and are put together here
	}
	return m.Type != raftpb.LeaderTransfer || m.Hint != 0
}

// source reports whether Dragonboat may learn from b that its senders are at b's address. Only a replica that joins has
// to; the others know all members from the first list and the log.
func (v *vetting) source(b *raftpb.MessageBatch) bool {
	if b.SourceAddress == "" || !validAddr(b.SourceAddress) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range b.Requests {
		known, ok := v.addrs[m.From]
		if ok && known != b.SourceAddress || !ok && v.fixed {
			return false
		}
		v.addrs[m.From] = b.SourceAddress
	}
	return true
}

// chunk reports why a piece of a snapshot cannot be meant for this replica.
func (v *vetting) chunk(c *raftpb.Chunk) error {
	switch {
	case c.ShardID != shardID || c.ReplicaID != v.replica || c.From == 0 || c.From == v.replica:
		return frameError(fmt.Sprintf("snapshot from replica %d for replica %d came to replica %d", c.From, c.ReplicaID, v.replica))
	case c.HasFileInfo || c.Witness || c.FileChunkId != c.ChunkId:
		return frameError("snapshot of a form that is not in use")
	case filepath.Base(c.Filepath) != fmt.Sprintf("snapshot-%016X.gbsnap", c.Index):
		return frameError(fmt.Sprintf("snapshot file %.100q is not one of index %d", c.Filepath, c.Index))
	case c.ChunkId == 0 && len(c.Data) < snapshotHeaderBytes:
		return frameError("snapshot begins with a piece that is too small")
	}
	return nil
}

// decodeBatch and decodeChunk turn whatever the decoders do with foreign bytes into an error.

func decodeBatch(payload []byte) (b raftpb.MessageBatch, err error) {
	defer recoverDecode(&err)
	return b, b.Unmarshal(payload)
}

func decodeChunk(payload []byte) (c raftpb.Chunk, err error) {
	defer recoverDecode(&err)
	return c, c.Unmarshal(payload)
}

func recoverDecode(err *error) {
	if p := recover(); p != nil {
		*err = frameError(fmt.Sprintf("undecodable payload: %v", p))
	}
}

package consensus

import (
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"github.com/lni/dragonboat/v4/raftpb"
)

// vetting decides which messages from the network reach Dragonboat. Dragonboat trusts its peers: a message of a kind
// meant for inside, one without addressee, or one that gives a member another address makes it panic.
type vetting struct {
	replica uint64 // immutable

	mu    sync.Mutex
	addrs map[uint64]string // raft addresses of the first members, and of those who answered for themselves there
}

func newVetting(replica uint64, members map[uint64]string) *vetting {
	v := &vetting{replica: replica, addrs: make(map[uint64]string, len(members))}
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

// source reports whether Dragonboat may learn from b that its senders are at b's address: only if they were found there
// before. A replica that has not read in the log of a member which was added meanwhile could not answer it otherwise.
func (v *vetting) source(b *raftpb.MessageBatch) bool {
	if b.SourceAddress == "" {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range b.Requests {
		if v.addrs[m.From] != b.SourceAddress {
			return false
		}
	}
	return true
}

// learn notes that a replica was found at addr. What is known already stays: addresses do not change.
func (v *vetting) learn(replica uint64, addr string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.addrs[replica]; !ok {
		v.addrs[replica] = addr
	}
}

// stranger reports whether the replica's address is not known.
func (v *vetting) stranger(replica uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.addrs[replica]
	return !ok
}

// known returns the addresses of all replicas that are known.
func (v *vetting) known() map[uint64]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.addrs)
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

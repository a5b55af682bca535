package znode

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// The digest of a tree is the sum, modulo 2^64, of the hashes of its nodes: it
// does not depend on any order, and replacing a node costs the difference of
// two hashes. It finds replicas that diverged by accident; it does not resist
// somebody who looks for collisions.
//
// The hash of a node is itself a sum of two, of which a change of the children's
// counters needs only the second, however large the parent's data are.

// contentHash covers path and data. A path holds no zero byte, so a zero byte
// separates the two.
func (n *Node) contentHash() uint64 {
	var d xxhash.Digest
	d.Reset()
	d.WriteString(n.at.path)
	d.Write(zeroByte)
	d.Write(n.data)
	return d.Sum64()
}

var zeroByte = []byte{0}

// metaHash covers all other fields, bound to the path.
func (n *Node) metaHash() uint64 {
	x := n.rare()
	var b [14 * 8]byte
	for i, v := range [...]uint64{
		xxhash.Sum64String(n.at.path),
		uint64(n.czxid), uint64(n.mzxid), uint64(n.pzxid),
		uint64(n.ctimeMS), uint64(n.mtimeMS), uint64(x.touchMS),
		uint64(n.version), uint64(n.created), uint64(x.aversion),
		x.owner, uint64(x.kind), uint64(x.ttlMS), uint64(n.children),
	} {
		binary.LittleEndian.PutUint64(b[i*8:], v)
	}
	return xxhash.Sum64(b[:])
}

// shardOf returns which shard holds path.
func shardOf(path string) int {
	return int(xxhash.Sum64String(path) & (shardCount - 1))
}

package state

// What Apply enforces is constant: the same on every replica and in every release that shares an entry format.
const (
	// EntryVersion is the format of a log entry. An entry of another version has no effect.
	EntryVersion = 1

	// Revision counts the releases whose Apply differs: in what it does, or in a word of what it replies, because replies are
	// in the digest. It is raised with each such change. Replicas compare digests only with those of their own revision, so
	// that neither a log that an older release has begun nor a cluster in the middle of an upgrade is taken for diverged.
	// Revision 1 did not state it; 2 has graves; in 3 a TTL counts from the latest that it may be when a node is set.
	Revision = 3

	// SnapshotVersion is the format of a snapshot that is written. Format 1, without names and graves, is read too.
	SnapshotVersion = 2

	// CommandsMax bounds the commands of one entry: a header cannot announce more work than the entry has bytes for.
	CommandsMax = 1 << 20

	// changesKeepMax is the largest number of changes that room is kept for from one command to the next.
	changesKeepMax = 1024

	// snapshotChunkBytes is the size at which a chunk of a snapshot is closed: big enough that its header and checksum
	// cost nothing, small enough that the writer needs little memory.
	snapshotChunkBytes = 256 << 10

	// snapshotChunkBytesMax is the largest chunk that is read: a chunk is closed after the value that crosses
	// snapshotChunkBytes, and the largest value is a session or a grave with its recorded replies (session.WindowBytes
	// and one more reply) or a node with its data.
	snapshotChunkBytesMax = 16 << 20
)

package watch

import (
	"unsafe"

	"github.com/coxswain-io/coxswain/wire"
)

const (
	// MaxPerWatcher bounds the watches of one connection, of all sorts together. Past it a registration is refused with
	// [ErrTooMany]; the read itself is answered with the same error.
	MaxPerWatcher = wire.WatchesMax

	// MaxPathBytesPerWatcher bounds the paths of those watches, in bytes: with at most some 400 bytes for each watch besides,
	// the greediest client costs less than 60 MB.
	MaxPathBytesPerWatcher = 16 << 20

	// RingBytes is how much memory a server spends on the history of recent changes, in bytes: some 200,000 sets of small
	// values or a million creates, which is several seconds of the fastest writing, and ten minutes at 300 writes a second. A client that comes
	// back within a session timeout is to find all that it has missed, and a list that is read page by page its first page.
	RingBytes = 64 << 20

	// RingAgeMS is how long a change stays in the history, in ms. Who has been away for longer than any session timeout
	// reads again anyway, and versions of nodes that nobody asks for need not be kept.
	RingAgeMS = 10 * 60 * 1000

	// StepChangesMax is how many changes one [Table.Step] looks at. Writes wait meanwhile: at 50 ns for a change that
	// concerns nobody, and 300 ns if there are thousands of watches, that is about a millisecond.
	StepChangesMax = 4096

	// DropWatchesMax is how many watches one [Table.DropSome] removes. Writes wait meanwhile: at a microsecond for each, that
	// is about a millisecond.
	DropWatchesMax = 1024

	// toldBytes is what an event counts besides path and data, in bytes; a stat and the frame around it have less.
	toldBytes = 64

	// dueKeepMax is the largest number of watches that one change concerned, that the table keeps room for until the next.
	dueKeepMax = 1024

	// chunkLen is the number of changes that the ring allocates room for at a time, 14 KiB.
	chunkLen = 256

	// entryBytes is what a change itself takes of the ring.
	entryBytes = int64(unsafe.Sizeof(entry{}))

	// versionBytes is what the ring keeps alive with one version of a node, in bytes without its data: the node, and what
	// a node that is not ordinary has besides.
	versionBytes = 112 + 48

	// allocatorWaste: the allocator rounds what it gives up by as much as this part of it.
	allocatorWaste = 8

	// placeBytes is what it keeps alive with the last version of a node that was deleted: the place in the tree that the node
	// had, and the emptied directory below it.
	placeBytes = 32 + 96
)

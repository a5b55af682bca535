package wire

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// Every limit of the protocol, with its unit and its reason. A server announces those that a client must respect in
// [Limits]; a server's flags may only make them smaller.
const (
	// HelloFrameMax is the largest frame body, in bytes, before a session is attached. A [Hello] with the longest name
	// takes less than 300 bytes; whoever sends more is not a client, and must not make the server hold much for it.
	HelloFrameMax = 4 << 10

	// FrameMax is the largest body of a request, in bytes, once a session is attached. It leaves room for one value of
	// the largest size (DataMax), and for a multi of several large ones.
	FrameMax = 2 << 20

	// ReplyFrameMax is the largest body of a frame from the server, in bytes. It is above FrameMax because the reply to a
	// multi repeats all its paths, adds up to 150 bytes to each, and has DataMax bytes that were read in it: 3.2 MiB. One
	// such reply, or one node with its data, behind an almost full page (PageBytesMax) fits too. A multi-read that would
	// need more is refused with [CodeTooLarge].
	ReplyFrameMax = 4 << 20

	// DiscardMax is the largest declared length, in bytes, that a reader swallows so that it can answer that one request
	// and keep the connection. A peer that declares more speaks another protocol; the connection is closed.
	DiscardMax = 64 << 20

	// RequestHeadMax is the largest size, in bytes, of a request's frame without its body: its length, an array head, a
	// kind and three numbers of at most nine bytes.
	RequestHeadMax = 4 + 1 + 2 + 3*9

	// FrameHeadBytes is how much, in bytes, of a discarded frame is kept, so that the request in it can be answered by
	// its xid; it is more than RequestHeadMax, because a newer peer's header may be longer.
	FrameHeadBytes = 64

	// FrameBufferBytes is the size, in bytes, of a [FrameReader]'s buffer. Most frames fit, and one read from the kernel
	// brings many of them.
	FrameBufferBytes = 16 << 10

	// FrameBufferKeepMax is the largest buffer, in bytes, that a [FrameReader] keeps for the next frame, if that is large
	// too: pages of a list, which end at PageBytesMax, come one after the other.
	FrameBufferKeepMax = 320 << 10

	// DataMax is the largest value of a znode, in bytes; the same as the tree's own limit.
	DataMax = znode.MaxDataBytes

	// OpsMax is the largest number of operations in one multi, or in one transaction, its conditions and both branches
	// together; the same as the tree's own limit.
	OpsMax = znode.MaxOps

	// ReadsMax is the largest number of reads in one multi-read, which is answered under one lock.
	ReadsMax = 1000

	// WindowDefault is the number of writes that a session may have without having acknowledged their replies. The
	// service keeps these replies for re-sent writes, in memory and in snapshots.
	WindowDefault = session.Window

	// WatchesMax is the largest number of watches of one connection, one-shot and persistent ones together.
	WatchesMax = 100_000

	// WatchPathsPerFrameMax is the largest number of paths in one SetWatches request, all three lists together, and of
	// watches in one AddWatches; a client sends more in several requests. It bounds how long a server holds its lock for one
	// request.
	WatchPathsPerFrameMax = 4096

	// WatchBytesPerFrameMax is how many bytes of paths a client puts in one SetWatches or AddWatches request, so that a
	// chunk is far from FrameMax with the longest paths too.
	WatchBytesPerFrameMax = 128 << 10

	// PageLimitMax is the largest number of entries in one page of a list, and what a limit of 0 asks for.
	PageLimitMax = 10_000

	// PageBytesMax is the size, in bytes, of encoded entries at which a server ends a page early. It keeps the time that
	// a page holds up the other replies of its connection short.
	PageBytesMax = 256 << 10

	// NameBytesMax is the longest name, in bytes, that a client gives itself for the operators' eyes.
	NameBytesMax = 128

	// DetailBytesMax is the longest explanation, in bytes, in an error, a welcome or a goodbye; a longer one is cut.
	DetailBytesMax = 512

	// FieldsMax is the largest number of fields in one message. Versions only add fields at the end; no message has
	// half as many.
	FieldsMax = 32

	// SkipDepthMax is how deep arrays nest, at most, in a field that a decoder skips because it is newer than the
	// decoder. No message nests deeper than eight: the stat of an operation of a transaction in a list of outcomes.
	SkipDepthMax = 16
)

package wire

import "github.com/coxswain-io/coxswain/znode"

// ServerKind is what a frame from the server is.
type ServerKind uint8

const (
	// Reply answers a request.
	Reply ServerKind = 0
	// EventFrame tells that a watch has fired.
	EventFrame ServerKind = 1
	// Goodbye tells why the server closes the connection, which it does at once.
	Goodbye ServerKind = 2
)

// replyFields is the number of fields in a reply: its kind, the xid, and the three of an outcome.
const replyFields = 5

// AppendReply appends the frame of a reply with an outcome that was made before: one of AppendOutcome or AppendFailure,
// fresh or recorded.
func AppendReply(dst []byte, xid Xid, outcome []byte) []byte {
	dst, mark := beginReply(dst, xid)
	dst = append(dst, outcome...)
	return EndFrame(dst, mark)
}

// AppendEmptyReply appends the frame of a successful reply whose result is empty: Ping, Sync and the requests about
// watches.
func AppendEmptyReply(dst []byte, xid Xid, zxid znode.Zxid) []byte {
	dst, mark := BeginReply(dst, xid, zxid)
	return EndFrame(AppendArray(dst, 0), mark)
}

// AppendFailureReply appends the frame of a reply that says why a request was refused; see [AppendFailure].
func AppendFailureReply(dst []byte, xid Xid, code Code, zxid znode.Zxid, e *znode.Error) []byte {
	dst, mark := beginReply(dst, xid)
	return EndFrame(AppendFailure(dst, code, zxid, e), mark)
}

// AppendGetReply appends the frame of the reply to a Get.
func AppendGetReply(dst []byte, xid Xid, zxid znode.Zxid, data []byte, stat *znode.Stat) []byte {
	dst, mark := BeginReply(dst, xid, zxid)
	return EndFrame(AppendGetResult(dst, data, stat), mark)
}

// AppendExistsReply appends the frame of the reply to an Exists of a node that is there; absence is a failure, with
// [CodeNoNode].
func AppendExistsReply(dst []byte, xid Xid, zxid znode.Zxid, stat *znode.Stat) []byte {
	dst, mark := BeginReply(dst, xid, zxid)
	return EndFrame(AppendExistsResult(dst, stat), mark)
}

// AppendDescendantsReply appends the frame of the reply to a Descendants.
func AppendDescendantsReply(dst []byte, xid Xid, zxid znode.Zxid, n int64) []byte {
	dst, mark := BeginReply(dst, xid, zxid)
	return EndFrame(AppendInt(AppendArray(dst, 1), n), mark)
}

// BeginReply appends the beginning of a successful reply, up to its result, which must follow as one value, and then
// [EndFrame]. To give it up, cut dst at the mark.
func BeginReply(dst []byte, xid Xid, zxid znode.Zxid) ([]byte, FrameMark) {
	dst, mark := beginReply(dst, xid)
	dst = AppendInt(dst, int64(CodeOK))
	return AppendUint(dst, uint64(zxid)), mark
}

func beginReply(dst []byte, xid Xid) ([]byte, FrameMark) {
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, replyFields)
	dst = AppendUint(dst, uint64(Reply))
	return AppendUint(dst, uint64(xid)), mark
}

// AppendGetResult appends the result of a Get, as a reply's or inside a multi-read's.
func AppendGetResult(dst, data []byte, stat *znode.Stat) []byte {
	dst = AppendArray(dst, 2)
	dst = AppendBytes(dst, data)
	return AppendStat(dst, stat)
}

// AppendExistsResult appends the result of an Exists.
func AppendExistsResult(dst []byte, stat *znode.Stat) []byte {
	return AppendStat(AppendArray(dst, 1), stat)
}

// BeginMultiReadResult appends the beginning of a MultiRead result of n parts; for each follows [AppendPart] and its
// result, or [AppendFailedPart].
func BeginMultiReadResult(dst []byte, n int) []byte { return AppendArray(dst, n) }

// AppendPart begins a part of a multi-read that succeeded; its result follows.
func AppendPart(dst []byte) []byte { return AppendInt(AppendArray(dst, 2), int64(CodeOK)) }

// AppendFailedPart appends a part of a multi-read that failed.
func AppendFailedPart(dst []byte, code Code, e *znode.Error) []byte {
	dst = AppendInt(AppendArray(dst, 2), int64(code))
	return appendFailureResult(dst, e)
}

// AppendEvent appends the frame of an event. The fields behind the last one that is set are left out: an event for one-shot
// watches has none behind its path.
func AppendEvent(dst []byte, e *Event) []byte {
	fields := 4
	switch {
	case e.From != 0:
		fields = 8
	case len(e.Data) != 0:
		fields = 7
	case e.Stat != nil:
		fields = 6
	case e.Watch != 0:
		fields = 5
	}
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, fields)
	dst = AppendUint(dst, uint64(EventFrame))
	dst = AppendUint(dst, uint64(e.Zxid))
	dst = AppendUint(dst, uint64(e.Type))
	dst = AppendString(dst, e.Path)
	if fields >= 5 {
		dst = AppendUint(dst, uint64(e.Watch))
	}
	if fields >= 6 {
		dst = appendOptionalStat(dst, e.Stat)
	}
	if fields >= 7 {
		dst = AppendBytes(dst, e.Data)
	}
	if fields >= 8 {
		dst = AppendUint(dst, uint64(e.From))
	}
	return EndFrame(dst, mark)
}

func appendOptionalStat(dst []byte, s *znode.Stat) []byte {
	if s == nil {
		return AppendNil(dst)
	}
	return AppendStat(dst, s)
}

// AppendGoodbye appends the frame with which a server says why it closes the connection.
func AppendGoodbye(dst []byte, code Code, detail string) []byte {
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, 3)
	dst = AppendUint(dst, uint64(Goodbye))
	dst = AppendInt(dst, int64(code))
	dst = AppendString(dst, cut(detail, DetailBytesMax))
	return EndFrame(dst, mark)
}

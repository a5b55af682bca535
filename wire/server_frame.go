package wire

import (
	"strconv"

	"github.com/coxswain-io/coxswain/znode"
)

// EventType is what happened to a watched node. The numbers are ZooKeeper's.
type EventType uint8

const (
	EventCreated         EventType = 1 // the node was created
	EventDeleted         EventType = 2 // the node was deleted
	EventDataChanged     EventType = 3 // the node's data was set
	EventChildrenChanged EventType = 4 // a child of the node was created or deleted

	// EventGap: what happened behind From and up to Zxid is not told, and may be read; only persistent watches get it.
	EventGap EventType = 16
)

// String returns the type's name as ZooKeeper writes it without its prefix: "DataChanged".
func (t EventType) String() string {
	switch t {
	case EventCreated:
		return "Created"
	case EventDeleted:
		return "Deleted"
	case EventDataChanged:
		return "DataChanged"
	case EventChildrenChanged:
		return "ChildrenChanged"
	case EventGap:
		return "Gap"
	}
	return "event(" + strconv.Itoa(int(t)) + ")"
}

// Event tells that a watch has fired. That of a one-shot watch has the first three fields (W-6).
type Event struct {
	Zxid znode.Zxid // of the change
	Type EventType
	Path string // of the watched node; for a recursive watch that of the node that has changed

	Watch WatchID     // of the persistent watch; 0: the event is for one-shot watches
	Stat  *znode.Stat // WithStat: right after the change; nil with Deleted, ChildrenChanged and Gap
	Data  []byte      // WithData: right after the change; a copy. nil also when they are empty
	From  znode.Zxid  // Gap: what happened up to here was told
}

// ServerFrame is any frame that a server sends after its welcome.
type ServerFrame struct {
	Kind ServerKind

	Xid    Xid        // Reply
	Code   Code       // Reply, Goodbye
	Zxid   znode.Zxid // Reply: the state that the reply shows. Event: the change
	Result []byte     // Reply: one encoded value, for DecodeCreated and the others, or [DecodeFailure]; aliases the frame

	Event  Event  // EventFrame
	Detail string // Goodbye: why, and what to do
}

// DecodeServerFrame decodes the body of a frame from the server. Errors: [*UnknownKind] for a kind of frame that this
// version does not have, which the client ignores; [*Malformed].
func DecodeServerFrame(body []byte) (ServerFrame, error) {
	var s ServerFrame
	d := NewDecoder(body)
	f := d.Fields(2)
	if f.Next() {
		s.Kind = ServerKind(d.Uint8())
	}
	switch {
	case d.Err() != nil:
	case s.Kind == Reply:
		decodeReply(&d, &f, &s)
	case s.Kind == EventFrame:
		decodeEvent(&d, &f, &s)
	case s.Kind == Goodbye:
		if f.Next() {
			s.Code = decodeCode(&d)
		}
		if f.Next() {
			s.Detail = d.String()
		}
	default:
		return s, &UnknownKind{Kind: Kind(s.Kind), Part: -1}
	}
	f.End()
	if err := d.End(); err != nil {
		return ServerFrame{}, err
	}
	return s, nil
}

func decodeReply(d *Decoder, f *Fields, s *ServerFrame) {
	if f.Next() {
		s.Xid = Xid(d.Uint())
	}
	decodeOutcome(d, f, s)
}

// decodeOutcome reads the three fields of an outcome.
func decodeOutcome(d *Decoder, f *Fields, s *ServerFrame) {
	if f.Next() {
		s.Code = decodeCode(d)
	}
	if f.Next() {
		s.Zxid = znode.Zxid(d.Uint())
	}
	if f.Next() {
		from := d.Rest()
		d.Skip()
		s.Result = from[: len(from)-d.left() : len(from)-d.left()]
		if d.Err() != nil {
			s.Result = nil
		}
	}
}

func decodeEvent(d *Decoder, f *Fields, s *ServerFrame) {
	if f.Next() {
		s.Zxid = znode.Zxid(d.Uint())
	}
	if f.Next() {
		s.Event.Type = EventType(d.Uint8())
	}
	if f.Next() {
		s.Event.Path = d.String()
	}
	if f.Next() {
		s.Event.Watch = WatchID(d.Uint())
	}
	if f.Next() && !d.Nil() {
		stat := d.Stat()
		s.Event.Stat = &stat
	}
	if f.Next() {
		s.Event.Data = d.BytesCopy()
	}
	if f.Next() {
		s.Event.From = znode.Zxid(d.Uint())
	}
	s.Event.Zxid = s.Zxid
}

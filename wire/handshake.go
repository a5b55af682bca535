package wire

import (
	"fmt"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// Magic is the first field of a [Hello]: a server knows by it that it talks to a client.
const Magic = "coxswain"

// Version is the version of the protocol. It changes only when a peer of the older version would misunderstand the newer
// one; everything else is a field at the end, or a bit of [Capabilities].
type Version uint32

// ProtocolVersion is the version that this package speaks.
const ProtocolVersion Version = 1

// Capabilities is a set of optional abilities, one per bit. Each side offers its own and uses only what both offered.
// Version 1 has none; unknown bits are ignored.
type Capabilities uint64

// Hello is the first frame on a connection, from the client. It opens a session or attaches an existing one.
type Hello struct {
	Version      Version
	Capabilities Capabilities
	SessionID    session.ID      // 0 opens a new session
	Password     Password        // of the session; zero for a new one
	TimeoutMS    int64           // the timeout the client would like, in milliseconds
	Attempt      session.Attempt // the client's count of its attempts to attach this session; 1 when it opens it
	LastZxid     znode.Zxid      // the highest zxid that the client has seen
	Name         string          // what the client calls itself, for the operators' eyes; at most NameBytesMax
}

// Limits are what a server asks its clients to respect.
type Limits struct {
	FrameBytes int64 // largest body of a request, in bytes
	DataBytes  int64 // largest value of a node, in bytes
	Ops        int64 // operations in one multi
	Window     int64 // writes without an acknowledged reply
	Watches    int64 // watches of one connection
	Page       int64 // entries in one page
}

// DefaultLimits returns this package's limits.
func DefaultLimits() Limits {
	return Limits{
		FrameBytes: FrameMax,
		DataBytes:  DataMax,
		Ops:        OpsMax,
		Window:     WindowDefault,
		Watches:    WatchesMax,
		Page:       PageLimitMax,
	}
}

// Welcome answers a [Hello]. With a code other than 0 the client was refused: only Code, Version, Capabilities, Server,
// Zxid and Detail mean something, and the server closes the connection.
type Welcome struct {
	Code         Code
	Version      Version
	Capabilities Capabilities
	Server       session.Server
	SessionID    session.ID
	Password     Password   // of a session that was just opened; zero when an existing one was attached
	TimeoutMS    int64      // the timeout that holds, in milliseconds
	Zxid         znode.Zxid // the zxid of the attach or the refusing server's newest; on success above all that the client has seen
	LastSeq      session.Seq
	Limits       Limits
	Detail       string // why the client was refused and what to do
}

// AppendHello appends the frame of h. A longer name is cut to [NameBytesMax].
func AppendHello(dst []byte, h *Hello) []byte {
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, 9)
	dst = AppendString(dst, Magic)
	dst = AppendUint(dst, uint64(h.Version))
	dst = AppendUint(dst, uint64(h.Capabilities))
	dst = AppendUint(dst, uint64(h.SessionID))
	dst = appendPassword(dst, h.Password)
	dst = AppendInt(dst, h.TimeoutMS)
	dst = AppendUint(dst, uint64(h.Attempt))
	dst = AppendUint(dst, uint64(h.LastZxid))
	dst = AppendString(dst, cut(h.Name, NameBytesMax))
	return EndFrame(dst, mark)
}

// DecodeHello decodes the body of a hello. Errors: [*Malformed] (close without an answer: this is no client), and
// [*Refusal] for a name that is too long. Of a version other than [ProtocolVersion] only Version is decoded, without an
// error, because the rest may mean something else; the server refuses it with [CodeVersionMismatch].
func DecodeHello(body []byte) (Hello, error) {
	var h Hello
	d := NewDecoder(body)
	f := d.Fields(2)
	if f.Next() && string(d.StringBytes()) != Magic {
		d.Fail("not a coxswain client: the hello does not begin with " + Magic)
	}
	if f.Next() {
		h.Version = decodeVersion(&d)
	}
	if h.Version != ProtocolVersion {
		return h, d.Err()
	}
	if f.Next() {
		h.Capabilities = Capabilities(d.Uint())
	}
	if f.Next() {
		h.SessionID = session.ID(d.Uint())
	}
	if f.Next() {
		h.Password = decodePassword(&d)
	}
	if f.Next() {
		h.TimeoutMS = d.Int()
	}
	if f.Next() {
		h.Attempt = session.Attempt(d.Uint())
	}
	if f.Next() {
		h.LastZxid = znode.Zxid(d.Uint())
	}
	name := 0
	if f.Next() {
		b := d.StringBytes()
		if name = len(b); name <= NameBytesMax {
			h.Name = string(b)
		}
	}
	f.End()
	if err := d.End(); err != nil {
		return Hello{}, err
	}
	if name > NameBytesMax {
		return h, &Refusal{CodeBadArguments, fmt.Sprintf("the client's name has %d bytes, the limit is %d", name, NameBytesMax)}
	}
	return h, nil
}

// AppendWelcome appends the frame of w.
func AppendWelcome(dst []byte, w *Welcome) []byte {
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, 11)
	dst = AppendInt(dst, int64(w.Code))
	dst = AppendUint(dst, uint64(w.Version))
	dst = AppendUint(dst, uint64(w.Capabilities))
	dst = AppendUint(dst, uint64(w.Server))
	dst = AppendUint(dst, uint64(w.SessionID))
	dst = appendPassword(dst, w.Password)
	dst = AppendInt(dst, w.TimeoutMS)
	dst = AppendUint(dst, uint64(w.Zxid))
	dst = AppendUint(dst, uint64(w.LastSeq))
	dst = AppendArray(dst, 6)
	dst = AppendInt(dst, w.Limits.FrameBytes)
	dst = AppendInt(dst, w.Limits.DataBytes)
	dst = AppendInt(dst, w.Limits.Ops)
	dst = AppendInt(dst, w.Limits.Window)
	dst = AppendInt(dst, w.Limits.Watches)
	dst = AppendInt(dst, w.Limits.Page)
	dst = AppendString(dst, cut(w.Detail, DetailBytesMax))
	return EndFrame(dst, mark)
}

// DecodeWelcome decodes the body of a welcome. The error is a [*Malformed].
func DecodeWelcome(body []byte) (Welcome, error) {
	var w Welcome
	d := NewDecoder(body)
	f := d.Fields(2)
	if f.Next() {
		w.Code = decodeCode(&d)
	}
	if f.Next() {
		w.Version = decodeVersion(&d)
	}
	if f.Next() {
		w.Capabilities = Capabilities(d.Uint())
	}
	if f.Next() {
		w.Server = session.Server(d.Uint())
	}
	if f.Next() {
		w.SessionID = session.ID(d.Uint())
	}
	if f.Next() {
		w.Password = decodePassword(&d)
	}
	if f.Next() {
		w.TimeoutMS = d.Int()
	}
	if f.Next() {
		w.Zxid = znode.Zxid(d.Uint())
	}
	if f.Next() {
		w.LastSeq = session.Seq(d.Uint())
	}
	if f.Next() {
		w.Limits = decodeLimits(&d)
	}
	if f.Next() {
		w.Detail = d.String()
	}
	f.End()
	if err := d.End(); err != nil {
		return Welcome{}, err
	}
	return w, nil
}

func decodeLimits(d *Decoder) (l Limits) {
	f := d.Fields(0)
	for _, field := range [...]*int64{&l.FrameBytes, &l.DataBytes, &l.Ops, &l.Window, &l.Watches, &l.Page} {
		if f.Next() {
			*field = d.Int()
		}
	}
	f.End()
	return l
}

func decodeVersion(d *Decoder) Version {
	v := d.Uint()
	if v > 1<<32-1 {
		d.Fail("a version of more than 32 bits")
	}
	return Version(v)
}

func decodeCode(d *Decoder) Code {
	v := d.Int()
	if int64(int32(v)) != v {
		d.Fail("a code of more than 32 bits")
	}
	return Code(v)
}

// cut returns the first max bytes of s at most, without splitting a character.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && s[max]&0xc0 == 0x80 {
		max--
	}
	return s[:max]
}

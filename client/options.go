package client

import (
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// CreateOption changes what kind of node is created, or how; without one it is persistent, its parent must be there and
// it itself must not.
type CreateOption interface{ forCreate(o *createOptions) }

// WriteOption changes a write of a node that is there, mostly by what it expects of the node. Expectations may be combined:
// all of them must be met, or nothing happens.
type WriteOption interface{ forWrite(op *Op) }

// ReadOption changes a read.
type ReadOption interface{ forRead(o *readOptions) }

// AnyOption goes with every operation that takes options.
type AnyOption interface {
	CreateOption
	WriteOption
	ReadOption
}

type createOption func(*createOptions)

func (f createOption) forCreate(o *createOptions) { f(o) }

type writeOption func(*Op)

func (f writeOption) forWrite(op *Op) { f(op) }

type readOption func(*readOptions)

func (f readOption) forRead(o *readOptions) { f(o) }

// zxidOption is WithZxid.
type zxidOption struct{ zxid *Zxid }

func (z zxidOption) forCreate(o *createOptions) { o.zxid = z.zxid }
func (z zxidOption) forWrite(op *Op)            { op.zxid = z.zxid }
func (z zxidOption) forRead(o *readOptions)     { o.zxid = z.zxid }

// WithZxid stores in *z the transaction that the answer shows the tree after: for a write its own, or, if it changed
// nothing, the newest one before it; for a read the newest one that it sees. A read that must see what the answer shows,
// also another client's, asks for [AtLeast] of it. It is stored when the service has answered, also with a refusal. A call
// that is answered in pages stores that of the newest page, but List the one that all of its pages show.
func WithZxid(z *Zxid) AnyOption { return zxidOption{z} }

// createOptions is what the options of a create ask for.
type createOptions struct {
	shape    createShape
	flags    znode.CreateFlags
	lifetime time.Duration

	existed *bool
	zxid    *Zxid
}

// createShape is the set of options that choose the mode.
type createShape uint8

const (
	shapeEphemeral createShape = 1 << iota
	shapeSequential
	shapeContainer
	shapeTTL
)

func shaped(s createShape) CreateOption {
	return createOption(func(o *createOptions) { o.shape |= s })
}

func flagged(f znode.CreateFlags) CreateOption {
	return createOption(func(o *createOptions) { o.flags |= f })
}

// Ephemeral makes a node that goes with the session and has no children (M-7).
func Ephemeral() CreateOption { return shaped(shapeEphemeral) }

// Sequential appends a number of ten digits or more to the name, which grows with each child that is created under the
// parent (M-1). The path may then end in "/".
func Sequential() CreateOption { return shaped(shapeSequential) }

// Container makes a node that the service removes when its last child is gone, or when it has had none for a while (M-8).
func Container() CreateOption { return shaped(shapeContainer) }

// TTL makes a node that the service removes when it has no children and was not set for d, which has a resolution of one
// millisecond (M-9). It counts on the service's clock, which stands still while the service does not work. The node is never
// removed earlier, and up to some three seconds later.
func TTL(d time.Duration) CreateOption {
	return createOption(func(o *createOptions) { o.shape, o.lifetime = o.shape|shapeTTL, d })
}

// Parents makes the parents that are absent, in the same transaction, as persistent nodes without data.
func Parents() CreateOption { return flagged(znode.CreateParents) }

// ContainerParents makes the parents that are absent, in the same transaction, as containers ([Container]).
func ContainerParents() CreateOption { return flagged(znode.CreateContainers) }

// IfAbsent makes a create of a node that is there already succeed without effect: the data, the kind and the owner of what
// is there stay, and its stat is returned. [Existed] tells which of the two happened. It does not go with Sequential.
func IfAbsent() CreateOption { return flagged(znode.CreateIfAbsent) }

// Existed stores in *existed, when the create succeeds, whether the node was there already, which only [IfAbsent] lets happen.
func Existed(existed *bool) CreateOption {
	return createOption(func(o *createOptions) { o.existed = existed })
}

// modes are the shapes that there are.
var modes = map[createShape]znode.Mode{
	0:                                znode.ModePersistent,
	shapeEphemeral:                   znode.ModeEphemeral,
	shapeSequential:                  znode.ModePersistentSequential,
	shapeEphemeral | shapeSequential: znode.ModeEphemeralSequential,
	shapeContainer:                   znode.ModeContainer,
	shapeTTL:                         znode.ModePersistentTTL,
	shapeTTL | shapeSequential:       znode.ModePersistentSequentialTTL,
}

// op returns the operation that the options ask for.
func (o *createOptions) op(path string, data []byte) Op {
	op := Op{op: znode.Op{Kind: znode.OpCreate, Path: path, Data: data, Flags: o.flags}, existed: o.existed, zxid: o.zxid}
	mode, ok := modes[o.shape]
	switch {
	case !ok:
		op.err = &znode.Error{Code: znode.CodeBadArguments, Path: path,
			Detail: "ephemeral, container and TTL exclude each other, and a container is not sequential"}
	case o.shape&shapeTTL != 0:
		op.op.TTLMS = o.lifetime.Milliseconds()
	}
	op.op.Mode = mode
	return op
}

// IfVersion makes the write depend on the node's data version: any other than v, and nothing happens and the call fails with
// [ErrBadVersion].
func IfVersion(v int64) WriteOption {
	return writeOption(func(op *Op) { op.op.Guard = op.op.Guard.AndVersion(v) })
}

// IfCzxid makes the write depend on the node having been created by transaction z: on its being this very node, and not
// another one that was created at the same path later. Otherwise it fails with [ErrMismatch]. A write is fenced by a lock
// when it, or a [CheckOp] in its transaction, expects the czxid of the lock's node.
func IfCzxid(z Zxid) WriteOption {
	return writeOption(func(op *Op) { op.op.Guard = op.op.Guard.AndCzxid(z) })
}

// IfMzxid makes the write depend on the node's data having been set last by transaction z. Otherwise it fails with
// [ErrMismatch].
func IfMzxid(z Zxid) WriteOption {
	return writeOption(func(op *Op) { op.op.Guard = op.op.Guard.AndMzxid(z) })
}

// IfData makes the write depend on the node having exactly these data, which are copied. Otherwise it fails with
// [ErrMismatch].
func IfData(data []byte) WriteOption {
	data = append([]byte(nil), data...)
	return writeOption(func(op *Op) { op.op.Guard = op.op.Guard.AndData(data) })
}

// Level is how fresh a read must be.
type Level = wire.Level

const (
	// Linearizable reads see every write that anybody's call had returned from before the read was made. The default.
	Linearizable = wire.Linearizable
	// Session reads are answered by the server at hand at once. They see the session's own writes, and never go back in
	// time, but may be behind other sessions.
	Session = wire.Session
)

// readOptions is what the options of a read ask for.
type readOptions struct {
	level    Level
	atLeast  Zxid
	asOf     Zxid
	withStat bool
	withData bool

	watch **Watch
	zxid  *Zxid
}

// AtLevel makes the read as fresh as level says, whatever [Config] says.
func AtLevel(level Level) ReadOption {
	return readOption(func(o *readOptions) { o.level, o.atLeast = level, 0 })
}

// AtLeast makes the read see transaction z and all before it: what another client has seen, whose [Client.LastZxid], or the
// zxid of whose write, was handed over together with the message that something is to be read. The server at hand answers at
// once if it has come that far, as at level [Session], otherwise as at level [Linearizable]. If the whole service has not come
// to z the read fails with [ErrNotReached]: z was told by another service, or this one has lost data.
func AtLeast(z Zxid) ReadOption {
	return readOption(func(o *readOptions) {
		if o.level, o.atLeast = wire.AtLeast, z; z == 0 {
			o.level = Session // everybody has come to 0
		}
	})
}

// WithWatch sets a watch together with the read, without a gap between them, and stores it in *w when the read succeeds (an
// Exists also when the node is absent). It can be used with Get, Exists, Children, ChildrenPage and ChildrenSeq.
func WithWatch(w **Watch) ReadOption { return readOption(func(o *readOptions) { o.watch = w }) }

// WithStats makes a list (ChildrenPage, ChildrenSeq, List, ListPage) bring the stat of each node.
func WithStats() ReadOption { return readOption(func(o *readOptions) { o.withStat = true }) }

// WithData makes a list (ChildrenPage, ChildrenSeq, List, ListPage) bring the data of each node.
func WithData() ReadOption { return readOption(func(o *readOptions) { o.withData = true }) }

// AsOf makes a List or a ListPage show the tree as it was right after transaction z. The servers remember a bounded part of
// their history: when it does not reach back to z, the call fails with [ErrCompacted]; if z is still to come, with
// [ErrNotReached].
func AsOf(z Zxid) ReadOption { return readOption(func(o *readOptions) { o.asOf = z }) }

func (c *Client) readOptions(opts []ReadOption) readOptions {
	if len(opts) == 0 {
		return readOptions{level: c.cfg.Level}
	}
	o := readOptions{level: c.cfg.Level}
	for _, opt := range opts {
		opt.forRead(&o)
	}
	return o
}

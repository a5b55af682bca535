package client

import (
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// CreateOption changes what kind of node is created; without one it is persistent.
type CreateOption func(*createOptions)

type createOptions struct {
	ephemeral, sequential, container, ttl bool

	lifetime time.Duration
}

// Ephemeral makes a node that goes with the session and has no children (M-7).
func Ephemeral() CreateOption { return func(o *createOptions) { o.ephemeral = true } }

// Sequential appends a number of ten digits or more to the name, which grows with each child that is created under the
// parent (M-1). The path may then end in "/".
func Sequential() CreateOption { return func(o *createOptions) { o.sequential = true } }

// Container makes a node that the service removes when its last child is gone, or when it has had none for a while (M-8).
func Container() CreateOption { return func(o *createOptions) { o.container = true } }

// TTL makes a node that the service removes when it has no children and was not set for d, which has a resolution of one
// millisecond (M-9). It counts on the service's clock, which stands still while the service does not work.
func TTL(d time.Duration) CreateOption {
	return func(o *createOptions) { o.ttl, o.lifetime = true, d }
}

// op returns the operation that the options ask for, or why they do not go together.
func (o *createOptions) op(path string, data []byte) (znode.Op, *znode.Error) {
	op := znode.Op{Kind: znode.OpCreate, Path: path, Data: data}
	modes := map[createOptions]znode.Mode{
		{}:                                  znode.ModePersistent,
		{ephemeral: true}:                   znode.ModeEphemeral,
		{sequential: true}:                  znode.ModePersistentSequential,
		{ephemeral: true, sequential: true}: znode.ModeEphemeralSequential,
		{container: true}:                   znode.ModeContainer,
		{ttl: true}:                         znode.ModePersistentTTL,
		{ttl: true, sequential: true}:       znode.ModePersistentSequentialTTL,
	}
	key := *o
	key.lifetime = 0
	mode, ok := modes[key]
	if !ok {
		return op, &znode.Error{Code: znode.CodeBadArguments, Path: path, Detail: "ephemeral, container and TTL exclude each other, and a container is not sequential"}
	}
	if op.Mode = mode; o.ttl {
		op.TTLMS = o.lifetime.Milliseconds()
	}
	return op, op.Validate()
}

// WriteOption changes a set, a delete or a check.
type WriteOption func(*znode.Op)

// IfVersion makes the write depend on the node's data version: any other than v, and nothing happens and the call fails with
// [ErrBadVersion].
func IfVersion(v int64) WriteOption { return func(op *znode.Op) { op.Guard = znode.IfVersion(v) } }

// Level is how fresh a read must be.
type Level = wire.Level

const (
	// Linearizable reads see every write that anybody's call had returned from before the read was made. The default.
	Linearizable = wire.Linearizable
	// Session reads are answered by the server at hand at once. They see the session's own writes, and never go back in
	// time, but may be behind other sessions.
	Session = wire.Session
)

// ReadOption changes a read.
type ReadOption func(*readOptions)

type readOptions struct {
	level    Level
	watch    **Watch
	withStat bool
}

// AtLevel makes the read as fresh as level says, whatever [Config] says.
func AtLevel(level Level) ReadOption { return func(o *readOptions) { o.level = level } }

// WithWatch sets a watch together with the read, without a gap between them, and stores it in *w when the read succeeds (an
// Exists also when the node is absent). It can be used with Get, Exists, Children and ChildrenPage.
func WithWatch(w **Watch) ReadOption { return func(o *readOptions) { o.watch = w } }

// WithStats makes ChildrenPage return the stat of each child.
func WithStats() ReadOption { return func(o *readOptions) { o.withStat = true } }

func (c *Client) readOptions(opts []ReadOption) readOptions {
	o := readOptions{level: c.cfg.Level}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

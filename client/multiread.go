package client

import (
	"context"
	"fmt"
	"strconv"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ReadOp is one part of a [Client.MultiRead].
type ReadOp struct{ read wire.Read }

// GetOf reads the data and the stat of a node.
func GetOf(path string) ReadOp { return ReadOp{wire.Read{Kind: wire.Get, Path: path}} }

// ExistsOf reads the stat of a node that may be absent.
func ExistsOf(path string) ReadOp { return ReadOp{wire.Read{Kind: wire.Exists, Path: path}} }

// ChildrenOf reads the first page of a node's children, and its stat.
func ChildrenOf(path string) ReadOp { return ReadOp{wire.Read{Kind: wire.Children, Path: path}} }

// ReadResult is the outcome of one part of a multi-read.
type ReadResult struct {
	Data     []byte   // GetOf
	Stat     Stat     // of the node
	Children []string // ChildrenOf: in ascending order
	More     bool     // ChildrenOf: there are children behind the last one; ChildrenPage reads on
	Err      error    // an [*Error], mostly ErrNoNode, if this part failed
}

// MultiRead carries out several reads at one point in time and returns it: together they show the tree as of that zxid
// (T-8). A part that fails tells so in its result and does not affect the others. Errors: [ErrTooMany], [ErrTooLarge] (all results
// together), [ErrNotReached], [ErrBadArguments].
func (c *Client) MultiRead(ctx context.Context, reads []ReadOp, opts ...ReadOption) ([]ReadResult, Zxid, error) {
	const name = "multi-read"
	o := c.readOptions(opts)
	if why := o.wrong(wire.MultiRead); why != "" {
		return nil, 0, &Error{Code: wire.CodeBadArguments, Op: name, Detail: why}
	}
	if len(reads) > wire.ReadsMax {
		return nil, 0, &Error{Code: wire.CodeTooMany, Op: name,
			Detail: strconv.Itoa(len(reads)) + " reads, the limit is " + strconv.Itoa(wire.ReadsMax) + "; split them"}
	}
	r := wire.Request{Kind: wire.MultiRead, Level: o.level, AtLeast: o.atLeast, Reads: make([]wire.Read, len(reads))}
	for i, read := range reads {
		real, wrong := c.root.path(read.read.Path)
		if wrong != nil {
			err := invalid(read.read.Kind.String(), wrong)
			err.Index, err.multi = i, true
			return nil, 0, err
		}
		r.Reads[i] = wire.Read{Kind: read.read.Kind, Path: real}
	}
	cl := c.newCall(wire.MultiRead)
	cl.encode(&r)
	if err := c.ask(ctx, cl, name, "", o.zxid); err != nil {
		return nil, 0, err
	}
	zxid := cl.zxid
	results := make([]ReadResult, 0, len(reads))
	var broken error
	err := wire.DecodeMultiRead(cl.result, func(code Code, part []byte) {
		if len(results) < len(reads) && broken == nil {
			var result ReadResult
			result, broken = c.readResult(reads[len(results)].read, code, part)
			results = append(results, result)
		}
	})
	if err == nil {
		err = broken
	}
	if err == nil && len(results) != len(reads) {
		err = fmt.Errorf("%d results for %d reads", len(results), len(reads))
	}
	if err := c.decoded(cl, name, "", err); err != nil {
		return nil, 0, err
	}
	return results, zxid, nil
}

// readResult decodes one part; the error is one of decoding.
func (c *Client) readResult(read wire.Read, code Code, part []byte) (r ReadResult, err error) {
	switch {
	case code != wire.CodeOK:
		var f wire.Failure
		f, err = wire.DecodeFailure(part)
		f.Path = c.root.out(f.Path)
		r.Err = (&serviceError{code, f}).of(read.Kind.String(), read.Path, znode.Guard{})
	case read.Kind == wire.Get:
		r.Data, r.Stat, err = wire.DecodeGot(part)
	case read.Kind == wire.Exists:
		r.Stat, err = wire.DecodeStat(part)
	default:
		r.More, r.Stat, err = wire.DecodeChildren(part, func(e wire.Entry) { r.Children = append(r.Children, e.Name) })
	}
	return r, err
}

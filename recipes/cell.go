package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// cell is a node of which only the data matter, and these are replaced depending on what they were.
type cell struct {
	c    *client.Client
	path string
}

// content is what was in a cell after one transaction.
type content struct {
	data  []byte
	mzxid client.Zxid // the transaction that put it there, which put nothing else there; 0: there is no node
	czxid client.Zxid // the transaction that made the node
}

// read returns what is in the cell, as new as it must be for a decision.
func (x cell) read(ctx context.Context, opts ...client.ReadOption) (content, error) {
	n, err := x.c.Get(ctx, x.path, append([]client.ReadOption{client.AtLevel(client.Linearizable)}, opts...)...)
	if errors.Is(err, client.ErrNoNode) {
		return content{}, nil
	}
	return content{data: n.Data, mzxid: n.Stat.Mzxid, czxid: n.Stat.Czxid}, err
}

// swap replaces what transaction old has put there, 0 for nothing at all, if the other conditions hold too, and carries out then
// with it. Otherwise it changes nothing and returns what is there, which is no longer that of old, or it is one of the other
// conditions. A node that was deleted and made again is not that of old.
func (x cell) swap(ctx context.Context, old client.Zxid, data []byte, others, then []client.Op) (now content, swapped bool, err error) {
	unchanged, write := client.AbsentOp(x.path), client.CreateOp(x.path, data, client.Parents())
	if old != 0 {
		unchanged, write = client.CheckOp(x.path, client.IfMzxid(old)), client.SetOp(x.path, data)
	}
	txn := client.If(append([]client.Op{unchanged}, others...)...).Then(write).Then(then...).Else(client.GetOp(x.path))
	return x.carryOut(ctx, txn, data)
}

// put replaces whatever is there, or nothing.
func (x cell) put(ctx context.Context, data []byte) (content, error) {
	now, set, err := x.carryOut(ctx, client.If(client.CheckOp(x.path)).
		Then(client.SetOp(x.path, data)).
		Else(client.CreateOp(x.path, data, client.Parents())), data)
	if err == nil && !set {
		now.data = data
	}
	return now, err
}

func (x cell) carryOut(ctx context.Context, txn client.Txn, data []byte) (now content, held bool, err error) {
	r, err := x.c.Txn(ctx, txn)
	if err != nil {
		return content{}, false, err
	}
	result := r.Results[0]
	now = content{data: result.Data, mzxid: result.Stat.Mzxid, czxid: result.Stat.Czxid}
	if r.Held {
		now.data = data
	}
	return now, r.Held, nil
}

// invalid is the error of data that are not the recipe's: somebody else has written them.
func invalid(reason error) error { return fmt.Errorf("%w: %w", ErrInvalid, reason) }

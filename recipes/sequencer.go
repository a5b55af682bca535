package recipes

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// Sequencer gives out numbers, to all processes: 1, 2, 3 and so on, each once.
//
//	/ids/orders         "500"    persistent; how many numbers were given out in ranges
//	/ids/orders/next    set 42 times: 42 numbers were given out one by one, so the next one is 543
//
// It guarantees:
//   - No number is given out twice, whatever connections break and whoever dies.
//   - A number is greater than all that were given out before it was asked for.
//   - Every number is given out, but for those whose caller has stopped waiting, or died, before it got the answer.
//
// What it cannot: start anew, or go on, at a number of the user's choice. Nodes at these paths that somebody deletes make it
// begin at 1 again, and what a stranger writes there shifts the numbers: forward if he sets the lower node.
//
// A number is what the service counts anyway, the version of a node that is set, so nobody competes for one: each costs one
// write, and any number of them can be under way, of one process or many. Only ranges compete with each other.
//
// Counterparts: ZooKeeper's sequential nodes, which leave a node per number; Redis INCR. The zxid of any write is unique and
// increases as well, and costs nothing besides; it is not dense. A Sequencer is stateless: all methods may be called from any
// goroutine.
type Sequencer struct {
	ranges cell
	next   string // path of the node whose sets are counted
}

// NewSequencer returns the sequencer of a path, which need not exist. It does not ask the service.
func NewSequencer(c *client.Client, path string) *Sequencer {
	return &Sequencer{ranges: cell{c: c, path: path}, next: join(path, "next")}
}

// Next returns the next number. If ctx ends first, one may be lost. Errors: [ErrInvalid] if a stranger has written to the node
// at the path, the numbers asked for meanwhile are lost then; those of [client.Client.Create] and [client.Client.Set].
func (s *Sequencer) Next(ctx context.Context) (int64, error) {
	results, err := s.ranges.c.Multi(ctx, s.make(), client.GetOp(s.ranges.path), client.SetOp(s.next, nil))
	if err != nil {
		return 0, failed("next", s.ranges.path, err)
	}
	given, err := numberOf(results[1].Data)
	return given + results[2].Stat.Version, failed("next", s.ranges.path, err)
}

// NextN returns the first of n numbers in a row, all of which are the caller's; n is at least 1. If ctx ends first, they may be
// lost. Errors: [ErrOverflow] if so many were given out in ranges already that n more could leave the int64s; those of
// [Sequencer.Next]; client.ErrBadArguments.
func (s *Sequencer) NextN(ctx context.Context, n int64) (first int64, err error) {
	if n < 1 {
		return 0, &Error{Op: "next", Path: s.ranges.path, Err: client.ErrBadArguments, Detail: fmt.Sprintf("%d numbers", n)}
	}
	first, err = s.reserve(ctx, n)
	return first, failed("next", s.ranges.path, err)
}

func (s *Sequencer) reserve(ctx context.Context, n int64) (int64, error) {
	now, err := s.ranges.read(ctx, local) // a guess is enough: it is checked
	for err == nil {
		given, err := numberOf(now.data)
		if err != nil {
			return 0, err
		}
		if n > rangesMax-given {
			return 0, fmt.Errorf("%w: %d numbers were given out in ranges, and %d are asked for", ErrOverflow, given, n)
		}
		// No node has a zxid of 0, so what is not there yet is made in the other branch.
		r, err := s.ranges.c.Txn(ctx, client.If(client.CheckOp(s.ranges.path, client.IfMzxid(now.mzxid)), client.CheckOp(s.next)).
			Then(client.SetOp(s.ranges.path, digits(given+n)), client.GetOp(s.next)).
			Else(s.make(), client.GetOp(s.ranges.path)))
		if err != nil {
			return 0, err
		}
		if r.Held {
			return given + r.Results[1].Stat.Version + 1, nil
		}
		now = content{data: r.Results[1].Data, mzxid: r.Results[1].Stat.Mzxid}
	}
	return 0, err
}

// make creates both nodes if they are not there.
func (s *Sequencer) make() client.Op {
	return client.CreateOp(s.next, nil, client.Parents(), client.IfAbsent())
}

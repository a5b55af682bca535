package recipes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// Queue hands each of its items to one consumer at a time until one has dealt with it: at least once. Items go in the order of
// their priority, and those of the same priority in the order in which they were put.
//
//	/jobs/items/500-0000000007          an item: persistent, its data are the item
//	/jobs/items/500-0000000007/claim    ephemeral: a consumer is at work on it
//	/jobs/consumers/take-0000000003     a line of those who wait for an item; only its first one watches the items
//
// What it guarantees: an item that was put (its Put has returned, or the transaction with its [Queue.PutOp]) is there until a
// consumer acknowledges it. While a consumer's [Delivery] is certain nobody else is given its item; when the consumer dies, or
// gives it back, the item is the next one to be taken again, so later items of its priority may have been taken before it. An
// acknowledgement can carry the work's own effects on the tree, in one transaction: these then happen exactly once.
//
// What it cannot: keep effects elsewhere from happening twice, when a consumer dies, or is paused for longer than its session's
// timeout, between the work and the acknowledgement. Those are given [Hold.Fence], or are made so that twice does no harm.
//
// The order holds for the first ten thousand million items of a queue. Nobody else should create nodes below an item, or it
// counts as taken.
//
// Putting costs one write; taking one if nobody else takes the same item at the same time, and one or two more if somebody does;
// acknowledging one. The items are in the memory of every server: this is for coordination, for some thousands of items and
// not for millions. The nodes of an empty queue are containers, which the service removes. Its counterparts are kazoo's
// LockingQueue and Curator's DistributedPriorityQueue with a lock path.
type Queue struct {
	c    *client.Client
	path string
}

const (
	itemsName       = "items"
	claimName       = "claim"
	consumersName   = "consumers"
	takePrefix      = "take-"
	priorityDefault = 500
	priorityMax     = 999
)

// ErrEmpty: there is nothing to take.
var ErrEmpty = errors.New("nothing to take")

// NewQueue returns the queue of a path, which need not exist. It does not ask the service.
func NewQueue(c *client.Client, path string) *Queue { return &Queue{c: c, path: path} }

// PutOption changes how an item is put.
type PutOption func(*int)

// Priority makes an item come before those with a higher number, whenever those were put. It is between 0, the most urgent, and
// 999. Default: 500.
func Priority(p int) PutOption { return func(priority *int) { *priority = p } }

// PutOp is the operation that puts an item, for a transaction of the user's own: the item is put if, and only if, that takes
// effect. An illegal priority makes the transaction fail with client.ErrBadArguments.
func (q *Queue) PutOp(data []byte, options ...PutOption) client.Op {
	priority := priorityDefault
	for _, o := range options {
		o(&priority)
	}
	if priority < 0 || priority > priorityMax {
		return client.CreateOp("", nil) // which no client accepts; Put has said it better
	}
	return client.CreateOp(join(q.items(), fmt.Sprintf("%03d-", priority)), data, client.Sequential(), client.ContainerParents())
}

// Put adds an item and returns the path of its node. Errors are those of [client.Client.Create]: client.ErrTooLarge above a
// mebibyte, client.ErrBadArguments for a priority that is none.
func (q *Queue) Put(ctx context.Context, data []byte, options ...PutOption) (string, error) {
	priority := priorityDefault
	for _, o := range options {
		o(&priority)
	}
	if priority < 0 || priority > priorityMax {
		detail := fmt.Sprintf("priority %d is not between 0 and %d", priority, priorityMax)
		return "", &Error{Op: "put", Path: q.path, Err: client.ErrBadArguments, Detail: detail}
	}
	results, err := q.c.Multi(ctx, q.PutOp(data, options...))
	if err != nil {
		return "", failed("put", q.path, err)
	}
	return results[0].Path, nil
}

// Len returns how many items there are, those that consumers are at work on included.
func (q *Queue) Len(ctx context.Context) (int64, error) {
	stat, _, err := q.c.Exists(ctx, q.items())
	return stat.NumChildren, failed("len", q.path, err)
}

// TryTake is [Queue.Take] that does not wait: if there is no item that nobody is at work on, it fails with [ErrEmpty].
func (q *Queue) TryTake(ctx context.Context) (*Delivery, error) {
	if err := q.c.Sync(ctx); err != nil { // what was put before the call is seen
		return nil, failed("take", q.path, err)
	}
	for {
		d, again, err := q.take(ctx)
		if d == nil && err == nil && !again {
			err = ErrEmpty
		}
		if d != nil || err != nil {
			return d, failed("take", q.path, err)
		}
	}
}

// Take waits for an item and makes it the caller's to deal with, which ends with [Delivery.Ack] or [Hold.Release]. When ctx
// ends first it fails with ctx's cause, wrapped, and has taken nothing. Other errors: client.ErrSessionExpired, [ErrLost] if a
// stranger deletes the node by which it waits.
func (q *Queue) Take(ctx context.Context) (*Delivery, error) {
	d, _, err := q.take(ctx)
	if d == nil && err == nil {
		d, err = q.await(ctx)
	}
	return d, failed("take", q.path, err)
}

// await takes an item as the first in the line of those who wait.
func (q *Queue) await(ctx context.Context) (*Delivery, error) {
	entered, err := enter(ctx, q.c, []string{join(q.path, consumersName)}, takePrefix, nil)
	if err != nil {
		return nil, err
	}
	defer withdraw(ctx, q.c, entered.places) // whoever is next looks for the next item
	p := entered.places[0]
	if !entered.alone {
		if err := p.wait(ctx, q.c, predecessor); err != nil {
			return nil, err
		}
	}
	// Watched first, looked for then: no item falls in between. Its own place is below the same path, so that a stranger who
	// deletes it is noticed.
	changes, err := q.c.AddWatch(ctx, q.path, client.Recursive())
	if err != nil {
		return nil, err
	}
	defer changes.Close()
	for {
		d, found, err := q.take(ctx)
		if err != nil || d != nil {
			return d, err
		}
		for !found {
			select {
			case e, open := <-changes.C():
				if !open {
					return nil, changes.Err()
				}
				if e.Type == client.EventDeleted && e.Path == p.path {
					return nil, p.lost(q.c)
				}
				found = q.concerns(e)
			case <-ctx.Done():
				return nil, ended(ctx)
			}
		}
	}
}

// concerns reports whether there may be an item to take after an event.
func (q *Queue) concerns(e client.Event) bool {
	switch e.Type {
	case client.EventCreated: // an item, not a claim or a place in line
		return parentOf(e.Path) == q.items()
	case client.EventDeleted: // a claim
		return parentOf(parentOf(e.Path)) == q.items()
	}
	return e.Type == client.EventGap
}

// take claims the first item that nobody is at work on. Without one it returns nil, and whether it makes sense to look again at
// once.
func (q *Queue) take(ctx context.Context) (d *Delivery, again bool, err error) {
	for item, err := range q.c.ChildrenSeq(ctx, q.items(), local, client.WithStats()) {
		if errors.Is(err, client.ErrNoNode) {
			return nil, false, nil
		} else if err != nil {
			return nil, false, err
		}
		if item.Stat.NumChildren > 0 || sequence(item.Name) == "" {
			continue
		}
		d, err := q.claim(ctx, node{path: join(q.items(), item.Name), czxid: item.Stat.Czxid})
		if raced(err) {
			again = true // somebody else has it; and may give it back
			continue
		}
		return d, false, err
	}
	return nil, again, nil
}

// claim makes an item the caller's.
func (q *Queue) claim(ctx context.Context, item node) (*Delivery, error) {
	return obtain(ctx, func(ctx context.Context) (*Delivery, error) {
		results, err := q.c.Multi(ctx, item.check(),
			client.CreateOp(join(item.path, claimName), nil, client.Ephemeral()), client.GetOp(item.path))
		if err != nil {
			return nil, err
		}
		made, read := results[1], results[2]
		claimed := []place{newPlace(item.path, made)}
		h, err := certain(ctx, q.c, "take", q.path, claimed)
		if err != nil {
			return nil, errors.Join(err, takeBack(ctx, q.c, nodesOf(claimed)))
		}
		return &Delivery{Hold: h, item: item, data: read.Data, attempt: (read.Stat.Cversion + 1) / 2}, nil
	}, func(ctx context.Context, d *Delivery) error { return d.Release(ctx) })
}

func (q *Queue) items() string { return join(q.path, itemsName) }

// Delivery is an item that is this process's to deal with. It is a [Hold]: its context ends when the item may be given to
// somebody else, and [Hold.Release] gives it back.
type Delivery struct {
	*Hold
	item    node
	data    []byte
	attempt int64
}

// Data returns the item. It is the caller's own.
func (d *Delivery) Data() []byte { return d.data }

// ItemPath returns the path of the item's node, which [Queue.Put] has returned; it names the item as long as the queue's node
// lives.
func (d *Delivery) ItemPath() string { return d.item.path }

// Attempt returns how many times the item was taken, this time included: above 1 somebody may have done a part of the work. An
// item that makes its consumers die can be told by it, with some patience: a [Queue.Take] whose context ends in the very moment
// counts as well.
func (d *Delivery) Attempt() int64 { return d.attempt }

// Ack removes the item, which has been dealt with, and carries out operations in the same transaction; it returns their
// results. The delivery is over then, and needs no [Hold.Release]. If the item is not this consumer's any more nothing happens
// at all and the error is [ErrLost], wrapped. Other errors are those of [Hold.Commit]: what was refused leaves the item this
// consumer's, but if ctx ends first the acknowledgement may be carried out later, and the delivery end with [ErrLost].
func (d *Delivery) Ack(ctx context.Context, ops ...client.Op) ([]client.Result, error) {
	results, err := d.commitLast(ctx, slices.Concat(ops, []client.Op{client.DeleteTreeOp(d.item.path, client.IfCzxid(d.item.czxid))})...)
	if err != nil {
		return nil, err
	}
	return results[:len(ops)], nil
}

package recipes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// ErrOverflow: the number would leave the range that it has; nothing was written.
var ErrOverflow = errors.New("overflow")

// Counter is a number that many processes add to: the data of one node, in decimal digits.
//
//	/stats/orders                          "1042"    persistent; its parents are made with it
//	/stats/orders/turns                    a container, while many compete: the line of those who have been overtaken
//	/stats/orders/turns/turn-0000000007    ephemeral
//
// It is an int64, and 0 before anybody has set it. It guarantees:
//   - Each [Counter.Add] that returns has been added exactly once, whatever connections break, and what it returns is what the
//     number was right then: no other Add was given the same number to add to.
//   - What would not fit is refused with [ErrOverflow], and what is no number with [ErrInvalid]; nothing is written then.
//   - Nobody is overtaken for ever. Whoever stands still, or dies, delays each write of the others by a second at most, and that
//     only if he was in line, and until his session ends.
//
// What it cannot: tell a caller who stops waiting whether his part was added. Who must know writes it together with a mark
// of his own in one transaction, see [Once].
//
// An Add replaces the number that was seen last, if it still is that. Calls of this Counter that are made while a write is under
// way become one write, in the order of the calls, so the callers of one process do not compete with each other. Processes do:
// one of them gets through per round trip, and the others try again with the new number. Who was overtaken a few times gets in
// line, and while there is a line all get in it, so each has its turn; the service removes the line soon after the last one has
// left it. It is a courtesy: what makes the counter right is the comparison.
//
// Costs: Add is one write when nobody else has written since this Counter's last one, and one more for each time when somebody was
// faster; the first has a read before it. In line it is two writes, two reads and a wake-up, for all calls that have come together.
//
// Counterparts: Curator's DistributedAtomicLong, where who has lost some times takes a lock too, while others go on past it, and
// SharedCount; INCRBY of Redis. Numbers that need only be different and increase are
// given out by a [Sequencer], at which nobody competes. All methods may be called from any goroutine. There is a goroutine while
// there are calls that change the number; it ends with the last of them, also if they are given up, or with the client's session.
type Counter struct {
	cell  cell
	turns string // path of the line

	mu      sync.Mutex
	waiting []*arithmetic // for the next write
	writing bool          // there is the goroutine that makes it

	seen  content // of that goroutine: what was there when it last looked,
	known bool    // if it did
}

// arithmetic is a call that changes the number.
type arithmetic struct {
	ctx    context.Context
	change func(int64) (int64, error)
	result int64
	err    error
	done   chan struct{}
}

// NewCounter returns the counter of a path, which need not exist. It does not ask the service. A process should have one Counter
// for a path, because calls of the same one do not compete.
func NewCounter(c *client.Client, path string) *Counter {
	return &Counter{cell: cell{c: c, path: path}, turns: join(path, "turns")}
}

// Get returns the number. Errors: [ErrInvalid]; those of [client.Client.Get].
func (n *Counter) Get(ctx context.Context) (int64, error) {
	now, err := n.cell.read(ctx)
	var number int64
	if err == nil {
		number, err = numberOf(now.data)
	}
	return number, failed("get", n.cell.path, err)
}

// Add adds delta, which may be negative, and returns the sum; it was sum - delta before. If ctx ends first, it may still be
// added. Errors: [ErrOverflow], [ErrInvalid]; those of [client.Client.Get], [client.Client.Set] and [client.Client.Create]:
// if client.NotApplied says so of one of them, nothing was added.
func (n *Counter) Add(ctx context.Context, delta int64) (int64, error) {
	sum, err := n.do(ctx, func(number int64) (int64, error) { return plus(number, delta) })
	return sum, failed("add", n.cell.path, err)
}

// CompareAndSet sets the number to another if it is old; a counter that nobody has set is 0. It returns the number that is there
// afterwards, and whether it was set. If ctx ends first, it may still be set. Errors as for [Counter.Add].
func (n *Counter) CompareAndSet(ctx context.Context, old, other int64) (now int64, swapped bool, err error) {
	now, err = n.do(ctx, func(number int64) (int64, error) {
		if number != old {
			return number, errDiffers
		}
		return other, nil
	})
	if errors.Is(err, errDiffers) {
		return now, false, nil
	}
	return now, err == nil, failed("set", n.cell.path, err)
}

// errDiffers is the outcome of a comparison; it stays in here.
var errDiffers = errors.New("differs")

// Set sets the number, whatever is there, also if it is none. If ctx ends first, it may still be set. Errors: those of
// [client.Client.Set] and [client.Client.Create].
func (n *Counter) Set(ctx context.Context, number int64) error {
	_, err := n.cell.put(ctx, digits(number))
	return failed("set", n.cell.path, err)
}

// do has change applied to the number by the goroutine that writes, and starts it if there is none.
func (n *Counter) do(ctx context.Context, change func(int64) (int64, error)) (int64, error) {
	if ctx.Err() != nil {
		return 0, ended(ctx)
	}
	a := &arithmetic{ctx: ctx, change: change, done: make(chan struct{})}
	n.mu.Lock()
	n.waiting = append(n.waiting, a)
	if !n.writing {
		n.writing = true
		go n.write()
	}
	n.mu.Unlock()
	select {
	case <-a.done:
		return a.result, a.err
	case <-ctx.Done():
		n.forget(a)
		return 0, ended(ctx)
	}
}

// forget takes a call that was given up from those that wait: while the service is away the next write may be far.
func (n *Counter) forget(a *arithmetic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at := slices.Index(n.waiting, a); at >= 0 {
		n.waiting = slices.Delete(n.waiting, at, at+1)
	}
}

// write applies what waits, all at once, until nothing does.
func (n *Counter) write() {
	for {
		n.mu.Lock()
		batch := n.waiting
		n.waiting = nil
		n.writing = len(batch) > 0
		n.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		if err := n.apply(batch); err != nil {
			n.known = false
			for _, a := range batch {
				a.result, a.err = 0, err
			}
		}
		for _, a := range batch {
			close(a.done)
		}
	}
}

// apply makes one write of the changes of a batch and gives each its outcome. What is refused, is refused for what is there,
// not for what was there when this process last looked.
func (n *Counter) apply(batch []*arithmetic) error {
	ctx := context.WithoutCancel(batch[0].ctx) // the callers' contexts end their waiting, not the write of all
	var t counterTurn
	defer func() { t.leave(ctx, n.cell.c) }()
	for fresh, lost := false, 0; ; {
		if !n.known {
			now, err := n.cell.read(ctx)
			if err != nil {
				return err
			}
			n.seen, n.known, fresh = now, true, true
		}
		number, err := numberOf(n.seen.data)
		changed := false
		if err == nil {
			number, changed = calculate(batch, number)
		}
		switch {
		case changed:
			others, then := t.terms(n.turns)
			now, swapped, err := n.cell.swap(ctx, n.seen.mzxid, digits(number), others, then)
			switch {
			case swapped:
				n.seen, t.place = now, nil
				return nil
			case t.place != nil && (errors.Is(err, client.ErrNoNode) || errors.Is(err, client.ErrMismatch)): // somebody has deleted it
				t.place = nil
				continue
			case err != nil:
				return err
			}
			lost++
			polite := now.mzxid == n.seen.mzxid // somebody is in line
			if n.seen, fresh = now, true; (polite || lost == counterLossesMax) && !t.had {
				if err := t.take(ctx, n.cell.c, n.turns); err != nil {
					return err
				}
			}
		case fresh:
			return err
		default:
			n.known = false
		}
	}
}

// calculate applies the changes of a batch one after the other to the number. Those whose callers have given up are left out.
func calculate(batch []*arithmetic, number int64) (sum int64, changed bool) {
	for _, a := range batch {
		if a.ctx.Err() != nil {
			a.err = ended(a.ctx)
			continue
		}
		a.result, a.err = a.change(number)
		if a.err == nil {
			number, changed = a.result, true
		}
	}
	return number, changed
}

// plus adds two numbers.
func plus(a, b int64) (int64, error) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, fmt.Errorf("%w: %d and %d", ErrOverflow, a, b)
	}
	return a + b, nil
}

// numberOf returns the number that the data of a node are; no data are 0.
func numberOf(data []byte) (int64, error) {
	if len(data) == 0 {
		return 0, nil
	}
	number, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return 0, invalid(err)
	}
	return number, nil
}

func digits(number int64) []byte { return strconv.AppendInt(nil, number, 10) }

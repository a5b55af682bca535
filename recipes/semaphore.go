package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/coxswain-io/coxswain/client"
)

// The parts of a semaphore.
const (
	queueName    = "queue"
	waitPrefix   = "wait-"
	permitsName  = "permits"
	permitPrefix = "permit-"
)

// Semaphore is a number of permits that any processes share: each has as many as it was granted until it releases them, and
// all together never have more than there are. They are granted in the order in which they were asked for: whoever asks for
// many is not overtaken by those who ask for few.
//
//	/pool                                 persistent, data: "5", the number of permits
//	/pool/queue/wait-0000000007           at the head, data "2": waits until two permits are free
//	/pool/queue/wait-0000000008           waits for the one ahead
//	/pool/permits/permit-0000000003       has as many permits as its data say
//	/pool/permits/permit-0000000005
//
// Only the head of the queue looks at the permits, so a release wakes one process. A grant is one transaction: the head gives
// up its place and gets its permits, if the number of permits is still the one that it has counted with. It wakes the next one,
// which is the head then. So nobody ever counts what somebody else is about to change, and what the head counts can only become
// less.
//
// The number of permits is the service's: the first process that uses the semaphore sets it, and one that was configured
// with another is told so by a [PermitsError] and gets none. [Semaphore.SetPermits] changes it while the semaphore is in use.
//
// It guarantees to each holder what [Hold] does: its permits are given to nobody else while its context is alive. Those of a
// process that dies are free when its session has expired. Fences grow from grant to grant, but several are good at the same
// time, so they cannot tell a resource who is too late; [Hold.Commit] can.
//
// A grant costs two writes and a release one, however many permits. Counting takes a read of all permit nodes at the server at
// hand: a semaphore is meant for up to some thousand holders. Its counterparts are Curator's InterProcessSemaphoreV2, which
// trusts each process to know the same number, and `consul lock -n`, which keeps it as well, and whose contenders all try again
// at each release.
//
// All methods may be called from any goroutine. Each Acquire stands in line by itself: a process that waits for permits which
// it has itself waits for ever.
type Semaphore struct {
	c       *client.Client
	path    string
	permits atomic.Int64 // as the user says; 0: as the service says
}

// PermitsError tells a process that a semaphore has another number of permits than it was told.
type PermitsError struct {
	Asked int // what the process was told; 0 if it leaves that to the service
	Set   int // what the service says; 0 if nobody has set a number yet, or what the node holds is none
}

// Error returns one clause.
func (e *PermitsError) Error() string {
	if e.Set == 0 {
		return "no number of permits is set"
	}
	return fmt.Sprintf("%d permits are set, not %d", e.Set, e.Asked)
}

// NewSemaphore returns the semaphore of a path, which need not exist, with a number of permits of at least 1, or 0 for as many as
// others have set. It does not ask the service.
func NewSemaphore(c *client.Client, path string, permits int) *Semaphore {
	s := &Semaphore{c: c, path: path}
	s.permits.Store(int64(permits))
	return s
}

// Acquire waits until n permits, at least 1, are this caller's. The hold has all of them, and releases them together. If ctx
// ends first it fails with ctx's cause, wrapped, and leaves the queue.
//
// Other errors: a [PermitsError]; client.ErrTooMany if there are not as many permits at all, which is found out at once, and by one
// who waits when the number is changed and its turn has come; client.ErrBadArguments for n below 1; those of [Lock.Acquire].
func (s *Semaphore) Acquire(ctx context.Context, n int) (*Hold, error) {
	h, err := s.acquire(ctx, n, true)
	return h, failed("semaphore", s.path, err)
}

// TryAcquire is Acquire that does not wait: if there are too few free permits, or somebody waits for some, it fails with
// [ErrHeld]. Who is just being granted permits that are free stands in the queue for that moment, and counts as waiting: of
// several that try at once some may be refused although there are permits for all. Who must not be refused then calls Acquire
// with a short deadline.
func (s *Semaphore) TryAcquire(ctx context.Context, n int) (*Hold, error) {
	if err := s.taken(ctx, n); err != nil {
		return nil, failed("semaphore", s.path, err)
	}
	h, err := s.acquire(ctx, n, false) // somebody may have come meanwhile
	return h, failed("semaphore", s.path, err)
}

// SetPermits changes the number of permits, at least 1, also before the first use. Nobody loses any: if there are fewer than
// are out, none are granted until enough are released. This Semaphore goes by the new number from then on; others that
// were made with another are told by their next Acquire.
func (s *Semaphore) SetPermits(ctx context.Context, n int) error {
	if n < 1 {
		return failed("semaphore", s.path, fmt.Errorf("%w: %d permits", client.ErrBadArguments, n))
	}
	data := []byte(strconv.Itoa(n))
	_, err := s.c.Multi(ctx, client.CreateOp(s.path, data, client.Parents(), client.IfAbsent()), client.SetOp(s.path, data))
	if err == nil && s.permits.Load() > 0 {
		s.permits.Store(int64(n))
	}
	return failed("semaphore", s.path, err)
}

func (s *Semaphore) acquire(ctx context.Context, n int, wait bool) (*Hold, error) {
	if permits := s.permits.Load(); n < 1 || permits < 0 {
		return nil, fmt.Errorf("%w: %d of %d permits", client.ErrBadArguments, n, permits)
	} else if permits > 0 && int64(n) > permits {
		return nil, tooMany(n, int(permits))
	}
	t, err := s.enter(ctx, n)
	if err != nil {
		return nil, err
	}
	permit, err := t.await(ctx, s.c, wait)
	if err != nil {
		withdraw(ctx, s.c, []place{t.place})
		return nil, err
	}
	h, err := certain(ctx, s.c, "semaphore", s.path, []place{permit})
	if err != nil {
		withdraw(ctx, s.c, []place{permit})
	}
	return h, err
}

// enter gets in the queue, in one transaction that sets the number of permits if nobody has, and fails if it is another.
func (s *Semaphore) enter(ctx context.Context, n int) (*turn, error) {
	for {
		asked := int(s.permits.Load())
		var ops []client.Op
		if asked > 0 {
			data := []byte(strconv.Itoa(asked))
			ops = append(ops, client.CreateOp(s.path, data, client.Parents(), client.IfAbsent()), client.CheckOp(s.path, client.IfData(data)))
		} else {
			ops = append(ops, client.CheckOp(s.path))
		}
		queue, guards := join(s.path, queueName), len(ops)
		ops = append(ops, client.GetOp(s.path),
			client.CreateOp(join(queue, waitPrefix), []byte(strconv.Itoa(n)), client.Ephemeral(), client.Sequential(), client.ContainerParents()),
			client.GetOp(queue))
		t, err := obtain(ctx, func(ctx context.Context) (*turn, error) {
			results, err := s.c.Multi(ctx, ops...)
			if err != nil {
				return nil, err
			}
			permits, mine, all := results[guards], results[guards+1], results[guards+2]
			return &turn{
				place: newPlace(queue, mine), alone: all.Stat.NumChildren == 1,
				of: s.path, n: n, asked: asked, limit: limitOf(permits.Data, permits.Stat),
			}, nil
		}, func(ctx context.Context, t *turn) error { return takeBack(ctx, s.c, []node{t.node}) })
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Index >= guards || !raced(err) {
			return t, err
		}
		if err := s.agree(ctx, asked); err != nil {
			return nil, err
		}
	}
}

// agree is called when the number of permits is not the one that was asked for, or, if none was, there is no node. It sets it
// if the node has no data, and fails if it has others; but if they are right by now it returns nil.
func (s *Semaphore) agree(ctx context.Context, asked int) error {
	n, err := s.c.Get(ctx, s.path, client.AtLevel(client.Linearizable))
	if errors.Is(err, client.ErrNoNode) && asked == 0 {
		return &PermitsError{}
	} else if err != nil && !errors.Is(err, client.ErrNoNode) {
		return err
	}
	switch set := permitsOf(n.Data); {
	case err != nil || asked == 0 || set == asked:
		return nil // it was deleted, or set, just now: again
	case len(n.Data) > 0:
		return &PermitsError{Asked: asked, Set: set}
	}
	_, err = s.c.Set(ctx, s.path, []byte(strconv.Itoa(asked)), client.IfMzxid(n.Stat.Mzxid))
	if raced(err) {
		return nil
	}
	return err
}

// taken looks, without getting in the queue, whether n permits would have to be waited for.
func (s *Semaphore) taken(ctx context.Context, n int) error {
	fresh := client.AtLevel(client.Linearizable)
	queue, _, err := s.c.Children(ctx, join(s.path, queueName), fresh)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		return err
	}
	if waiting := len(inLine(queue)); waiting > 0 {
		return held(waiting)
	}
	out, err := permitsOut(ctx, s.c, s.path, fresh)
	if err != nil {
		return err
	}
	node, err := s.c.Get(ctx, s.path, fresh)
	if errors.Is(err, client.ErrNoNode) {
		return nil
	}
	if limit := permitsOf(node.Data); err == nil && limit >= n && n > limit-out {
		return heldPermits(out, limit)
	}
	return err
}

// permitsOut counts the permits that are granted. Those that are released meanwhile may be counted or not.
func permitsOut(ctx context.Context, c *client.Client, path string, options ...client.ReadOption) (int, error) {
	out := 0
	for child, err := range c.ChildrenSeq(ctx, join(path, permitsName), append(options, client.WithData())...) {
		if errors.Is(err, client.ErrNoNode) {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
		out += permitsOf(child.Data)
	}
	return out, nil
}

// permitsOf reads a number of permits; 0 if the data are none. They are compared as bytes too, so a number is written in one
// way only.
func permitsOf(data []byte) int {
	n, err := strconv.Atoi(string(data))
	if err != nil || n < 0 || strconv.Itoa(n) != string(data) {
		return 0
	}
	return n
}

// tooMany is the error of those who want more permits than there are.
func tooMany(n, permits int) error {
	return fmt.Errorf("%w: %d of %d permits", client.ErrTooMany, n, permits)
}

// heldPermits is the error of those who do not wait.
func heldPermits(out, permits int) error {
	return fmt.Errorf("%w: %d of %d permits are out", ErrHeld, out, permits)
}

package recipes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// RateLimiter keeps all processes together below a rate: calls per second of a paid interface, mails per hour. It is a token
// bucket, as that of golang.org/x/time/rate: tokens come at the rate, there is room for the burst, whoever does something
// takes one or more. It is one node.
//
//	/limits/mail    {"rate":10,"burst":20,"limit":0,"tokens":3.5,"taken":1042}    persistent; its parents are made with it
//
// The limit that counts is the one in the node. The first who uses the limiter puts there what he was made with, with a full
// bucket; [RateLimiter.SetLimit] changes it for all at once. So processes that were started with different numbers do not fail;
// they all keep to the same.
//
// It guarantees: in any interval at most burst + rate × interval tokens are taken by all together, where a token counts as taken
// at the moment when its taker decides to, just before his write; the answer takes its time, and lets the caller act that much
// later. This needs no clock to be right and only clocks that run at the same rate, to within 1 %, which it does not credit. For
// time is nothing that processes tell each other: each adds the tokens of the time that it has itself seen go by, and subtracts
// what it learns that others have taken meanwhile, as if they had left none unused.
//
// What it cannot: be exact for those who know little. While one process uses the limiter all the time, or waits for it, nothing
// but the 1 % is lost, however many others there are. Processes that live for a moment, or all ask seldom, know less time than
// has passed and get less than the rate: a new one finds what the last taker has left, and adds what comes from then on. And the
// service carries some hundred contested writes per second: where many processes compete for more tokens than that, one by one,
// they get less than the rate too; who takes several at a time does not. Nor is
// there an order among processes: who waits for many tokens can be overtaken by others that take few, and of those who compete for
// all there is, whoever is nearest to the service gets the most. Callers of one RateLimiter are served in the order of their calls.
//
// Costs: taking is one write when nobody else has taken since this process last did, and one more for each time when somebody was
// faster; the first has a read before it, and so has a refusal. Callers that meet are served by one write. Who waits asks again
// when there can be enough by what he knows, and otherwise every ten seconds.
//
// Counterparts: the token buckets that are built of a script in Redis, with its clock. All methods may be called from any
// goroutine. There is a goroutine while there are calls; it ends with the last of them, within the time of a call to the
// service if it is given up.
type RateLimiter struct {
	cell cell
	new  bucketState

	mu      sync.Mutex
	line    []*drawing // in the order of their calls
	serving bool       // there is the goroutine that serves them
	short   bool       // which waits until there is enough for the first in line
	wake    chan struct{}

	// Of that goroutine.
	bucket bucket
	seen   content // what bucket.state was read from or written to
	known  bool    // it was the newest, as far as is known
}

// drawing is a call that takes tokens.
type drawing struct {
	ctx     context.Context
	n       int
	patient bool

	decided bool
	err     error
	done    chan struct{}
}

// NewRateLimiter returns the rate limiter of a path, which need not exist. rate is in tokens per second, above 0, and burst at
// least 1. It does not ask the service. A process should have one RateLimiter for a path: it is what remembers how much time
// has gone by.
func NewRateLimiter(c *client.Client, path string, rate float64, burst int) *RateLimiter {
	return &RateLimiter{
		cell: cell{c: c, path: path},
		new:  bucketState{Rate: rate, Burst: burst, Tokens: float64(burst)},
		wake: make(chan struct{}, 1),
	}
}

// Allow takes n tokens if they are there, and reports whether they were. It does not wait for tokens, and takes none before those
// who do in this process. If ctx ends first, they may still be taken. Errors: client.ErrBadArguments if n can never be there, or
// if the limit is none; [ErrInvalid] if a stranger has written to the node; those of [client.Client.Get], [client.Client.Set] and
// [client.Client.Create].
func (l *RateLimiter) Allow(ctx context.Context, n int) (bool, error) {
	err := l.do(ctx, n, false)
	if err == errShort {
		return false, nil
	}
	return err == nil, failed("allow", l.cell.path, err)
}

// Wait waits until n tokens are there and takes them. If ctx has a deadline before which they will not be there, it fails at
// once with context.DeadlineExceeded, wrapped, and takes none. If ctx ends meanwhile it fails with its cause; if that is during
// the write, they may still be taken. Other errors: those of [RateLimiter.Allow].
func (l *RateLimiter) Wait(ctx context.Context, n int) error {
	return failed("wait", l.cell.path, l.do(ctx, n, true))
}

// SetLimit changes the rate and the burst for all processes, which learn of it when they next ask, after ten seconds at the
// latest if somebody waits; what is in the bucket stays there if there is room. It also mends a node that a stranger has
// written to, and leaves the bucket empty. Errors: client.ErrBadArguments; those of [client.Client.Get], [client.Client.Set] and
// [client.Client.Create].
func (l *RateLimiter) SetLimit(ctx context.Context, rate float64, burst int) error {
	return failed("limit", l.cell.path, l.setLimit(ctx, bucketState{Rate: rate, Burst: burst}))
}

func (l *RateLimiter) setLimit(ctx context.Context, next bucketState) error {
	if err := next.check(); err != nil {
		return l.refusal(err.Error())
	}
	now, err := l.cell.read(ctx)
	for swapped := false; err == nil && !swapped; {
		old, broken := decodeBucket(now.data)
		switch {
		case now.mzxid == 0:
			next.Tokens = float64(next.Burst)
		case broken != nil:
			next.Tokens, next.Limit = 0, int(now.mzxid) // no number that was there before
		default:
			next.Tokens, next.Taken, next.Limit = min(old.Tokens, float64(next.Burst)), old.Taken, old.Limit+1
		}
		now, swapped, err = l.cell.swap(ctx, now.mzxid, next.encode(), nil, nil)
	}
	l.lookAgain()
	return err
}

// errShort is a refusal for now; it stays in here.
var errShort = errors.New("not enough there")

func (l *RateLimiter) refusal(detail string) error {
	return &Error{Op: "limit", Path: l.cell.path, Err: client.ErrBadArguments, Detail: detail}
}

// do gets in line and starts the goroutine that serves it if there is none.
func (l *RateLimiter) do(ctx context.Context, n int, patient bool) error {
	switch broken := l.new.check(); {
	case broken != nil:
		return l.refusal(broken.Error())
	case n < 0:
		return l.refusal(fmt.Sprintf("%d tokens", n))
	case ctx.Err() != nil:
		return ended(ctx)
	case n == 0:
		return nil
	}
	d := &drawing{ctx: ctx, n: n, patient: patient, done: make(chan struct{})}
	l.mu.Lock()
	if l.short && !patient {
		l.mu.Unlock()
		return errShort
	}
	l.line = append(l.line, d)
	if l.lookAgain(); !l.serving {
		l.serving = true
		go l.serve()
	}
	l.mu.Unlock()
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		l.forget(d)
		return ended(ctx)
	}
}

// forget takes a call that was given up out of the line: while the service is away the next look at it may be far.
func (l *RateLimiter) forget(d *drawing) {
	l.mu.Lock()
	if at := slices.Index(l.line, d); at >= 0 {
		l.line = slices.Delete(l.line, at, at+1)
	}
	l.mu.Unlock()
	l.lookAgain()
}

// lookAgain wakes the goroutine that serves if it sleeps: somebody has come or given up, or the limit is another.
func (l *RateLimiter) lookAgain() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// serve serves the line until nobody is in it.
func (l *RateLimiter) serve() {
	for {
		l.mu.Lock()
		select {
		case <-l.wake: // for one of those that are seen now
		default:
		}
		batch := slices.Clone(l.line)
		l.serving = len(batch) > 0
		l.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		pause, err := l.draw(batch)
		l.mu.Lock()
		for _, d := range batch {
			if err != nil {
				d.decided, d.err = true, err
			}
			if d.decided {
				close(d.done)
			}
		}
		l.line = slices.DeleteFunc(l.line, func(d *drawing) bool { return d.decided })
		l.short = pause > 0
		l.mu.Unlock()
		if pause > 0 {
			l.sleep(pause)
		}
	}
}

// sleep waits until there can be enough, or somebody comes or gives up, or the client has ended.
func (l *RateLimiter) sleep(pause time.Duration) {
	timer := time.NewTimer(min(max(pause, time.Millisecond), bucketPauseMax))
	defer timer.Stop()
	for {
		state, changed := l.cell.c.State()
		if state.Final() {
			break
		}
		select {
		case <-changed:
			continue
		case <-timer.C:
		case <-l.wake:
		}
		break
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.short = false
}

// draw serves those in line for whom there is enough, by one write, and says how long the first of the others has to wait.
// Nobody is told that there is not enough by what was there when this process last looked.
func (l *RateLimiter) draw(batch []*drawing) (time.Duration, error) {
	ctx := context.WithoutCancel(batch[0].ctx) // the callers' contexts end their waiting, not the write for all
	for fresh := false; ; {
		if !l.known {
			now, err := l.cell.read(ctx)
			if err == nil {
				err = l.see(now)
			}
			if err != nil {
				return 0, err
			}
			fresh = true
		}
		l.bucket.advance(time.Now())
		total, pause := l.bucket.divide(batch)
		switch {
		case total > 0:
			next := l.bucket.after(total)
			now, swapped, err := l.cell.swap(ctx, l.seen.mzxid, next.encode(), nil, nil)
			if err != nil {
				l.known = false
				return 0, err
			}
			if swapped {
				l.bucket.took(total)
				l.seen = now
				return pause, nil
			}
			if err := l.see(now); err != nil {
				return 0, err
			}
			fresh = true
		case fresh:
			return pause, nil
		default:
			l.known = false
		}
	}
}

// see takes in what is there; a bucket that is not there yet is full.
func (l *RateLimiter) see(now content) error {
	state, err := l.new, error(nil)
	if now.mzxid != 0 {
		state, err = decodeBucket(now.data)
	}
	if l.known = err == nil; !l.known {
		return err
	}
	l.bucket.see(state, now.czxid == l.seen.czxid, time.Now())
	l.seen = now
	return nil
}

// divide decides for whom in line the tokens are, in order, and returns how many these take, and how long the first of those who
// wait has to. Whoever cannot be served in time is told so; nobody is served before somebody who waits.
func (b *bucket) divide(batch []*drawing) (total int, pause time.Duration) {
	asked := 0 // by those who are served and those who wait
	for _, d := range batch {
		d.decided, d.err = true, nil
		wait := b.until(asked + d.n)
		deadline, limited := d.ctx.Deadline()
		switch {
		case d.ctx.Err() != nil:
			d.err = ended(d.ctx)
		case d.n > b.state.Burst:
			d.err = fmt.Errorf("%w: %d tokens, and there is room for %d", client.ErrBadArguments, d.n, b.state.Burst)
		case pause == 0 && wait <= 0:
			total, asked = total+d.n, asked+d.n
		case !d.patient:
			d.err = errShort
		case limited && b.at.Add(wait).After(deadline):
			d.err = fmt.Errorf("%w: enough is there in %v", context.DeadlineExceeded, wait.Round(time.Millisecond))
		default:
			d.decided, asked = false, asked+d.n
			if pause == 0 {
				pause = wait
			}
		}
	}
	return total, pause
}

package load

import (
	"context"
	"sync/atomic"
	"time"
)

// loop is callers at work.
type loop struct {
	*recorder
	step  func(ctx context.Context, c *caller, n int) error
	begin time.Time
	rate  float64 // operations per second; 0: closed

	next atomic.Int64 // of a fixed rate: the number of the next call
}

func (l *loop) now() time.Duration { return time.Since(l.begin) }

// call is what caller i does until the time is up or ctx has ended.
func (l *loop) call(ctx context.Context, i int, c *caller) {
	if l.rate > 0 {
		l.steadily(ctx, i, c)
	} else {
		l.closed(ctx, i, c)
	}
}

// closed makes a call when the one before has been answered.
func (l *loop) closed(ctx context.Context, i int, c *caller) {
	start := l.now()
	for n := i; start < l.end(); n++ { // not all begin with the same of several sorts of calls
		err := l.step(ctx, c, n)
		at := l.now()
		switch {
		case err == nil:
			l.answer(i, start, at)
		case !l.failed(ctx, i, start, err):
			return
		default: // what refuses at once is not asked as fast as it can
			pause(ctx, failurePause)
			at = l.now()
		}
		start = at
	}
}

// steadily makes the calls that are due, together with the other callers. The latency counts from when one was due.
func (l *loop) steadily(ctx context.Context, i int, c *caller) {
	var timer = time.NewTimer(0)
	defer timer.Stop()
	for n := i; ; n++ {
		due := time.Duration(float64(l.next.Add(1)-1) / l.rate * float64(time.Second))
		if due >= l.end() {
			return
		}
		if wait := due - l.now(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		if now := l.now(); now >= l.end()+backlogMax {
			l.skip(i, due, now)
			continue
		}
		err := l.step(ctx, c, n)
		if err == nil {
			l.answer(i, due, l.now())
		} else if !l.failed(ctx, i, due, err) {
			return
		}
	}
}

// failed notes that a call has failed, and reports whether to go on.
func (l *loop) failed(ctx context.Context, i int, due time.Duration, err error) bool {
	if ctx.Err() == nil {
		l.fail(i, due, err)
		return true
	}
	if cause := context.Cause(ctx); cause == errLate || cause == errSilent { // and not the user's wish
		l.fail(i, due, err)
	}
	return false
}

// pause waits for d, or until ctx has ended.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

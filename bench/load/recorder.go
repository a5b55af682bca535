package load

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recorder keeps what callers tell it. Times are since the beginning of the run.
type recorder struct {
	from   time.Duration // what is measured begins here
	to     atomic.Int64  // and ends here: a time.Duration, which an interruption makes shorter
	shards []shard       // of callers, so that they seldom wait for each other

	last    atomic.Int64 // when somebody was answered, exact to answerStep
	silence atomic.Int64 // the longest time of what is measured in which nobody was answered

	total    *hdrhistogram.Histogram // of what was taken from the shards; the run's own
	spare    *hdrhistogram.Histogram // empty
	problems problems
}

// answerStep is how exact the times of silence are. Were they exact, all callers would write to one place at each answer.
const answerStep = time.Millisecond

type shard struct {
	mu         sync.Mutex
	times      *hdrhistogram.Histogram // guarded by mu, as all below; of calls that were due while it was measured
	answered   int64                   // while it was measured, whenever it was due
	failed     int64
	notStarted int64

	_ [64]byte // the next one is on another cache line
}

// newRecorder returns one for a number of callers.
func newRecorder(callers int, from, to time.Duration) *recorder {
	r := &recorder{from: from, total: newHistogram(), spare: newHistogram()}
	r.to.Store(int64(to))
	r.shards = make([]shard, min(callers, 4*runtime.GOMAXPROCS(0)))
	for i := range r.shards {
		r.shards[i].times = newHistogram()
	}
	return r
}

func (r *recorder) end() time.Duration { return time.Duration(r.to.Load()) }

// measured reports whether what is due, or done, at t counts.
func (r *recorder) measured(t time.Duration) bool { return t >= r.from && t < r.end() }

// answer notes that a call of a caller, due at one time, was answered at another.
func (r *recorder) answer(caller int, due, at time.Duration) {
	r.heard(at)
	counted, answered := r.measured(due), r.measured(at)
	if !counted && !answered {
		return
	}
	s := &r.shards[caller%len(r.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if counted {
		record(s.times, at-due)
	}
	if answered {
		s.answered++
	}
}

// fail notes that a call has failed.
func (r *recorder) fail(caller int, due time.Duration, err error) {
	if !r.measured(due) {
		return
	}
	s := &r.shards[caller%len(r.shards)]
	s.mu.Lock()
	s.failed++
	s.mu.Unlock()
	r.problems.note(err)
}

// skip notes that a call was not made until long after the end, because no caller was free: it would have taken longer than
// that.
func (r *recorder) skip(caller int, due, at time.Duration) {
	if !r.measured(due) {
		return
	}
	s := &r.shards[caller%len(r.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notStarted++
	record(s.times, at-due)
}

// heard notes that somebody was answered.
func (r *recorder) heard(at time.Duration) {
	last := r.last.Load()
	if at-time.Duration(last) < answerStep || !r.last.CompareAndSwap(last, int64(at)) {
		return
	}
	r.quiet(time.Duration(last), at)
}

// quiet notes that nobody was answered from one time to another.
func (r *recorder) quiet(from, to time.Duration) {
	gap := int64(min(to, r.end()) - max(from, r.from))
	for {
		longest := r.silence.Load()
		if gap <= longest || r.silence.CompareAndSwap(longest, gap) {
			return
		}
	}
}

// tally is what was counted until now.
type tally struct {
	answered, failed, notStarted int64
}

// collect moves the times of all shards into total, and returns the 99th percentile of those that came since the last time, and
// the counts of all. Only one goroutine may call it.
func (r *recorder) collect() (p99 time.Duration, all tally) {
	recent := newHistogram()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.times, r.spare = r.spare, s.times
		all.answered += s.answered
		all.failed += s.failed
		all.notStarted += s.notStarted
		s.mu.Unlock()
		recent.Merge(r.spare)
		r.spare.Reset()
	}
	r.total.Merge(recent)
	return time.Duration(recent.ValueAtQuantile(99)) * time.Microsecond, all
}

// problems is what has gone wrong, each text once.
type problems struct {
	mu   sync.Mutex
	seen map[string]int // guarded by mu; in which order they came
}

func (p *problems) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) >= problemsMax {
		return
	}
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	if text := err.Error(); p.seen[text] == 0 {
		p.seen[text] = len(p.seen) + 1
	}
}

// texts are the first of them, in the order in which they came.
func (p *problems) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Keys(p.seen), func(a, b string) int { return p.seen[a] - p.seen[b] })
}

// newHistogram counts microseconds up to a minute, to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// record counts a time; one beyond a minute as a minute.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(d, time.Minute).Microseconds()) // in range
}

func quantileMS(h *hdrhistogram.Histogram, percent float64) float64 {
	return float64(h.ValueAtQuantile(percent)) / 1000
}

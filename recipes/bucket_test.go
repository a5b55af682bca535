package recipes

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is processes with clocks that are not quite right, which use one bucket over a network that takes its time.
type world struct {
	t      *testing.T
	random *rand.Rand
	now    time.Duration
	agenda []occurrence // in order
	delay  time.Duration

	state   bucketState
	version int
	takings []taking // in the order in which they were carried out
}

type occurrence struct {
	at time.Duration
	do func()
}

// taking is tokens that were taken, at the true time at which that was decided.
type taking struct {
	at time.Duration
	n  int
}

// process is one of them. Its clock is fast by rate and began when it began.
type process struct {
	world   *world
	rate    float64
	bucket  bucket
	version int // that bucket.state is; 0: none was seen
	asked   int
	think   func() time.Duration // how long it does something else between two callings
	patient bool
}

func newWorld(t *testing.T, seed uint64, delay time.Duration) *world {
	return &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), delay: delay, version: 1,
		state: bucketState{Rate: 10, Burst: 5, Tokens: 5}}
}

func (w *world) after(d time.Duration, do func()) {
	o := occurrence{w.now + d, do}
	i, _ := slices.BinarySearchFunc(w.agenda, o, func(a, b occurrence) int { return cmp.Compare(a.at, b.at) })
	w.agenda = slices.Insert(w.agenda, i, o)
}

func (w *world) run(until time.Duration) {
	for len(w.agenda) > 0 && w.agenda[0].at <= until {
		next := w.agenda[0]
		w.agenda = w.agenda[1:]
		w.now = next.at
		next.do()
	}
}

// travel is how long a message takes.
func (w *world) travel() time.Duration {
	d := time.Duration(w.random.Int64N(int64(w.delay) + 1))
	if w.random.IntN(50) == 0 {
		d *= 20
	}
	return d
}

func (p *process) clock() time.Time {
	return time.Unix(1, 0).Add(time.Duration(float64(p.world.now) * p.rate))
}

// call begins a call for some tokens.
func (p *process) call() {
	p.asked = 1 + p.world.random.IntN(3)
	p.attempt()
}

// attempt is what [RateLimiter.draw] does, once.
func (p *process) attempt() {
	w := p.world
	p.bucket.advance(p.clock())
	total, pause := 0, time.Duration(0)
	if p.version > 0 {
		total, pause = p.bucket.divide([]*drawing{{ctx: context.Background(), n: p.asked, patient: true}})
	}
	if pause > 0 && p.patient {
		w.after(time.Duration(float64(pause)/p.rate)+time.Millisecond, p.attempt)
		return
	}
	decided, old, next := w.now, p.version, p.bucket.after(total)
	w.after(w.travel(), func() { // in the service
		swapped := old == w.version && total > 0
		if swapped {
			w.state, w.version = next, w.version+1
			w.takings = append(w.takings, taking{decided, total})
		}
		state, version := w.state, w.version
		w.after(w.travel(), func() { // back
			p.version = version
			switch {
			case swapped:
				p.bucket.took(total)
				w.after(p.think(), p.call)
			case old == version && total == 0: // not enough, by what is there
				p.bucket.see(state, true, p.clock())
				w.after(p.think(), p.call)
			default:
				p.bucket.see(state, old > 0, p.clock())
				p.attempt()
			}
		})
	})
}

// check compares the takings with a bucket that hears of everything at once.
func (w *world) check() (tokens int) {
	level, last := float64(w.state.Burst), time.Duration(0)
	for _, x := range w.takings {
		if x.at < last {
			w.t.Fatalf("what was decided at %v became known after what was decided at %v", x.at, last)
		}
		level = min(float64(w.state.Burst), level+(x.at-last).Seconds()*w.state.Rate) - float64(x.n)
		if last = x.at; level < -1e-6 {
			w.t.Fatalf("at %v %d tokens were taken, and %.3f of them were not there", x.at, x.n, -level)
		}
		tokens += x.n
	}
	// The same once more, as the promise has it.
	for i := range w.takings {
		sum := 0
		for _, x := range w.takings[i:min(i+200, len(w.takings))] {
			sum += x.n
			if most := float64(w.state.Burst) + (x.at-w.takings[i].at).Seconds()*w.state.Rate; float64(sum) > most+1e-6 {
				w.t.Fatalf("%d tokens from %v to %v", sum, w.takings[i].at, x.at)
			}
		}
	}
	return tokens
}

func TestBucketIsNeverOverdrawn(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(t, seed, time.Duration(seed%7)*20*time.Millisecond)
		for range 1 + w.random.IntN(8) {
			p := &process{world: w, rate: 0.98 + 0.03*w.random.Float64(), patient: w.random.IntN(2) == 0}
			busy := time.Duration(1 + w.random.Int64N(int64(3*time.Second)))
			p.think = func() time.Duration { return time.Duration(w.random.Int64N(int64(busy))) }
			w.after(time.Duration(w.random.Int64N(int64(time.Minute))), p.call)
		}
		w.run(2 * time.Minute)
		w.check()
	}
}

func TestBucketGivesAProcessThatWaitsTheWholeRate(t *testing.T) {
	for _, processes := range []int{1, 2, 16} {
		for _, delay := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
			w := newWorld(t, 1, delay)
			for range processes {
				p := &process{world: w, rate: 1, patient: true, think: func() time.Duration { return 0 }}
				w.after(time.Duration(w.random.Int64N(int64(time.Second))), p.call)
			}
			const length = 200 * time.Second
			w.run(length)
			if got, most := float64(w.check()), w.state.Rate*length.Seconds(); got < 0.9*most {
				t.Errorf("%d processes, messages of %v: %.1f %% of the rate", processes, delay, 100*got/most)
			} else {
				t.Logf("%d processes, messages of %v: %.1f %% of the rate", processes, delay, 100*got/most)
			}
		}
	}
}

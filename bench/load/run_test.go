package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// short is a plan of ten seconds, which take no time in a bubble.
func short(workload string) Plan {
	return Plan{Workload: workload, Clients: 1, Callers: 1, Duration: 10 * time.Second, Warmup: time.Second}
}

func run(t *testing.T, s *fakeService, p Plan) Result {
	t.Helper()
	r, err := Run(t.Context(), s, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.nodes) > 0 {
		t.Errorf("left over: %v", s.nodes)
	}
	return r
}

// near reports whether a figure is what it should be, but for the histogram's three digits and the clock's microseconds.
func near(got, want float64) bool { return math.Abs(got-want) <= 0.002*want+0.001 }

func TestClosedLoopMakesACallWhenTheOneBeforeIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := short("get")
		p.Clients, p.Callers = 4, 2
		r := run(t, &fakeService{takes: 10 * time.Millisecond}, p)
		if !near(r.PerSecond, 800) || !near(r.P50, 10) || !near(r.Max, 10) || r.Errors != 0 || r.Target != "fake" {
			t.Errorf("8 callers, 10 ms each: %+v", r)
		}
	})
}

// stallAt makes all calls that come between two moments wait for the second.
func stallAt(from, to time.Duration) func() <-chan struct{} {
	start := time.Now()
	return func() <-chan struct{} {
		if since := time.Since(start); since < from || since >= to {
			return nil
		}
		over := make(chan struct{})
		time.AfterFunc(to-time.Since(start), func() { close(over) })
		return over
	}
}

// TestAStallCountsForAllCallsThatWereDueInIt: a second in which nothing is answered is one slow call of a closed loop with one
// caller; at a fixed rate it is in the latency of a tenth of all calls of ten seconds, as it is in that of users who do not
// wait for each other.
func TestAStallCountsForAllCallsThatWereDueInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := run(t, &fakeService{takes: time.Millisecond, stalled: stallAt(5*time.Second, 6*time.Second)}, short("set"))
		if !near(closed.P99, 1) || !near(closed.P999, 1) || !near(closed.Max, 1001) {
			t.Errorf("closed loop: p99 %v, p99.9 %v, max %v", closed.P99, closed.P999, closed.Max)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := short("set")
		p.Rate = 100
		open := run(t, &fakeService{takes: time.Millisecond, stalled: stallAt(5*time.Second, 6*time.Second)}, p)
		if !near(open.P50, 1) || open.P99 < 800 || open.P99 > 1000 || !near(open.Max, 1001) {
			t.Errorf("100/s: p50 %v, p99 %v, max %v", open.P50, open.P99, open.Max)
		}
		if open.Operations != 1000 || !near(open.PerSecond, 100) {
			t.Errorf("%d operations, %v/s; 100/s for 10 s were asked", open.Operations, open.PerSecond)
		}
		if silence := open.Figures["silence_ms"]; math.Abs(silence-1000) > 20 {
			t.Errorf("a silence of %v ms", silence)
		}
	})
}

// TestARateThatIsNotReached: what the service does not carry waits, and is in the latency; the rest is told.
func TestARateThatIsNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := short("get")
		p.Rate = 200 // one caller, 10 ms each: 100/s
		r := run(t, &fakeService{takes: 10 * time.Millisecond}, p)
		if !near(r.PerSecond, 100) || r.Rate != 200 {
			t.Errorf("%v of %v/s", r.PerSecond, r.Rate)
		}
		if all := float64(r.Operations) + r.Figures["not_started"]; all != 2000 || r.Figures["not_started"] == 0 {
			t.Errorf("%d calls were made and %v were not; 2000 were due", r.Operations, r.Figures["not_started"])
		}
		if r.P50 < 1000 || r.Max < 5000 {
			t.Errorf("p50 %v, max %v of a backlog of seconds", r.P50, r.Max)
		}
	})
}

func TestErrorsAreCountedAndDoNotEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeService{takes: 10 * time.Millisecond, refuse: func(n int) error {
			if n%10 == 9 {
				return errors.New("not today")
			}
			return nil
		}}
		r := run(t, s, short("get"))
		if r.Errors < 80 || r.Errors > 84 || !slices.Equal(r.Problems, []string{"not today"}) || r.Operations < 9*r.Errors-9 {
			t.Errorf("%d errors, %d operations, %q", r.Errors, r.Operations, r.Problems)
		}
	})
}

// TestNothingWorks: a service that is gone ends the run, with what its last answers were and with its own reason.
func TestNothingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := short("get")
		p.Duration = time.Hour
		s := &fakeService{takes: 10 * time.Millisecond, refuse: func(n int) error {
			if n >= 500 {
				return errors.New("there is no leader")
			}
			return nil
		}}
		start := time.Now()
		r, err := Run(t.Context(), s, p, nil)
		if !errors.Is(err, errSilent) || !strings.Contains(err.Error(), "there is no leader") {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %v to find out", took)
		}
		if r.Operations != 400 { // five seconds, of which one was warm-up
			t.Errorf("%d operations were measured", r.Operations)
		}
	})
}

// TestCallsThatAreNeverAnswered count as errors of a run whose others are.
func TestCallsThatAreNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := short("get")
		p.Clients = 2
		first := true
		never := make(chan struct{})
		s := &fakeService{takes: 10 * time.Millisecond}
		start := time.Now()
		s.stalled = func() <-chan struct{} {
			if time.Since(start) < 2*time.Second || !first {
				return nil
			}
			first = false
			return never
		}
		r := run(t, s, p)
		if r.Errors != 1 || !slices.Equal(r.Problems, []string{errLate.Error()}) {
			t.Errorf("%d errors: %q", r.Errors, r.Problems)
		}
	})
}

// TestAnInterruptedRunTellsWhatItHas and one that is interrupted before anything was measured has nothing to tell.
func TestAnInterruptedRunTellsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ after, seconds time.Duration }{{4 * time.Second, 3 * time.Second}, {time.Second / 2, 0}} {
			ctx, cancel := context.WithTimeout(t.Context(), c.after)
			s := &fakeService{takes: 10 * time.Millisecond}
			r, err := Run(ctx, s, short("get"), nil)
			cancel()
			if (err != nil) != (c.seconds == 0) || math.Abs(r.Seconds-c.seconds.Seconds()) > 0.1 || r.Errors > 0 {
				t.Errorf("after %v: %v s, %d errors, %v", c.after, r.Seconds, r.Errors, err)
			}
			if len(s.nodes) > 0 {
				t.Errorf("left over: %v", s.nodes)
			}
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := short("get")
		p.Warmup = 1500 * time.Millisecond
		var phases []Phase
		_, err := Run(t.Context(), &fakeService{takes: 10 * time.Millisecond}, p, func(p Progress) {
			phases = append(phases, p.Phase)
			if p.Phase == Measuring && (p.PerSecond < 98 || p.PerSecond > 102 || p.P99 < 9*time.Millisecond || p.P99 > 11*time.Millisecond) {
				t.Errorf("told %+v", p)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := append([]Phase{Preparing, Warming}, slices.Repeat([]Phase{Measuring}, 10)...)
		if !slices.Equal(phases, append(want, Clearing)) {
			t.Errorf("the phases are %v", phases)
		}
	})
}

func TestEachWorkloadMeasuresSomething(t *testing.T) {
	for _, w := range Workloads() {
		synctest.Test(t, func(t *testing.T) {
			if w.About == "" {
				t.Errorf("nothing about %s", w.Name)
			}
			p := short(w.Name)
			p.Children = 3
			if r := run(t, &fakeService{takes: time.Millisecond}, p); r.Operations == 0 || r.Workload != w.Name {
				t.Errorf("%s measured %+v", w.Name, r)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	m := Median([]Result{{PerSecond: 3, P50: 1}, {PerSecond: 1, P50: 5}, {PerSecond: 2, P50: 7}}, false)
	if m.PerSecond != 2 || m.P50 != 7 || m.Rounds != 3 || m.PerSecondMin != 1 || m.PerSecondMax != 3 || m.P50Min != 1 || m.P50Max != 7 {
		t.Errorf("by throughput: %+v", m)
	}
	if m := Median([]Result{{PerSecond: 3, P50: 1}, {PerSecond: 1, P50: 5}, {PerSecond: 2, P50: 7}}, true); m.P50 != 5 {
		t.Errorf("by time: %+v", m)
	}
	if m := Median([]Result{{PerSecond: 3}}, false); m.Rounds != 0 {
		t.Errorf("of one: %+v", m)
	}
}

package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// leftOver fails if anything of a measurement is still there.
func leftOver(t *testing.T, c *client.Client) {
	t.Helper()
	names, _, err := c.Children(t.Context(), "/")
	for _, name := range names {
		if strings.HasPrefix(name, "coxbench") {
			t.Errorf("/%s is left over", name)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestWorkloadsOfCoxswain runs each workload for a moment, in both loops.
func TestWorkloadsOfCoxswain(t *testing.T) {
	cluster := servertest.Start(t, 1)
	target := NewCox(cluster.Addrs())
	for _, w := range Workloads() {
		for _, rate := range []float64{0, 200} {
			t.Run(fmt.Sprint(w.Name, " at ", rate), func(t *testing.T) {
				var r Result
				for moment := 100 * time.Millisecond; r.Operations == 0 && moment < 5*time.Second; moment *= 2 { // a busy machine answers late
					var err error
					if r, err = Run(t.Context(), target, Plan{
						Workload: w.Name, Clients: 2, Callers: 2, Rate: rate, Children: 20, Size: 10,
						Duration: moment, Warmup: 20 * time.Millisecond,
					}, nil); err != nil {
						t.Fatal(err)
					}
				}
				if r.Operations == 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Errors > 0 {
					t.Errorf("measured %+v", r)
				}
				leftOver(t, cluster.Client(t))
			})
		}
	}
}

// TestDeleteTreeInParts: what is more than one transaction may delete is removed all the same.
func TestDeleteTreeInParts(t *testing.T) {
	cluster := servertest.Start(t, 1)
	f, err := gather(t.Context(), 1, NewCox(cluster.Addrs()).Dial)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.parent(t.Context(), 3*deletesMax, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.clear(t.Context()); err != nil {
		t.Error(err)
	}
	leftOver(t, cluster.Client(t))
}

func TestUnreachableServersAreNamed(t *testing.T) {
	_, err := Run(t.Context(), NewCox([]string{"127.0.0.1:1", "localhost:2"}), short("set"), nil)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "127.0.0.1:1: ") || !strings.Contains(err.Error(), "localhost:2") {
		t.Errorf("the error is %v", err)
	}
}

func TestNewestNeverGoesBack(t *testing.T) {
	var n newest
	for _, step := range []struct{ noted, want client.Zxid }{{5, 5}, {3, 5}, {5, 5}, {9, 9}} {
		if n.note(step.noted); n.load() != step.want {
			t.Errorf("after %d the newest is %d, not %d", step.noted, n.load(), step.want)
		}
	}
}

var kinds = []watchKind{oneShot, persistent, recursive}

func TestMeasurementsOfWatches(t *testing.T) {
	cluster := servertest.Start(t, 1)
	target := NewCox(cluster.Addrs())
	for _, c := range []Capacity{notify(oneShot), notify(persistent), notify(recursive), resume} {
		t.Run(c.Name, func(t *testing.T) {
			r, err := c.Measure(t.Context(), target, Options{Clients: 2, Watches: 25, Duration: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if r.Operations == 0 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.Max || r.Workload != c.Name || r.Figures["watches"] != 25 {
				t.Errorf("measured %+v", r)
			}
			if first, ok := r.Figures["first_p50_ms"]; ok && (first <= 0 || first > r.P50) {
				t.Errorf("the first was told after %v ms, the last after %v", first, r.P50)
			}
			leftOver(t, cluster.Client(t))
		})
	}
	if _, err := notify(oneShot).Measure(t.Context(), &fakeService{}, Options{}); err == nil || !strings.Contains(err.Error(), "fake has others") {
		t.Errorf("the watches of another service: %v", err)
	}
}

// TestAudienceChecksWhatItWasTold: the times count only if every watch was told of the very change.
func TestAudienceChecksWhatItWasTold(t *testing.T) {
	start := time.Now()
	after := func(ms int, z client.Zxid) listener {
		return listener{at: start.Add(time.Duration(ms) * time.Millisecond), zxid: z}
	}
	a := audience{listeners: []listener{after(3, 7), after(1, 7), after(2, 7)}}
	if first, last, err := a.check(start, 7); first != time.Millisecond || last != 3*time.Millisecond || err != nil {
		t.Errorf("told after %v to %v, %v", first, last, err)
	}
	a.listeners[2].zxid = 6 // told twice of the change before
	if _, _, err := a.check(start, 7); err == nil {
		t.Error("a watch was told of another change, and nobody noticed")
	}
}

// TestNotifyEndsWithItsContext: a measurement that is interrupted, be it while its watches wait, ends at once and clears away
// what it has made.
func TestNotifyEndsWithItsContext(t *testing.T) {
	cluster := servertest.Start(t, 1)
	for _, kind := range kinds {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := notify(kind).Measure(ctx, NewCox(cluster.Addrs()), Options{Clients: 2, Watches: 25, Duration: time.Hour}); err == nil {
			t.Errorf("%s: an hour has passed", kind)
		}
		cancel()
		leftOver(t, cluster.Client(t))
	}
}

// TestNotifyFindsAWatchThatEnds: who is not told any more is an error, and not waited for.
func TestNotifyFindsAWatchThatEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	o := Options{Clients: 2, Watches: 25}
	workers, err := NewCox(cluster.Addrs()).workers(t.Context(), o.Clients+1, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := newAudience(persistent, o, workers)
	ended := make(chan client.Event)
	close(ended)
	for i := range a.listeners {
		a.listeners[i].events, a.listeners[i].why = ended, func() error { return client.ErrTooMany }
		go func() { a.fail(a.listen(t.Context(), &a.listeners[i])) }()
	}
	if _, _, err := a.change(t.Context(), &stopwatch{}); err == nil || !strings.Contains(err.Error(), client.ErrTooMany.Error()) {
		t.Errorf("the error is %v", err)
	}
	if err := workers.clear(t.Context()); err != nil {
		t.Error(err)
	}
}

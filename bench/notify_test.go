package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

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
	c := cluster.Client(t)
	for _, kind := range watchKinds {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		p := short(cluster, "notify")
		p.kind, p.duration = kind, time.Hour
		if _, err := p.run(ctx); err == nil {
			t.Errorf("%s: an hour has passed", kind)
		}
		cancel()
		if _, there, err := c.Exists(t.Context(), root); err != nil || there {
			t.Errorf("%s: %s is still there (%v)", kind, root, err)
		}
	}
}

// TestNotifyFindsAWatchThatEnds: who is not told any more is an error, and not waited for.
func TestNotifyFindsAWatchThatEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	p := short(cluster, "notify")
	p.kind = persistent
	workers, err := p.connect(t.Context(), p.clients+1, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := newAudience(p, workers)
	ended := make(chan client.Event)
	close(ended)
	for i := range a.listeners {
		a.listeners[i].events, a.listeners[i].why = ended, func() error { return client.ErrTooMany }
		go func() { a.fail(a.listen(t.Context(), &a.listeners[i])) }()
	}
	if _, _, err := a.change(t.Context(), &stopwatch{}); err == nil || !strings.Contains(err.Error(), client.ErrTooMany.Error()) {
		t.Errorf("the error is %v", err)
	}
	if err := workers.close(t.Context()); err != nil {
		t.Error(err)
	}
}

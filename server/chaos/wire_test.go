package chaos

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sink keeps what a wire delivers, by the packets' first bytes.
type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p[0])
	return len(p), nil
}

// send passes n packets of 100 bytes, a millisecond apart, over a wire that is looked at each millisecond, and returns which came
// when, in milliseconds behind the first one.
func send(l Link, n int) (came []byte, after []int) {
	var to sink
	w := newWire(&to, rand.New(rand.NewPCG(1, 2)))
	w.set(l)
	start := time.Now()
	for ms := range 10_000 {
		now := start.Add(time.Duration(ms) * time.Millisecond)
		if ms < n {
			p := make([]byte, 100)
			p[0] = byte(ms)
			w.pass(p, now)
		}
		w.deliver(now)
		for len(after) < len(to) {
			after = append(after, ms)
		}
	}
	return to, after
}

func TestWire(t *testing.T) {
	const n = 200
	var all []byte
	for i := range n {
		all = append(all, byte(i))
	}
	t.Run("passes everything on at once", func(t *testing.T) {
		came, after := send(Link{}, n)
		if !slices.Equal(came, all) || after[n-1] != n-1 {
			t.Errorf("%d of %d packets came, the last one after %v ms", len(came), n, after)
		}
	})
	t.Run("loses everything", func(t *testing.T) {
		if came, _ := send(lost, n); len(came) != 0 {
			t.Errorf("%d packets came", len(came))
		}
	})
	t.Run("loses a share", func(t *testing.T) {
		if came, _ := send(Link{Drop: 0.5}, n); len(came) < n/3 || len(came) > 2*n/3 || !slices.IsSorted(came) {
			t.Errorf("%d of %d packets came: %v", len(came), n, came)
		}
	})
	t.Run("delays and keeps the order", func(t *testing.T) {
		came, after := send(Link{Delay: 50 * time.Millisecond, Jitter: 50 * time.Millisecond}, n)
		if !slices.Equal(came, all) || after[0] < 50 || after[n-1] < n+49 || after[n-1] > n+100 {
			t.Errorf("packets %v came after %v ms", came, after)
		}
	})
	t.Run("reorders", func(t *testing.T) {
		came, _ := send(Link{Reorder: 0.1}, n)
		if slices.IsSorted(came) || len(came) != n {
			t.Errorf("packets came in the order %v", came)
		}
	})
	t.Run("doubles", func(t *testing.T) {
		if came, _ := send(Link{Duplicate: 0.5}, n); len(came) < 5*n/4 || len(came) > 7*n/4 {
			t.Errorf("%d packets came of %d", len(came), n)
		}
	})
	t.Run("is narrow", func(t *testing.T) {
		came, after := send(Link{Rate: 10_000}, n) // 100 packets a second
		if !slices.Equal(came, all) || after[0] != 10 || after[n-1] != 10*n {
			t.Errorf("%d packets came, the last one after %d ms", len(came), after[len(after)-1])
		}
	})
	t.Run("holds so many and loses the rest", func(t *testing.T) {
		if came, _ := send(Link{Delay: 5 * time.Second}, queueMax+500); len(came) != queueMax {
			t.Errorf("%d packets came", len(came))
		}
	})
	t.Run("keeps the order when it is healed", func(t *testing.T) {
		var to sink
		w := newWire(&to, rand.New(rand.NewPCG(1, 2)))
		now := time.Now()
		w.set(Link{Delay: time.Second})
		w.pass([]byte{1}, now)
		w.set(Link{})
		w.pass([]byte{2}, now)
		if wait, any := w.deliver(now.Add(time.Second)); any || !slices.Equal(to, []byte{1, 2}) {
			t.Errorf("packets %v came, %v", to, wait)
		}
	})
}

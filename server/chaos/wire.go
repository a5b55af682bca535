package chaos

import (
	"container/heap"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Link is how one direction between two hosts behaves. The zero value passes every packet on at once.
type Link struct {
	Drop      float64 // probability that a packet is lost
	Duplicate float64 // that it comes twice
	Reorder   float64 // that packets behind it may overtake it
	Delay     time.Duration
	Jitter    time.Duration // each packet takes Delay and up to this much more
	Rate      float64       // bytes per second; 0: no limit
}

// wire is one direction between two hosts: it holds packets back and hands them to the receiving device.
type wire struct {
	to   io.Writer
	wake chan struct{} // holds one: the first packet of the queue has changed

	mu     sync.Mutex
	link   Link
	rng    *rand.Rand
	free   time.Time // when the line has sent the newest packet, under Rate
	newest time.Time // when the newest packet that keeps the order is due
	number uint64    // of packets, to keep the order of equal times
	queue  packets
}

func newWire(to io.Writer, rng *rand.Rand) *wire {
	return &wire{to: to, wake: make(chan struct{}, 1), rng: rng}
}

// set changes how the wire behaves from now on. Packets under way arrive as they would have.
func (w *wire) set(l Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link = l
}

// pass takes a packet, which is the caller's again when it returns.
func (w *wire) pass(data []byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.link
	if w.chance(l.Drop) {
		return
	}
	if l == (Link{}) && len(w.queue) == 0 {
		_, _ = w.to.Write(data) // a device that takes nothing loses the packet, as networks do
		return
	}
	copies := 1
	if w.chance(l.Duplicate) {
		copies = 2
	}
	for range copies {
		if len(w.queue) == queueMax {
			return
		}
		w.number++
		heap.Push(&w.queue, packet{w.due(l, len(data), now), w.number, append([]byte(nil), data...)})
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// due is when a packet arrives. The caller holds the lock.
func (w *wire) due(l Link, size int, now time.Time) time.Time {
	sent := now
	if l.Rate > 0 {
		if w.free.After(sent) {
			sent = w.free
		}
		sent = sent.Add(time.Duration(float64(size) / l.Rate * float64(time.Second)))
		w.free = sent
	}
	at := sent.Add(l.Delay)
	if l.Jitter > 0 {
		at = at.Add(time.Duration(w.rng.Int64N(int64(l.Jitter))))
	}
	if w.chance(l.Reorder) {
		return at.Add(reorderBy)
	}
	if at.Before(w.newest) {
		at = w.newest
	}
	w.newest = at
	return at
}

func (w *wire) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// run hands packets over when they are due, until stop is closed.
func (w *wire) run(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		case <-w.wake:
		}
		if wait, any := w.deliver(time.Now()); any {
			timer.Reset(wait)
		}
	}
}

// deliver hands over what is due, and returns the time until the next packet is, if there is one.
func (w *wire) deliver(now time.Time) (wait time.Duration, any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		if wait := w.queue[0].at.Sub(now); wait > 0 {
			return wait, true
		}
		_, _ = w.to.Write(heap.Pop(&w.queue).(packet).data)
	}
	return 0, false
}

type packet struct {
	at     time.Time
	number uint64
	data   []byte
}

// packets is a heap, the earliest first.
type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].at.Before(p[j].at) || p[i].at.Equal(p[j].at) && p[i].number < p[j].number
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := (*p)[len(*p)-1]
	(*p)[len(*p)-1] = packet{}
	*p = (*p)[:len(*p)-1]
	return last
}

package consensus

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkSubmit(b *testing.B) {
	for _, c := range []struct {
		name  string
		bytes int
	}{{"100B", 100}, {"16kB", 16 << 10}} {
		for _, at := range []string{"leader", "follower"} {
			b.Run(c.name+"/"+at, func(b *testing.B) {
				nodes := benchCluster(b)
				leader := leaderOf(b, nodes)
				n := leader
				if at == "follower" {
					n = nodes[slices.IndexFunc(nodes, func(n *node) bool { return n != leader })]
				}
				cmd := make([]byte, c.bytes)
				var times []time.Duration
				for b.Loop() {
					start := time.Now()
					if err := n.log.Submit(b.Context(), cmd); err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(start))
				}
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}

func BenchmarkBarrier(b *testing.B) {
	nodes := benchCluster(b)
	leader := leaderOf(b, nodes)
	follower := nodes[slices.IndexFunc(nodes, func(n *node) bool { return n != leader })]
	for _, waiters := range []struct {
		name string
		n    int
	}{{"1", 1}, {"64", 64}, {"1024", 1024}} {
		for name, n := range map[string]*node{"leader": leader, "follower": follower} {
			b.Run(waiters.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				w := &circle{log: n.log, done: make(chan struct{})}
				w.left.Store(int64(b.N))
				w.open.Store(int64(waiters.n))
				before := n.log.stats.barrierRounds.Get()
				b.ResetTimer()
				for range waiters.n {
					n.log.Barrier(w)
				}
				<-w.done
				b.ReportMetric(float64(b.N)/float64(max(1, n.log.stats.barrierRounds.Get()-before)), "waiters/round")
			})
		}
	}
}

// circle is a waiter that waits again, like that many readers one after the other, until b.N barriers are passed.
type circle struct {
	log  *Log
	left atomic.Int64
	open atomic.Int64
	done chan struct{}
}

func (w *circle) BarrierDone(error) {
	if w.left.Add(-1) > 0 {
		w.log.Barrier(w)
		return
	}
	if w.open.Add(-1) == 0 {
		close(w.done)
	}
}

// benchCluster is three servers whose machines forget.
func benchCluster(b *testing.B) []*node {
	nodes := newCluster(b, 3, nil)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.Logf("three idle logs: heap %.1f MiB", float64(m.HeapAlloc)/(1<<20))
	return nodes
}

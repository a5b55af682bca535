package recipes_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// plant makes n nodes with 100 bytes each, a hundred below each of their parents, which are counted too.
func plant(b *testing.B, c *client.Client, top string, n int) {
	data := make([]byte, 100)
	if _, _, err := c.Create(b.Context(), top, data, client.Parents()); err != nil {
		b.Fatal(err)
	}
	var planting sync.WaitGroup
	for i := range 8 {
		planting.Go(func() {
			for p := i; p < n/100; p += 8 {
				parent := fmt.Sprintf("%s/service-%05d", top, p)
				ops := []client.Op{client.CreateOp(parent, data)}
				for j := range 99 {
					ops = append(ops, client.CreateOp(fmt.Sprintf("%s/instance-%02d", parent, j), data))
				}
				if _, err := c.Multi(b.Context(), ops...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	planting.Wait()
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkCacheBuild is the time in which a cache is filled, from a server in the same process, and the memory that it takes
// for a node with a path of 45 bytes and 100 bytes of data.
func BenchmarkCacheBuild(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, top := dial(b), fmt.Sprintf("/b%03d", trees.Add(1))
			plant(b, c, top, n)
			before := heap()
			for b.Loop() {
				cache, err := recipes.NewCache(b.Context(), c, top)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				v, _ := cache.View()
				b.ReportMetric((heap()-before)/float64(v.Len()), "B/node")
				if v.Len() != n+1 {
					b.Errorf("%d nodes", v.Len())
				}
				cache.Close()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkCacheDelay is how long one change of 100,000 nodes takes to be in the view of a cache whose client is otherwise
// idle: from the call of the writer's Set on, and from its return on, which may be later.
func BenchmarkCacheDelay(b *testing.B) {
	c, writer, top := dial(b), dial(b), fmt.Sprintf("/b%03d", trees.Add(1))
	plant(b, c, top, 100_000)
	cache, err := recipes.NewCache(b.Context(), c, top)
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	data := make([]byte, 100)
	var fromCall, fromReturn []time.Duration
	for i := 0; b.Loop(); i++ {
		path := fmt.Sprintf("%s/service-%05d/instance-%02d", top, i%1000, i%99)
		_, changed := cache.View()
		shown := make(chan time.Time)
		go func() {
			<-changed
			shown <- time.Now()
		}()
		called := time.Now()
		stat, err := writer.Set(b.Context(), path, data)
		if err != nil {
			b.Fatal(err)
		}
		returned, seen := time.Now(), <-shown
		if view, _ := cache.View(); view.Zxid() < stat.Mzxid {
			b.Fatalf("the view is of %d, the set was %d", view.Zxid(), stat.Mzxid)
		}
		fromCall, fromReturn = append(fromCall, seen.Sub(called)), append(fromReturn, seen.Sub(returned))
	}
	for what, all := range map[string][]time.Duration{"call": fromCall, "return": fromReturn} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us-from-"+what)
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us-from-"+what)
	}
}

// BenchmarkCacheFollow is how long a cache of 100,000 nodes takes for one change while they come as fast as one client writes.
func BenchmarkCacheFollow(b *testing.B) {
	c, writer, top := dial(b), dial(b), fmt.Sprintf("/b%03d", trees.Add(1))
	plant(b, c, top, 100_000)
	cache, err := recipes.NewCache(b.Context(), c, top)
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	data := make([]byte, 100)
	b.ResetTimer()
	var writing sync.WaitGroup
	for w := range 64 {
		writing.Go(func() {
			for i := w; i < b.N; i += 64 {
				path := fmt.Sprintf("%s/service-%05d/instance-%02d", top, i*7919%1000, i%99)
				if _, err := writer.Set(b.Context(), path, data); err != nil {
					b.Error(err)
				}
			}
		})
	}
	writing.Wait()
	if err := cache.Wait(b.Context(), writer.LastZxid()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkViewGet(b *testing.B) {
	c, top := dial(b), fmt.Sprintf("/b%03d", trees.Add(1))
	plant(b, c, top, 100_000)
	cache, err := recipes.NewCache(b.Context(), c, top)
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	paths := make([]string, 1<<12)
	for i := range paths {
		paths[i] = fmt.Sprintf("%s/service-%05d/instance-%02d", top, i*7919%1000, i%99)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v, _ := cache.View()
		if _, ok := v.Get(paths[i%len(paths)]); !ok {
			b.Fatal(paths[i%len(paths)])
		}
	}
}

package znode

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchPaths returns the paths of n leaves, a thousand (or all, if fewer) below
// each parent, and of the parents.
func benchPaths(n int) (parents, leaves []string) {
	per := min(n, 1000)
	for p := range (n + per - 1) / per {
		parent := fmt.Sprintf("/p%06d", p)
		parents = append(parents, parent)
		for c := range per {
			leaves = append(leaves, fmt.Sprintf("%s/c%06d", parent, c))
		}
	}
	return parents, leaves
}

// benchData returns 100 bytes of its own for each call, as decoders do.
func benchData() []byte { return make([]byte, 100) }

func benchTree(b *testing.B, n int) (tree *Tree, parents, leaves []string, zxid *Zxid) {
	b.Helper()
	parents, leaves = benchPaths(n)
	tree, zxid = NewTree(), new(Zxid)
	for _, paths := range [][]string{parents, leaves} {
		for _, path := range paths {
			benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: path, Data: benchData()})
		}
	}
	return tree, parents, leaves, zxid
}

func benchApply(b *testing.B, tree *Tree, zxid *Zxid, op Op) {
	*zxid++
	var results [1]Result
	var changes [1]Change
	ops := [1]Op{op}
	if _, _, err := tree.Apply(Txn{Zxid: *zxid, TimeMS: 1, ClockMS: 1}, ops[:], results[:0], changes[:0]); err != nil {
		b.Fatal(err)
	}
}

// requests returns a function that gives paths in an order without locality, the
// same in each run. They are copies that lie in memory in that order: the path of
// a request that was just decoded is warm too, only the tree is not.
func requests(paths []string) func() string {
	shuffled := slices.Clone(paths)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	for i, path := range shuffled {
		shuffled[i] = strings.Clone(path)
	}
	i := -1
	return func() string {
		i = (i + 1) % len(shuffled)
		return shuffled[i]
	}
}

var benchSizes = []int{1_000, 1_000_000}

// BenchmarkOps measures one operation at two sizes of the tree; the ratio of the
// two is what growth costs.
func BenchmarkOps(b *testing.B) {
	for _, size := range benchSizes {
		tree, parents, leaves, zxid := benchTree(b, size)
		b.Run(fmt.Sprintf("get/nodes=%d", size), func(b *testing.B) {
			next := requests(leaves)
			for b.Loop() {
				if tree.Get(next()) == nil {
					b.Fatal("absent")
				}
			}
		})
		b.Run(fmt.Sprintf("set/nodes=%d", size), func(b *testing.B) {
			next, data := requests(leaves), benchData()
			b.ReportAllocs()
			for b.Loop() {
				benchApply(b, tree, zxid, Op{Kind: OpSet, Path: next(), Data: data})
			}
		})
		b.Run(fmt.Sprintf("create-delete/nodes=%d", size), func(b *testing.B) {
			// Pairs, so that the tree keeps its size.
			names := make([]string, len(parents))
			for i, p := range parents {
				names[i] = p + "/c000500x"
			}
			next, data := requests(names), benchData()
			b.ReportAllocs()
			for b.Loop() {
				name := next()
				benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: name, Data: data})
				benchApply(b, tree, zxid, Op{Kind: OpDelete, Path: name})
			}
		})
		b.Run(fmt.Sprintf("list-1000/nodes=%d", size), func(b *testing.B) {
			next, bytes := requests(parents), 0
			for b.Loop() {
				tree.Children(next(), "", func(name string, child *Node) bool {
					bytes += len(name) + len(child.Data())
					return true
				})
			}
		})
	}
}

// BenchmarkCreate measures creates that grow the tree, in its usual order and
// sequential.
func BenchmarkCreate(b *testing.B) {
	_, leaves := benchPaths(1_000_000)
	for _, mode := range []Mode{ModePersistent, ModePersistentSequential} {
		b.Run(mode.String(), func(b *testing.B) {
			var tree *Tree
			var zxid *Zxid
			next := len(leaves)
			b.ReportAllocs()
			for b.Loop() {
				if next == len(leaves) {
					b.StopTimer()
					tree, zxid, next = NewTree(), new(Zxid), 0
					parents, _ := benchPaths(1_000_000)
					for _, p := range parents {
						benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: p})
					}
					b.StartTimer()
				}
				benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: leaves[next], Mode: mode, Data: nil})
				next++
			}
		})
	}
}

// BenchmarkTree measures the tree operations with as many nodes as they may take.
// The longest of all runs is what readers have to wait at worst.
func BenchmarkTree(b *testing.B) {
	shapes := map[string]func(i int) string{
		"wide": func(i int) string { return fmt.Sprintf("/t/d%02d/n%06d", i/1000, i) },
		"flat": func(i int) string { return fmt.Sprintf("/t/n%06d", i) },
		"deep": func(i int) string { return fmt.Sprintf("/t/c%03d%s", i/200, strings.Repeat("/d", i%200)) },
	}
	for _, shape := range []string{"wide", "flat", "deep"} {
		tree, zxid := NewTree(), new(Zxid)
		for i := 0; ; i++ {
			benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: shapes[shape](i), Flags: CreateParents, Data: benchData()})
			if n, _ := tree.Descendants("/t"); n >= MaxTreeNodes/2-2 {
				break
			}
		}
		benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: "/all"})
		benchApply(b, tree, zxid, Op{Kind: OpCopyTree, Path: "/t", To: "/all/t"})
		benchApply(b, tree, zxid, Op{Kind: OpCopyTree, Path: "/t", To: "/all/u"})
		ops := []Op{
			{Kind: OpMoveTree, Path: "/t", To: "/moved"},
			{Kind: OpMoveTree, Path: "/moved", To: "/t"},
			{Kind: OpCopyTree, Path: "/all", To: "/copy"},
			{Kind: OpDeleteTree, Path: "/copy"},
		}
		b.Run(shape, func(b *testing.B) {
			sums, longest := make([]time.Duration, len(ops)), make([]time.Duration, len(ops))
			b.ReportAllocs()
			for b.Loop() {
				for i, op := range ops {
					start := time.Now()
					benchApply(b, tree, zxid, op)
					took := time.Since(start)
					sums[i], longest[i] = sums[i]+took, max(longest[i], took)
				}
			}
			for i, op := range ops[1:] {
				name := strings.TrimSuffix(op.Kind.String(), " tree")
				b.ReportMetric(float64(sums[i+1].Microseconds())/1000/float64(b.N), "ms-"+name)
				b.ReportMetric(float64(longest[i+1].Microseconds())/1000, "ms-"+name+"-longest")
			}
		})
	}
}

// BenchmarkWalk measures a page of a hundred nodes in the middle of a million.
func BenchmarkWalk(b *testing.B) {
	tree, _, leaves, _ := benchTree(b, 1_000_000)
	next := requests(leaves)
	for b.Loop() {
		n := 0
		tree.Walk("/", next(), func(*Node) bool { n++; return n < 100 })
	}
}

// BenchmarkListLarge lists one directory of 100,000 children.
func BenchmarkListLarge(b *testing.B) {
	tree, zxid := NewTree(), new(Zxid)
	for range 100_000 {
		benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: "/n-", Mode: ModePersistentSequential, Data: benchData()})
	}
	for b.Loop() {
		n := 0
		tree.Children("/", "", func(string, *Node) bool { n++; return true })
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}

// BenchmarkMemory reports the live heap per node, data of 100 bytes (112 with the
// allocator's rounding) and path included.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, size := range []int{200_000, 1_000_000} {
		b.Run(fmt.Sprintf("nodes=%d", size), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				tree, zxid := NewTree(), new(Zxid)
				for p := range size / 1000 {
					parent := fmt.Sprintf("/p%06d", p)
					benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: parent})
					for c := range 1000 {
						benchApply(b, tree, zxid, Op{Kind: OpCreate, Path: fmt.Sprintf("%s/c%06d", parent, c), Data: benchData()})
					}
				}
				total := float64(heap()-before) / float64(tree.Len())
				b.ReportMetric(total, "B/node")
				b.ReportMetric(total-112, "B/node-beyond-data")
				runtime.KeepAlive(tree)
			}
		})
	}
}

// BenchmarkSnapshot reports the pauses of snapshots of a million nodes, each the
// longest of all that were made: of opening one, of its reader holding the lock,
// and of a batch of 1000 writes right before and right after it was opened.
func BenchmarkSnapshot(b *testing.B) {
	tree, _, leaves, zxid := benchTree(b, 1_000_000)
	next, data := requests(leaves), benchData()
	batch := func() time.Duration {
		start := time.Now()
		for range 1000 {
			benchApply(b, tree, zxid, Op{Kind: OpSet, Path: next(), Data: data})
		}
		return time.Since(start)
	}
	var open, before, after, shard time.Duration
	for b.Loop() {
		before = max(before, batch())
		start := time.Now()
		s := tree.Snapshot()
		open = max(open, time.Since(start))
		after = max(after, batch())
		for i := range s.Shards() {
			start := time.Now()
			s.Shard(i)
			shard = max(shard, time.Since(start))
			s.Sort(i)
		}
		s.Close()
	}
	b.ReportMetric(float64(open.Microseconds()), "µs-open")
	b.ReportMetric(float64(before.Microseconds()), "µs-batch-before")
	b.ReportMetric(float64(after.Microseconds()), "µs-batch-after")
	b.ReportMetric(float64(shard.Microseconds()), "µs-shard")
}

// BenchmarkLoad measures making a tree of records, per node.
func BenchmarkLoad(b *testing.B) {
	tree, _, _, _ := benchTree(b, 1_000_000)
	var records []Record
	s := tree.Snapshot()
	for i := range s.Shards() {
		s.Shard(i)
		for _, n := range s.Sort(i) {
			records = append(records, n.Record())
		}
	}
	s.Close()
	for b.Loop() {
		l := NewLoader()
		for _, r := range records {
			if err := l.Add(r); err != nil {
				b.Fatal(err)
			}
		}
		loaded, err := l.Finish()
		if err != nil || loaded.Digest() != tree.Digest() {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(records)), "ns/node")
}

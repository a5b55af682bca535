package state

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// benchReplica is a replica with nodes of 100 bytes, a thousand below each parent, all made by one session.
func benchReplica(b *testing.B, nodes int) (r *replica, id session.ID, paths []string) {
	b.Helper()
	r = newReplica(b)
	id = r.open(10_000)
	seq := session.Seq(0)
	var batch Batch
	write := func(path string, data []byte) {
		seq++
		req := wire.Request{Kind: wire.Create, Xid: 1, Seq: seq, Ack: seq - 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: path, Data: data}}}
		batch.Write(id, wire.CodeOK, wire.AppendRequest(nil, &req)[4:])
		if batch.Len() == 512 {
			benchApply(b, r.s, batch.Entry(nil, r.header), nil)
			batch.Reset(1 << 20)
		}
	}
	write("/app", nil)
	data := bytes.Repeat([]byte{'x'}, 100)
	for i := range nodes {
		parent := fmt.Sprintf("/app/items-%06d", i/1000)
		if i%1000 == 0 {
			write(parent, nil)
		}
		path := fmt.Sprintf("%s/item-%06d", parent, i)
		paths = append(paths, path)
		write(path, data)
	}
	benchApply(b, r.s, batch.Entry(nil, r.header), nil)
	if got := r.s.Tree().Len(); got != int64(1+nodes+(nodes+999)/1000) {
		b.Fatalf("%d nodes", got)
	}
	return r, id, paths
}

// benchApply applies an entry, and fails if an effect is wrong; nil: none is.
func benchApply(b *testing.B, s *State, entry []byte, wrong func(*Effect) bool) {
	_, n := s.Begin(entry)
	for range n {
		effects := s.Step()
		for i := range effects {
			if wrong != nil && wrong(&effects[i]) {
				b.Fatal(describe(effects[i]))
			}
		}
	}
}

// BenchmarkApply is what one write costs in an entry of 1, 32 and 512 of as many sessions, its decoding and its reply
// included. create-delete is a pair of an ephemeral node, for two writes.
func BenchmarkApply(b *testing.B) {
	r, _, paths := benchReplica(b, 100_000)
	data := bytes.Repeat([]byte{'y'}, 100)
	var ids []session.ID
	for range 512 {
		ids = append(ids, r.open(10_000))
	}
	seqs := make([]session.Seq, len(ids))
	made := 0
	set := func(int) []znode.Op {
		made++
		return []znode.Op{{Kind: znode.OpSet, Path: paths[made*7919%len(paths)], Data: data}}
	}
	sorts := []struct {
		name string
		ops  func(i int) []znode.Op // of the next writes of a session
	}{
		{"set", set},
		{"create", func(int) []znode.Op {
			made++
			return []znode.Op{{Kind: znode.OpCreate, Path: fmt.Sprintf("/app/items-%06d/made-%09d", made%100, made), Data: data}}
		}},
		{"create-delete", func(i int) []znode.Op {
			path := fmt.Sprintf("/app/items-%06d/worker-%06d", i%100, i)
			return []znode.Op{{Kind: znode.OpCreate, Path: path, Data: data, Mode: znode.ModeEphemeral}, {Kind: znode.OpDelete, Path: path}}
		}},
	}
	refused := func(e *Effect) bool { return e.Kind == Replied && e.Reply[0] != 0 }
	for _, sort := range sorts {
		for _, size := range []int{1, 32, 512} {
			b.Run(fmt.Sprintf("%s/batch=%d", sort.name, size), func(b *testing.B) {
				const prepared = 1 << 12
				var entries [][]byte
				next := 0
				b.ReportAllocs()
				for done := 0; done < b.N; done += size {
					if next == len(entries) { // encoding them is not what is measured
						b.StopTimer()
						entries, next = entries[:0], 0
						for i, id := range ids { // an earlier run may not have used all that it had prepared
							info, _ := r.s.Sessions().Get(id)
							seqs[i] = info.Last
						}
						for range max(1, prepared/size) {
							var batch Batch
							for i := range size {
								for _, op := range sort.ops(i) {
									seqs[i]++
									req := wire.Request{Kind: wire.Kind(op.Kind), Xid: 1, Seq: seqs[i], Ack: seqs[i] - 1, Ops: []znode.Op{op}}
									batch.Write(ids[i], wire.CodeOK, wire.AppendRequest(nil, &req)[4:])
								}
							}
							entries = append(entries, batch.Entry(nil, r.header))
						}
						b.StartTimer()
					}
					benchApply(b, r.s, entries[next], refused)
					next++
				}
			})
		}
	}
}

// BenchmarkSnapshot is taking, writing and restoring a snapshot of a million nodes, in ns a node, and the longest that
// anything waits for it: while it is taken, while a shard is copied, and while it is closed.
func BenchmarkSnapshot(b *testing.B) {
	r, _, _ := benchReplica(b, 1_000_000)
	nodes := float64(r.s.Tree().Len())
	var written bytes.Buffer
	snapshot := r.s.Snapshot()
	if err := snapshot.WriteTo(&written, new(sync.Mutex), nil); err != nil {
		b.Fatal(err)
	}
	snapshot.Close()
	b.Run("write", func(b *testing.B) {
		var pauses pauses
		b.ReportAllocs()
		for b.Loop() {
			pauses.Lock()
			snapshot := r.s.Snapshot()
			pauses.Unlock()
			if err := snapshot.WriteTo(io.Discard, &pauses, nil); err != nil {
				b.Fatal(err)
			}
			pauses.Lock()
			snapshot.Close()
			pauses.Unlock()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/nodes, "ns/node")
		b.ReportMetric(float64(written.Len())/nodes, "B/node")
		b.ReportMetric(float64(pauses.longest.Microseconds()), "µs-pause")
	})
	digest := r.s.Digest()
	r = nil // a server that starts has no state yet
	runtime.GC()
	b.Run("restore", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := Restore(bytes.NewReader(written.Bytes()))
			if err != nil || s.Digest() != digest {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/nodes, "ns/node")
	})
}

// pauses is a lock that knows the longest time for which it was held.
type pauses struct {
	sync.Mutex
	since   time.Time
	longest time.Duration
}

func (p *pauses) Lock() {
	p.Mutex.Lock()
	p.since = time.Now()
}

func (p *pauses) Unlock() {
	p.longest = max(p.longest, time.Since(p.since))
	p.Mutex.Unlock()
}

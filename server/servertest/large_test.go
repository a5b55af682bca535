package servertest_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
	"github.com/coxswain-io/coxswain/wire"
)

var children = flag.Int("children", 20_000, "how many children the parent of TestLargeParent has")

const (
	// opsPerMulti and multisAtOnce make a large parent in a short time: 4 MiB of log entries are under way, and the recorded
	// replies stay below what a session may have.
	opsPerMulti  = 500
	multisAtOnce = 8

	// listerBytesMax is what a client may hold while it lists, whatever the length of the list: a page as it came and as it
	// was decoded, a buffer that grew to it, and what a client has anyway.
	listerBytesMax = 8 << 20
)

// TestLargeParent: a node with very many children is listed in pages, each a frame of bounded size, of names only, with stats
// or with data: nothing is missing, nothing is there twice, and the lister holds about a page.
func TestLargeParent(t *testing.T) {
	cluster := servertest.Start(t, 3)
	began := time.Now()
	makeChildren(t, cluster, *children)
	t.Logf("%d children made in %v, %d in one transaction", *children, time.Since(began).Round(time.Millisecond), opsPerMulti)

	var largest atomic.Int64
	lister := cluster.Client(t, measured(&largest))
	for _, sort := range []struct {
		name    string
		options []client.ReadOption
		wrong   func(i int, child *client.Child) bool
	}{
		{"names", nil, func(_ int, child *client.Child) bool { return child.Data != nil || child.Stat != client.Stat{} }},
		{"stats", []client.ReadOption{client.WithStats()}, func(i int, child *client.Child) bool {
			return child.Data != nil || child.Stat.Czxid == 0 || child.Stat.DataLength != int64(len(childData(i)))
		}},
		{"data", []client.ReadOption{client.WithData()}, func(i int, child *client.Child) bool {
			return string(child.Data) != childData(i) || child.Stat != client.Stat{}
		}},
		{"stats and data", []client.ReadOption{client.WithStats(), client.WithData()}, func(i int, child *client.Child) bool {
			return string(child.Data) != childData(i) || child.Stat.Czxid == 0
		}},
	} {
		t.Run(sort.name, func(t *testing.T) {
			l := listing{t: t, client: lister, options: sort.options, wrong: sort.wrong}
			l.run()
			t.Logf("%v; the largest frame so far %d bytes", &l, largest.Load())
		})
	}
	if largest.Load() > wire.ReplyFrameMax {
		t.Errorf("a frame has %d bytes", largest.Load())
	}
	t.Run("memory", func(t *testing.T) {
		defer profileAll()() // which makes it slow
		l := listing{t: t, client: cluster.Client(t), look: max(1, *children/looksAtMemory)}
		l.options = []client.ReadOption{client.WithStats(), client.WithData()}
		l.run()
		if t.Logf("at most %d bytes held", l.held); l.held > listerBytesMax {
			t.Error("which is too much")
		}
	})

	began = time.Now()
	n, err := lister.Descendants(t.Context(), "/large")
	must(t, err)
	if n != int64(*children) {
		t.Errorf("%d descendants", n)
	}
	t.Logf("Descendants in %v", time.Since(began))
	began = time.Now()
	names, stat, err := lister.Children(t.Context(), "/large")
	must(t, err)
	if len(names) != *children || stat.NumChildren != int64(*children) {
		t.Errorf("%d names, %d by the stat", len(names), stat.NumChildren)
	}
	t.Logf("Children, all at once, in %v", time.Since(began))
	began, i := time.Now(), 0
	for child, err := range lister.ChildrenSeq(t.Context(), "/large") {
		if err != nil || child.Name != childName(i) {
			t.Fatalf("child %d is %s (%v)", i, child.Name, err)
		}
		i++
	}
	t.Logf("ChildrenSeq of %d in %v", i, time.Since(began))
	began, i = time.Now(), -1 // the parent comes first
	for entry, err := range lister.List(t.Context(), "/large") {
		if err != nil || i >= 0 && entry.Path != "/large/"+childName(i) {
			t.Fatalf("entry %d is %s (%v)", i, entry.Path, err)
		}
		i++
	}
	if i != *children {
		t.Errorf("a list below the parent has %d entries", i)
	}
	t.Logf("List of %d in %v", i, time.Since(began))
}

// measured stores the size of the largest frame that a client gets.
func measured(largest *atomic.Int64) func(*client.Config) {
	return tapped(func() (up, down frames) {
		return asItIs, func(body []byte) []byte {
			largest.Store(max(largest.Load(), int64(len(body))))
			return asItIs(body)
		}
	})
}

// TestPagesOfLargeValues: a page of data is a frame of bounded size also when the largest values that there are come behind
// many small ones.
func TestPagesOfLargeValues(t *testing.T) {
	cluster := servertest.Start(t, 3)
	var largest atomic.Int64
	c := cluster.Client(t, measured(&largest))
	const small, large = 1500, 6
	makeChildren(t, cluster, small)
	value := bytes.Repeat([]byte{'x'}, wire.DataMax)
	for i := small; i < small+large; i++ {
		_, _, err := c.Create(t.Context(), "/large/"+childName(i), value)
		must(t, err)
	}
	i := 0
	for child, err := range c.ChildrenSeq(t.Context(), "/large", client.WithData(), client.WithStats()) {
		must(t, err)
		want := childData(i)
		if i >= small {
			want = string(value)
		}
		if child.Name != childName(i) || string(child.Data) != want {
			t.Fatalf("child %d is %s with %d bytes", i, child.Name, len(child.Data))
		}
		i++
	}
	if i != small+large || largest.Load() > wire.ReplyFrameMax {
		t.Errorf("%d children, the largest frame had %d bytes", i, largest.Load())
	}
	t.Logf("the largest frame had %d bytes", largest.Load())
}

func childName(i int) string { return fmt.Sprintf("child-%07d", i) }

func childData(i int) string { return fmt.Sprintf("the data of child %d", i) }

// makeChildren makes the children of /large in no particular order.
func makeChildren(t *testing.T, cluster *servertest.Cluster, n int) {
	maker := cluster.Client(t)
	_, _, err := maker.Create(t.Context(), "/large", nil)
	must(t, err)
	var making sync.WaitGroup
	chunks, errs := make(chan int), make([]error, multisAtOnce)
	for m := range multisAtOnce {
		making.Go(func() {
			for from := range chunks {
				if errs[m] == nil {
					errs[m] = makeChunk(t.Context(), maker, from, min(from+opsPerMulti, n))
				}
			}
		})
	}
	for from := 0; from < n; from += opsPerMulti {
		chunks <- from
	}
	close(chunks)
	making.Wait()
	must(t, errors.Join(errs...))
	must(t, maker.Close(t.Context()))
}

func makeChunk(ctx context.Context, c *client.Client, from, to int) error {
	var ops []client.Op
	for i := from; i < to; i++ {
		ops = append(ops, client.CreateOp("/large/"+childName(i), []byte(childData(i))))
	}
	_, err := c.Multi(ctx, ops...)
	return err
}

// listing is one listing of all children by pages.
type listing struct {
	t       *testing.T
	client  *client.Client
	options []client.ReadOption
	wrong   func(i int, child *client.Child) bool // nil: none is
	look    int                                   // the client's memory is looked at each time that so many more are listed; 0: never

	count, pages int
	most         int             // children in one page
	took         []time.Duration // each page
	held         uint64          // by the client, the most of all looks
}

// looksAtMemory is how often the memory of one listing is looked at, which takes long when there is much.
const looksAtMemory = 4

func (l *listing) run() {
	for after, more := "", true; more; {
		began := time.Now()
		page, err := l.client.ChildrenPage(l.t.Context(), "/large", after, 0, l.options...)
		must(l.t, err)
		l.took = append(l.took, time.Since(began))
		if page.Stat.NumChildren != int64(*children) {
			l.t.Fatalf("the parent has %d children by its stat", page.Stat.NumChildren)
		}
		for i := range page.Children {
			child := &page.Children[i]
			if child.Name != childName(l.count) || l.wrong != nil && l.wrong(l.count, child) {
				l.t.Fatalf("child %d is %+v", l.count, child)
			}
			l.count++
		}
		after, more = strings.Clone(page.Children[len(page.Children)-1].Name), page.More
		l.pages++
		l.most = max(l.most, len(page.Children))
		if l.look > 0 && (l.count-len(page.Children))/l.look != l.count/l.look {
			own, _ := clientBytes()
			l.held = max(l.held, own)
			runtime.KeepAlive(page)
		}
	}
	if l.count != *children {
		l.t.Errorf("%d children were listed", l.count)
	}
}

// String tells the figures in one line. A garbage collection of three servers in this process makes single pages slow.
func (l *listing) String() string {
	slices.Sort(l.took)
	var all time.Duration
	for _, d := range l.took {
		all += d
	}
	return fmt.Sprintf("%d children in %v, %d pages of at most %d, half of them in less than %v, the slowest %v",
		l.count, all.Round(time.Millisecond), l.pages, l.most,
		l.took[len(l.took)/2].Round(time.Microsecond), l.took[len(l.took)-1].Round(time.Microsecond))
}

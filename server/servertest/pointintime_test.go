package servertest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

const (
	// pointParents and pointChildren are the tree that is listed while it changes: some thousand nodes, many pages.
	pointParents, pointChildren = 20, 100

	// pointBetween is how many transactions there are between two pages, at least.
	pointBetween = 5

	// pointWriters is how many change it at once, pointLists how often it is listed meanwhile, and pointPage how many nodes a
	// page has.
	pointWriters, pointLists, pointPage = 6, 4, 150
)

// TestListShowsOnePointInTime: a recursive list of many pages is exactly the tree after the transaction that it names, although
// writers set, create, delete and move nodes between the pages, and the client has to change its connection.
func TestListShowsOnePointInTime(t *testing.T) {
	cluster := servertest.Start(t, 3)
	h := &history{}
	writer, lister := cluster.Client(t), cluster.Client(t)
	h.begin(t, writer)
	var writing sync.WaitGroup
	stop := make(chan struct{})
	for i := range pointWriters {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := h.change(t.Context(), writer, random, fmt.Sprintf("%d-%d", i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	type list struct {
		zxid, behind client.Zxid // behind: the newest transaction when it was complete
		entries      []client.Entry
		took         time.Duration
	}
	var lists []list
	for n := range pointLists {
		began := time.Now()
		var l list
		for after, more := "", true; more; {
			options := []client.ReadOption{client.WithData(), client.WithStats()}
			if after != "" {
				options = append(options, client.AsOf(l.zxid))
			}
			page, err := lister.ListPage(t.Context(), "/tree", after, pointPage, options...)
			must(t, err)
			if after != "" && page.Zxid != l.zxid {
				t.Fatalf("a page as of %d shows %d", l.zxid, page.Zxid)
			}
			l.zxid, l.entries = page.Zxid, append(l.entries, page.Entries...)
			after, more = page.Entries[len(page.Entries)-1].Path, page.More
			h.await(t, h.length()+pointBetween)
			if n%2 == 1 && len(l.entries)%(4*pointPage) == 0 {
				cluster.CutClients(int(lister.Session().Server) - 1)
			}
		}
		must(t, lister.Sync(t.Context()))
		l.behind, l.took = lister.LastZxid(), time.Since(began)
		lists = append(lists, l)
	}
	close(stop)
	writing.Wait()
	for _, l := range lists {
		h.compare(t, l.zxid, l.entries)
		t.Logf("%d nodes as of zxid %d in %v; %d transactions meanwhile",
			len(l.entries), l.zxid, l.took.Round(time.Millisecond), l.behind-l.zxid)
		if l.behind == l.zxid {
			t.Error("nothing has changed while the tree was listed")
		}
	}
}

// history is all transactions that have changed the tree, by their answers.
type history struct {
	mu      sync.Mutex
	changes []change
}

// change is what one transaction has done.
type change struct {
	zxid  client.Zxid
	sets  map[string]string // data by path, of nodes that were created or set
	gone  []string          // nodes that are no more
	moves [][2]string       // from and to, one after another
}

func (h *history) add(c change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, c)
}

func (h *history) begin(t *testing.T, c *client.Client) {
	var zxid client.Zxid
	create := func(path string) {
		_, _, err := c.Create(t.Context(), path, []byte(path), client.WithZxid(&zxid))
		must(t, err)
		h.add(change{zxid: zxid, sets: map[string]string{path: path}})
	}
	create("/tree")
	for i := range pointParents {
		parent := fmt.Sprintf("/tree/parent-%d", i)
		create(parent)
		first := change{sets: map[string]string{}}
		ops := make([]client.Op, pointChildren)
		for j := range ops {
			path := fmt.Sprintf("%s/%d", parent, j)
			ops[j], first.sets[path] = client.CreateOp(path, []byte(path), client.WithZxid(&first.zxid)), path
		}
		_, err := c.Multi(t.Context(), ops...)
		must(t, err)
		h.add(first)
	}
}

func (h *history) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.changes)
}

// await waits until there are so many changes.
func (h *history) await(t *testing.T, n int) {
	t.Helper()
	ticker, deadline := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer ticker.Stop()
	for h.length() < n {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("the writers do not write")
		}
	}
}

// change changes something at random. Writers are in each other's way, which is no error.
func (h *history) change(ctx context.Context, c *client.Client, random *rand.Rand, data string) error {
	parent := func() string { return fmt.Sprintf("/tree/parent-%d", random.IntN(pointParents)) }
	child := func() string { return fmt.Sprintf("%s/%d", parent(), random.IntN(2*pointChildren)) }
	one, two := child(), child()
	done := change{}
	var err error
	switch random.IntN(6) {
	case 0:
		_, err = c.Set(ctx, one, []byte(data), client.WithZxid(&done.zxid))
		done.sets = map[string]string{one: data}
	case 1:
		_, _, err = c.Create(ctx, one, []byte(data), client.WithZxid(&done.zxid))
		done.sets = map[string]string{one: data}
	case 2:
		err = c.Delete(ctx, one, client.WithZxid(&done.zxid))
		done.gone = []string{one}
	case 3:
		_, err = c.Multi(ctx, client.SetOp(one, []byte(data), client.WithZxid(&done.zxid)), client.CreateOp(two, []byte(data)))
		done.sets = map[string]string{one: data, two: data}
	case 4:
		// Two parents change places, each with all that is below it.
		a, b, aside := parent(), parent(), "/tree/aside-"+data
		if a == b {
			return nil
		}
		done.moves = [][2]string{{a, aside}, {b, a}, {aside, b}}
		_, err = c.Multi(ctx, client.MoveTreeOp(a, aside, client.WithZxid(&done.zxid)),
			client.MoveTreeOp(b, a), client.MoveTreeOp(aside, b))
	case 5:
		path := one + "/below"
		_, _, err = c.Create(ctx, path, []byte(data), client.WithZxid(&done.zxid))
		done.sets = map[string]string{path: data}
	}
	switch {
	case err == nil:
		h.add(done)
	case errors.Is(err, client.ErrNoNode), errors.Is(err, client.ErrNodeExists), errors.Is(err, client.ErrNotEmpty):
		err = nil
	}
	return err
}

// compare checks that a list is the tree after a transaction.
func (h *history) compare(t *testing.T, zxid client.Zxid, entries []client.Entry) {
	t.Helper()
	slices.SortFunc(h.changes, func(a, b change) int { return cmp.Compare(a.zxid, b.zxid) })
	tree := map[string]string{}
	for i, c := range h.changes {
		if c.zxid > zxid {
			break
		}
		if i > 0 && c.zxid == h.changes[i-1].zxid {
			t.Fatalf("two transactions have the zxid %d", c.zxid)
		}
		c.apply(tree)
	}
	// A node comes before its children, siblings come in the order of their names' bytes.
	want := slices.SortedFunc(maps.Keys(tree), func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	if len(entries) != len(want) {
		t.Errorf("the list as of zxid %d has %d nodes, the tree had %d", zxid, len(entries), len(want))
	}
	for i := range min(len(entries), len(want)) {
		e := &entries[i]
		if e.Path != want[i] || string(e.Data) != tree[want[i]] || e.Stat.Mzxid > zxid || e.Stat.Czxid > zxid || e.Stat.Pzxid > zxid {
			t.Fatalf("as of zxid %d entry %d is %s with %q (%+v), should be %s with %q",
				zxid, i, e.Path, e.Data, e.Stat, want[i], tree[want[i]])
		}
	}
}

func (c *change) apply(tree map[string]string) {
	for _, path := range c.gone {
		delete(tree, path)
	}
	for _, move := range c.moves {
		for _, path := range slices.Collect(maps.Keys(tree)) {
			if rest, below := strings.CutPrefix(path, move[0]); below && (rest == "" || rest[0] == '/') {
				tree[move[1]+rest] = tree[path]
				delete(tree, path)
			}
		}
	}
	maps.Copy(tree, c.sets)
}

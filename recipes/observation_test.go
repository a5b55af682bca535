package recipes_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// observe begins an observation that ends with the test.
func observe(t *testing.T, e *recipes.Election, options ...recipes.ObserveOption) *recipes.Observation {
	t.Helper()
	o, err := e.Observe(within(t), options...)
	must(t, err)
	t.Cleanup(o.Close)
	return o
}

// nextTerm takes a term from an observation.
func nextTerm(t *testing.T, o *recipes.Observation) recipes.Term {
	t.Helper()
	select {
	case term, open := <-o.C():
		if !open {
			t.Fatal(o.Err())
		}
		return term
	case <-within(t).Done():
		t.Fatal("no term is told")
	}
	return recipes.Term{}
}

// told checks what an observation tells next: the term, 0 for nobody, and the value.
func told(t *testing.T, o *recipes.Observation, term client.Zxid, value string) recipes.Term {
	t.Helper()
	got := nextTerm(t, o)
	if got.Zxid != term || string(got.Value) != value || got.Missed {
		t.Errorf("told %+v, want term %v, %q", got, term, value)
	}
	return got
}

func TestObservationTellsTermsAndValues(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	e := recipes.NewElection(c, "/e")
	o := observe(t, recipes.NewElection(view(t, root), "/e"))
	told(t, o, 0, "")

	l, err := e.Campaign(t.Context(), []byte("a"))
	must(t, err)
	if got := told(t, o, l.Term(), "a"); got.Session != c.Session().ID || got.Path != l.Path() || got.At != l.Term() {
		t.Errorf("told %+v", got)
	}
	must(t, l.Proclaim(t.Context(), []byte("b")))
	told(t, o, l.Term(), "b")
	told(t, observe(t, e), l.Term(), "b") // who comes later begins here
	must(t, l.Proclaim(t.Context(), nil))
	told(t, o, l.Term(), "")

	second := campaign(t, t.Context(), e, c, 2, "c")
	must(t, l.Resign(within(t)))
	next := wins(t, second)
	told(t, o, next.Term(), "c")
	_, err = c.DeleteTree(t.Context(), "/e")
	must(t, err)
	told(t, o, 0, "")
	again, err := e.Campaign(t.Context(), []byte("d"))
	must(t, err)
	told(t, o, again.Term(), "d")
	must(t, again.Resign(within(t)))
	told(t, o, 0, "")
	if o.Err() != nil {
		t.Error(o.Err())
	}
	o.Close()
	if _, open := <-o.C(); open || !errors.Is(o.Err(), recipes.ErrReleased) {
		t.Errorf("closed: %v, %v", open, o.Err())
	}
}

// TestObservationTellsATransactionAsOne: a candidate that goes together with the leader has not led.
func TestObservationTellsATransactionAsOne(t *testing.T) {
	root := tree(t)
	watcher, doomed := view(t, root), view(t, root)
	o := observe(t, recipes.NewElection(watcher, "/e"))
	told(t, o, 0, "")
	e := recipes.NewElection(doomed, "/e")
	l, err := e.Campaign(t.Context(), []byte("a"))
	must(t, err)
	const n = 60 // more than are told in one piece
	for range n {
		_, _, err := doomed.Create(within(t), "/e/candidate-", nil, client.Ephemeral(), client.Sequential())
		must(t, err)
	}
	second := campaign(t, t.Context(), e, watcher, n+2, "b")
	third := campaign(t, t.Context(), recipes.NewElection(watcher, "/e"), watcher, n+3, "c")
	must(t, watcher.KillSession(within(t), doomed.Session().ID))
	fails(t, second, client.ErrSessionExpired)
	told(t, o, l.Term(), "a")
	next := wins(t, third)
	told(t, o, next.Term(), "c")
	must(t, next.Resign(within(t)))
}

// TestObservationIsTheHistory compares what is told with who led as of every single transaction, and so does another
// observer that is replaced again and again by one that goes on behind it.
func TestObservationIsTheHistory(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	_, _, err := c.Create(t.Context(), "/", nil)
	must(t, err)
	e := recipes.NewElection(c, "/e")
	o := observe(t, e)
	first := told(t, o, 0, "")
	last := shuffle(t, c, rand.New(rand.NewPCG(1, 0)))

	var want []string
	for at, before := first.At, ""; at <= last; at++ {
		if now := oldest(t, c, at); now != before {
			want, before = append(want, now), now
		}
	}
	var got, resumed []string
	for len(got) < len(want) {
		term := nextTerm(t, o)
		got = append(got, nameOf(term))
	}
	for after := first; len(resumed) < len(want); {
		replaced := observe(t, e, recipes.ObserveAfter(after))
		for range min(3, len(want)-len(resumed)) {
			after = nextTerm(t, replaced)
			resumed = append(resumed, nameOf(after))
		}
		replaced.Close()
	}
	if !slices.Equal(got, want) || !slices.Equal(resumed, want) {
		t.Errorf("told\n%v\nresumed\n%v\nwas\n%v", got, resumed, want)
	}
	if len(want) < 50 {
		t.Errorf("only %d terms and values", len(want))
	}
}

func nameOf(term recipes.Term) string {
	if term.Zxid == 0 {
		return ""
	}
	return fmt.Sprintf("%v %s %s", term.Zxid, term.Path, term.Value)
}

// oldest names the candidate whose node was the first that was made, as of a transaction.
func oldest(t *testing.T, c *client.Client, at client.Zxid) string {
	t.Helper()
	var first *client.Entry
	page, err := c.ListPage(within(t), "/", "", 0, client.AsOf(at), client.WithStats(), client.WithData())
	must(t, err)
	for _, entry := range page.Entries {
		if strings.HasPrefix(entry.Path, "/e/candidate-") && (first == nil || entry.Stat.Czxid < first.Stat.Czxid) {
			first = &entry
		}
	}
	if first == nil {
		return ""
	}
	return fmt.Sprintf("%v %s %s", first.Stat.Czxid, first.Path, first.Data)
}

// shuffle does to the nodes of an election at /e what candidates, leaders and strangers do, and returns the last transaction.
func shuffle(t *testing.T, c *client.Client, random *rand.Rand) client.Zxid {
	t.Helper()
	for i := range 300 {
		names, _, err := c.Children(within(t), "/e")
		if err != nil && !errors.Is(err, client.ErrNoNode) {
			t.Fatal(err)
		}
		var ops []client.Op
		for _, name := range names {
			if random.IntN(len(names)+1) == 0 {
				ops = append(ops, client.DeleteOp("/e/"+name))
			}
		}
		switch n := random.IntN(20); {
		case n < 8:
			ops = append(ops, client.CreateOp("/e/candidate-", fmt.Appendf(nil, "%d", i),
				client.Ephemeral(), client.Sequential(), client.ContainerParents()))
		case len(names) == 0:
		case n < 14:
			ops = []client.Op{client.SetOp("/e/"+names[0], fmt.Appendf(nil, "%d", i))}
		case n < 15:
			ops = []client.Op{client.DeleteTreeOp("/e")}
		}
		if _, err := c.Multi(within(t), ops...); err != nil && !errors.Is(err, client.ErrNoNode) { // a container may just have gone
			t.Fatal(err)
		}
	}
	return c.LastZxid()
}

// TestObserverThatDoesNotRead is told in the end who leads, and that something is missing.
func TestObserverThatDoesNotRead(t *testing.T) {
	root := tree(t)
	e := recipes.NewElection(view(t, root), "/e")
	o := observe(t, recipes.NewElection(view(t, root), "/e"))
	l, err := e.Campaign(t.Context(), nil)
	must(t, err)
	large := bytes.Repeat([]byte("x"), 256<<10)
	for i := range 48 {
		large[0] = byte(i)
		must(t, l.Proclaim(within(t), large))
	}
	values, missed := 0, 0
	for last := -1; last < 47; values++ {
		term := nextTerm(t, o)
		if term.Missed {
			missed++
		}
		if term.Zxid == l.Term() && len(term.Value) > 0 {
			if got := int(term.Value[0]); got <= last || got > last+1 && !term.Missed {
				t.Fatalf("value %d after %d, missed: %v", got, last, term.Missed)
			} else {
				last = got
			}
		}
	}
	if missed == 0 {
		t.Errorf("all of %d values were told: this test is too small", values)
	}
	must(t, l.Resign(within(t)))
	told(t, o, 0, "")
}

// TestObserverThatMissesAPartOfATransaction: what is missing begins between the ends of a leader and of the candidate behind
// it, and nothing comes after them. The one that is dead as well has never led.
func TestObserverThatMissesAPartOfATransaction(t *testing.T) {
	root := tree(t)
	watcher, doomed := view(t, root), view(t, root)
	o := observe(t, recipes.NewElection(watcher, "/e")) // takes nothing as long as nobody takes what it tells
	l, err := recipes.NewElection(doomed, "/e").Campaign(t.Context(), []byte("a"))
	must(t, err)
	many := func(n int, op client.Op) {
		t.Helper()
		_, err := doomed.Multi(within(t), slices.Repeat([]client.Op{op}, n)...)
		must(t, err)
	}
	many(50, client.CreateOp("/e/candidate-", nil, client.Ephemeral(), client.Sequential()))
	second := campaign(t, t.Context(), recipes.NewElection(watcher, "/e"), watcher, 52, "b")
	for range 4 { // with what was before and comes now more than the 4096 and 16 events that wait for an observer
		many(1000, client.SetOp(l.Path(), []byte("c")))
	}
	many(4096+16-4000-52-25, client.SetOp(l.Path(), []byte("d")))
	must(t, watcher.KillSession(within(t), doomed.Session().ID))
	next := wins(t, second)
	for nextTerm(t, o).Zxid != next.Term() {
	}
	must(t, next.Resign(within(t)))
	told(t, o, 0, "")
}

// TestObserveAfterWhatAServerHasYetToHear waits for it, also if the client's reads mostly do not.
func TestObserveAfterWhatAServerHasYetToHear(t *testing.T) {
	cluster := servertest.Start(t, 3)
	behind := (cluster.Leader() + 1) % 3
	at := func(server int) func(*client.Config) {
		return func(c *client.Config) { c.Servers, c.Level = []string{cluster.Addrs()[server]}, client.Session }
	}
	near, away := cluster.Client(t, at(cluster.Leader())), cluster.Client(t, at(behind))
	l, err := recipes.NewElection(near, "/e").Campaign(within(t), []byte("a"))
	must(t, err)
	cluster.Partition([]int{(behind + 1) % 3, (behind + 2) % 3}, []int{behind})
	must(t, l.Proclaim(within(t), []byte("b")))
	last, _, err := recipes.NewElection(near, "/e").Leader(within(t))
	must(t, err)
	begun := make(chan error)
	go func() {
		o, err := recipes.NewElection(away, "/e").Observe(within(t), recipes.ObserveAfter(last))
		if err == nil {
			o.Close()
		}
		begun <- err
	}()
	select {
	case err := <-begun:
		t.Fatalf("not waited for: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	cluster.Heal()
	must(t, <-begun)
}

func TestObservationThatBeginsAtAnyTime(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	e := recipes.NewElection(c, "/e")
	l, err := e.Campaign(t.Context(), []byte("a"))
	must(t, err)
	future := recipes.Term{At: c.LastZxid() + 1_000_000}
	if _, err := e.Observe(within(t), recipes.ObserveAfter(future)); !errors.Is(err, client.ErrNotReached) {
		t.Errorf("after what is still to come: %v", err)
	}
	o := observe(t, e, recipes.ObserveAfter(recipes.Term{})) // before everything
	told(t, o, l.Term(), "a")
	o = observe(t, e, recipes.ObserveAfter(recipes.Term{At: l.Term()})) // silent about what is known
	must(t, l.Resign(within(t)))
	told(t, o, 0, "")
}

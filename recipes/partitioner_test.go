package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

const workPath = "/work"

// ledger is who owns what by what members were told, and fails the test if that is wrong.
type ledger struct {
	t     *testing.T
	mu    sync.Mutex
	last  map[string]*recipes.Partition // the newest of each name
	owner map[string]string             // of those that are not given back yet
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, last: map[string]*recipes.Partition{}, owner: map[string]string{}}
}

func (l *ledger) take(member string, p *recipes.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before := l.last[p.Name]; before != nil {
		if before.Context().Err() == nil {
			l.t.Errorf("%s gets %s, which is still owned by %s", member, p.Name, l.owner[p.Name])
		}
		if p.Fence() <= before.Fence() {
			l.t.Errorf("%s gets %s with fence %v after %v", member, p.Name, p.Fence(), before.Fence())
		}
	}
	l.last[p.Name], l.owner[p.Name] = p, member
}

func (l *ledger) giveBack(p *recipes.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last[p.Name] == p {
		delete(l.owner, p.Name)
	}
}

// owned is what each member owns for certain, in the order of names.
func (l *ledger) owned() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string][]string{}
	for name, member := range l.owner {
		if l.last[name].Err() == nil {
			all[member] = append(all[member], name)
		}
	}
	return all
}

// fences are those of all that is owned for certain.
func (l *ledger) fences() map[string]client.Zxid {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]client.Zxid{}
	for name := range l.owner {
		if p := l.last[name]; p.Err() == nil {
			all[name] = p.Fence()
		}
	}
	return all
}

// settled waits until n partitions are owned, each of the members has some, and nobody else any.
func (l *ledger) settled(n int, members ...string) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%v own %d partitions", members, n), func() bool {
		sum, all := 0, l.owned()
		for _, member := range members {
			sum += len(all[member])
		}
		return sum == n && len(all) == len(members)
	})
}

func orders(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("orders/%d", i)
	}
	return all
}

// works is a member that does as it should: it works on what it gets until that is revoked or lost, and gives it back.
func works(l *ledger, c *client.Client, member string, partitions []string) *recipes.Partitions {
	l.t.Helper()
	own, err := recipes.NewPartitioner(c, workPath, partitions).Join(within(l.t), member)
	if err != nil {
		l.t.Fatal(err)
	}
	var working sync.WaitGroup
	working.Go(func() {
		for p := range own.C() {
			l.take(member, p)
			working.Go(func() {
				select {
				case <-p.Revoked():
				case <-p.Context().Done():
				}
				l.giveBack(p)
				if err := p.Release(context.Background()); err != nil && !errors.Is(err, client.ErrClosed) {
					l.t.Error(err)
				}
			})
		}
	})
	l.t.Cleanup(func() { quit(l.t, own); working.Wait() })
	return own
}

func quit(t testing.TB, own *recipes.Partitions) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // also when the test is over
	defer cancel()
	if err := own.Close(ctx); err != nil {
		t.Error(err)
	}
}

// abandon is quit for a member that does not give back what it has.
func abandon(t testing.TB, own *recipes.Partitions) {
	t.Helper()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := own.Close(over); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	quit(t, own)
}

func TestPartitionerMovesWhenMembersComeAndGo(t *testing.T) {
	root := tree(t)
	l := newLedger(t)
	const n = 24
	works(l, view(t, root), "a", orders(n))
	l.settled(n, "a")
	works(l, view(t, root), "b", orders(n))
	l.settled(n, "a", "b")

	before, fences := l.owned(), l.fences()
	newcomer := works(l, view(t, root), "c", orders(n))
	l.settled(n, "a", "b", "c")
	after := l.owned()
	for _, member := range []string{"a", "b"} {
		for _, name := range after[member] {
			if !slices.Contains(before[member], name) {
				t.Errorf("%s got %s because somebody else came", member, name)
			}
			if l.fences()[name] != fences[name] {
				t.Errorf("%s had to acquire %s once more", member, name)
			}
		}
	}

	if err := newcomer.Err(); err != nil {
		t.Error(err)
	}
	quit(t, newcomer)
	if err := newcomer.Err(); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
	l.settled(n, "a", "b")
	again := l.owned()
	for _, member := range []string{"a", "b"} {
		if len(again[member]) != len(before[member]) {
			t.Errorf("%s had %v, and then %v", member, before[member], again[member])
		}
	}
}

// What is revoked is still owned, and nobody else gets it, until it is released.
func TestPartitionIsHandedOverByItsOwner(t *testing.T) {
	root := tree(t)
	first, err := recipes.NewPartitioner(view(t, root), workPath, orders(8)).Join(within(t), "first")
	if err != nil {
		t.Fatal(err)
	}
	defer abandon(t, first)
	var all []*recipes.Partition
	for range 8 {
		all = append(all, <-first.C())
	}
	second, err := recipes.NewPartitioner(view(t, root), workPath, orders(8)).Join(within(t), "second")
	if err != nil {
		t.Fatal(err)
	}
	defer abandon(t, second)

	watcher := view(t, root)
	var revoked *recipes.Partition
	eventually(t, "one is revoked", func() bool {
		for _, p := range all {
			select {
			case <-p.Revoked():
				revoked = p
			default:
			}
		}
		return revoked != nil
	})
	line := workPath + "/locks/" + "p-orders%2F" + revoked.Name[len("orders/"):]
	eventually(t, "the next one is in line", func() bool { return inLine(t, watcher, line) == 2 })
	if err := revoked.Err(); err != nil {
		t.Errorf("it is still owned: %v", err)
	}
	if _, err := revoked.Commit(within(t), client.CreateOp("/result", nil)); err != nil {
		t.Errorf("it is still owned: %v", err)
	}
	select {
	case p := <-second.C():
		t.Fatalf("%s is owned by two", p.Name)
	default:
	}
	if err := revoked.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	next := <-second.C()
	if next.Name != revoked.Name || next.Fence() <= revoked.Fence() {
		t.Errorf("%s with %v, after %s with %v", next.Name, next.Fence(), revoked.Name, revoked.Fence())
	}
}

// What nobody has taken from the channel yet goes back when it is revoked, and is not owned by somebody who does not look.
func TestPartitionsThatAreNotTakenGoBack(t *testing.T) {
	root := tree(t)
	lazy, err := recipes.NewPartitioner(view(t, root), workPath, orders(8)).Join(within(t), "lazy")
	if err != nil {
		t.Fatal(err)
	}
	watcher := view(t, root)
	eventually(t, "all are locked", func() bool {
		names, _, err := watcher.Children(within(t), workPath+"/locks")
		return err == nil && len(names) == 8
	})
	busy, err := recipes.NewPartitioner(view(t, root), workPath, orders(8)).Join(within(t), "busy")
	if err != nil {
		t.Fatal(err)
	}
	defer abandon(t, busy)
	<-busy.C()
	quit(t, lazy)
	for range 7 {
		<-busy.C()
	}
}

func TestPartitionThatIsReleasedComesAgain(t *testing.T) {
	own, err := recipes.NewPartitioner(view(t, tree(t)), workPath, []string{"p", "p"}).Join(within(t), "m")
	if err != nil {
		t.Fatal(err)
	}
	defer abandon(t, own)
	first := <-own.C()
	if err := first.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	if second := <-own.C(); second.Fence() <= first.Fence() || second.Err() != nil {
		t.Errorf("%v after %v", second.Fence(), first.Fence())
	}
}

func TestPartitionsEnd(t *testing.T) {
	root := tree(t)
	join := func(name string) (*client.Client, *recipes.Partitions, *recipes.Partition) {
		c := view(t, root)
		own, err := recipes.NewPartitioner(c, workPath+name, []string{"p"}).Join(within(t), "m")
		if err != nil {
			t.Fatal(err)
		}
		return c, own, <-own.C()
	}
	watcher := view(t, root)
	t.Run("somebody deletes the member", func(t *testing.T) {
		_, own, p := join("deleted")
		if err := watcher.Delete(within(t), workPath+"deleted/members/m"); err != nil {
			t.Fatal(err)
		}
		if _, open := <-own.C(); open {
			t.Error("there are more")
		}
		done(t, "revoked", p.Revoked())
		if err := own.Err(); !errors.Is(err, recipes.ErrLost) {
			t.Error(err)
		}
		if err := p.Err(); err != nil {
			t.Errorf("it is owned until it is released: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		leaves := background(func() error { return own.Close(ctx) })
		cancel()
		if err := outcome(t, "leaving", leaves); !errors.Is(err, context.Canceled) {
			t.Errorf("without waiting for a partition that is owned: %v", err)
		}
		if err := p.Err(); !errors.Is(err, recipes.ErrReleased) {
			t.Error(err)
		}
		quit(t, own)
	})
	t.Run("somebody deletes the lock", func(t *testing.T) {
		_, own, p := join("lock")
		defer abandon(t, own)
		if err := watcher.Delete(within(t), p.Path()); err != nil {
			t.Fatal(err)
		}
		done(t, "the context", p.Context().Done())
		if err := p.Release(within(t)); err != nil {
			t.Error(err)
		}
		if next := <-own.C(); next.Fence() <= p.Fence() {
			t.Errorf("%v after %v", next.Fence(), p.Fence())
		}
	})
	t.Run("its session ends", func(t *testing.T) {
		c, own, p := join("expired")
		if err := watcher.KillSession(within(t), c.Session().ID); err != nil {
			t.Fatal(err)
		}
		if _, open := <-own.C(); open {
			t.Error("there are more")
		}
		done(t, "the context", p.Context().Done())
		if err := own.Err(); !errors.Is(err, client.ErrSessionExpired) {
			t.Error(err)
		}
		quit(t, own)
	})
	t.Run("its client is closed", func(t *testing.T) {
		c, own, p := join("closed")
		if err := c.Close(within(t)); err != nil {
			t.Fatal(err)
		}
		if _, open := <-own.C(); open {
			t.Error("there are more")
		}
		done(t, "the context", p.Context().Done())
		if err := own.Err(); !errors.Is(err, client.ErrClosed) {
			t.Error(err)
		}
		quit(t, own)
	})
	t.Run("its name is taken", func(t *testing.T) {
		_, own, _ := join("taken")
		defer abandon(t, own)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("impatient")
		joins := background(func() error {
			_, err := recipes.NewPartitioner(watcher, workPath+"taken", []string{"p"}).Join(ctx, "m")
			return err
		})
		cancel(why)
		if err := outcome(t, "joining", joins); !errors.Is(err, why) {
			t.Error(err)
		}
		if _, there, err := watcher.Exists(within(t), workPath+"taken/members/m"); !there || err != nil {
			t.Errorf("the member of that name is gone: %v", err)
		}
	})
}

// Who leaves is waited for, as long as there is time, and loses nothing that he is working on.
func TestPartitionsAreFinishedBeforeTheMemberLeaves(t *testing.T) {
	root := tree(t)
	own, err := recipes.NewPartitioner(view(t, root), workPath, []string{"p", "q"}).Join(within(t), "m")
	must(t, err)
	first, second := <-own.C(), <-own.C()
	leaves := background(func() error { return own.Close(within(t)) })
	done(t, "revoked", first.Revoked())
	done(t, "revoked", second.Revoked())
	other, err := recipes.NewPartitioner(view(t, root), workPath, []string{"p", "q"}).Join(within(t), "m") // the name is free
	must(t, err)
	defer abandon(t, other)
	must(t, first.Release(within(t)))
	if next := <-other.C(); next.Name != first.Name { // at once
		t.Errorf("%s, not %s", next.Name, first.Name)
	}
	_, err = second.Commit(within(t), client.CreateOp("/result", nil))
	must(t, err)
	select {
	case err := <-leaves:
		t.Errorf("one is still owned: %v", err)
	default:
	}
	must(t, second.Release(within(t)))
	must(t, outcome(t, "leaving", leaves))
	if next := <-other.C(); next.Name != second.Name {
		t.Errorf("%s, not %s", next.Name, second.Name)
	}
}

func TestPartitionsHaveAnyNames(t *testing.T) {
	names := []string{"", ".", "..", "a/b", "\xff"}
	own, err := recipes.NewPartitioner(view(t, tree(t)), workPath, names).Join(within(t), "m")
	must(t, err)
	defer abandon(t, own)
	got := map[string]bool{}
	for range names {
		select {
		case p := <-own.C():
			got[p.Name] = true
		case <-within(t).Done():
			t.Fatalf("owned: %v", got)
		}
	}
	if len(got) != len(names) {
		t.Errorf("%v", got)
	}
}

// The name of a member whose session has ended may be another process's when it comes back: then it owns nothing.
func TestPartitionsOfAMemberWhoseNameIsTaken(t *testing.T) {
	cluster := servertest.Start(t, 1)
	comesBack, stays, watcher := cluster.Client(t, renewing), cluster.Client(t), cluster.Client(t)
	first, err := recipes.NewPartitioner(comesBack, workPath, []string{"p"}).Join(within(t), "m")
	must(t, err)
	lost := <-first.C()
	id := comesBack.Session().ID
	cluster.HoldSession(id)
	cluster.ExpireSession(id)
	second, err := recipes.NewPartitioner(stays, workPath, []string{"p"}).Join(within(t), "m")
	must(t, err)
	p := <-second.C()
	cluster.ReleaseSession(id)
	eventually(t, "renewed", func() bool { return comesBack.Session().Renewals == 1 })
	must(t, lost.Release(within(t)))
	_, _, err = watcher.Create(within(t), workPath+"/members/other", nil) // somebody comes and goes: everybody looks
	must(t, err)
	must(t, watcher.Delete(within(t), workPath+"/members/other"))
	must(t, p.Release(within(t)))
	again := <-second.C()
	if n := inLine(t, watcher, workPath+"/locks/p-p"); n != 1 {
		t.Errorf("%d want what one should own", n)
	}
	must(t, watcher.KillSession(within(t), stays.Session().ID)) // now its name is free again
	done(t, "the context", again.Context().Done())
	select {
	case own := <-first.C():
		must(t, own.Release(within(t)))
	case <-within(t).Done():
		t.Error("the first is a member again, and owns nothing")
	}
	must(t, watcher.Delete(within(t), workPath+"/members/m"))
	for own := range first.C() {
		must(t, own.Release(within(t)))
	}
	eventually(t, "nothing is watched", func() bool { return cluster.Server(0).Status().Watches == 0 })
	quit(t, first)
	abandon(t, second)
}

// TestPartitionerUnderFaults: members die, hang, are cut off and come back. At no moment are there two live contexts for one
// partition, as the ledger checks, and in the end each is owned.
func TestPartitionerUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	l := newLedger(t)
	const n = 16
	members := []string{"a", "b", "c"}
	clients := map[string]*client.Client{}
	for _, m := range members {
		clients[m] = cluster.Client(t, shortSession, renewing)
		works(l, clients[m], m, orders(n))
	}
	l.settled(n, members...)

	cluster.ExpireSession(clients["a"].Session().ID) // comes back as another session
	eventually(t, "renewed", func() bool { return clients["a"].Session().Renewals == 1 })
	l.settled(n, members...)

	id := clients["b"].Session().ID
	cluster.HoldSession(id)
	l.settled(n, "a", "c")
	cluster.ReleaseSession(id)
	l.settled(n, members...)

	for i := range cluster.Len() {
		cluster.CutClients(i)
	}
	leader := cluster.Leader()
	cluster.Kill(leader)
	l.settled(n, members...)
	cluster.Run(leader)

	leader = cluster.Leader()
	cluster.Partition([]int{leader}, []int{(leader + 1) % 3, (leader + 2) % 3}) // its clients move to the others
	works(l, cluster.Client(t), "d", orders(n))
	l.settled(n, "a", "b", "c", "d")
	cluster.Heal()
	l.settled(n, "a", "b", "c", "d")
}

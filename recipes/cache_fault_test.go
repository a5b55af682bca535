package recipes_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// rewrite replaces what a tree has by many writes, of which the service can remember only some.
func rewrite(t *testing.T, c *client.Client, top string, n int) (last client.Zxid) {
	t.Helper()
	for i := range n {
		_, err := c.Set(within(t), top, fmt.Append(nil, i), client.WithZxid(&last))
		must(t, err)
	}
	return last
}

// TestCacheTellsWhatItHasMissed: a cache whose client was out of touch for longer than the service remembers lists the tree
// again. Its readers are told the differences, as if it had seen them, and the view has never gone back.
func TestCacheTellsWhatItHasMissed(t *testing.T) {
	cluster := servertest.Start(t, 1, func(c *server.Config) { c.SnapshotEntries = 50 })
	writer := cluster.Client(t)
	away := cluster.Client(t, func(c *client.Config) { c.SessionTimeout = 30 * time.Second })
	for _, path := range []string{"/t", "/t/stays", "/t/set", "/t/goes", "/t/goes/too", "/t/other"} {
		_, _, err := writer.Create(within(t), path, []byte("old"))
		must(t, err)
	}
	cache := cached(t, away, "/t")
	before, _ := cache.View()
	changes := cache.Changes()
	defer changes.Close()
	var p picture
	p.take(t, next(t, changes))

	cluster.HoldSession(away.Session().ID)
	cluster.CutClients(0) // with all that is on its way to it
	_, err := writer.Set(within(t), "/t/set", []byte("new"))
	must(t, err)
	_, err = writer.DeleteTree(within(t), "/t/goes")
	must(t, err)
	must(t, writer.Delete(within(t), "/t/other"))
	for _, path := range []string{"/t/other", "/t/comes", "/t/comes/too"} {
		_, _, err := writer.Create(within(t), path, []byte("new"))
		must(t, err)
	}
	zxid := rewrite(t, writer, "/t", 400)
	cluster.Stop(0)
	cluster.Run(0)
	for e, err := range writer.List(within(t), "/t", client.AsOf(before.Zxid())) {
		if !errors.Is(err, client.ErrCompacted) {
			t.Skipf("the service has forgotten nothing: %+v, %v", e, err)
		}
	}
	cluster.ReleaseSession(away.Session().ID)
	must(t, cache.Wait(within(t), zxid))
	after, _ := cache.View()
	if !exact(t, writer, "/t", after) {
		t.Error("the truth is not known")
	}
	told := map[string]client.Zxid{}
	for len(told) < 8 {
		ch := next(t, changes)
		p.take(t, ch)
		told[fmt.Sprint(ch.Type, ch.Old.Path, ch.New.Path)] = ch.Zxid
	}
	p.matches(t, after)
	for what, z := range told { // all by comparison with one list
		if z != after.Zxid() {
			t.Errorf("%s is told as of %d, the view is of %d", what, z, after.Zxid())
		}
	}

	rewrite(t, writer, "/t", 1) // and it goes on
	if ch := next(t, changes); ch.Zxid <= after.Zxid() {
		t.Errorf("%v of %s%s in %d is told again", ch.Type, ch.Old.Path, ch.New.Path, ch.Zxid)
	}
}

// TestCacheIsExactThroughFaults: while sessions write at random, connections break, sessions expire, and servers are killed and
// forget what was long ago, each view of each cache is exactly the tree of its zxid, views do not go back, and the changes lead
// from each to the next.
func TestCacheIsExactThroughFaults(t *testing.T) {
	cluster := servertest.Start(t, 3, func(c *server.Config) { c.SnapshotEntries = 100 })
	setup, judge := cluster.Client(t), cluster.Client(t)
	_, _, err := setup.Create(within(t), "/t", nil)
	must(t, err)
	wrote, stop := make(chan struct{}), make(chan struct{})
	var writing, following, reading sync.WaitGroup
	for i := range 3 {
		c := cluster.Client(t)
		writing.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for {
				if err := scribble(t.Context(), c, random, "/t"); err != nil {
					t.Error(err)
				}
				select {
				case wrote <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	caches, clients := make([]*recipes.Cache, 3), make([]*client.Client, 3)
	for i := range caches {
		clients[i] = cluster.Client(t, func(c *client.Config) { c.Renew = true })
		caches[i] = cached(t, clients[i], "/t")
		changes := caches[i].Changes()
		following.Go(func() {
			var p picture
			for told := client.Zxid(0); ; {
				ch, open := <-changes.C()
				if !open || ch.Zxid < told {
					t.Errorf("a change of %d came after one of %d; %v", ch.Zxid, told, changes.Err())
					return
				}
				told = ch.Zxid
				if p.take(t, ch); t.Failed() || string(ch.New.Data) == "last" {
					break
				}
			}
			last, _ := caches[i].View()
			p.matches(t, last)
		})
		reading.Go(func() {
			checked, forgotten := 0, 0
			for last := client.Zxid(0); ; {
				v, changed := caches[i].View()
				if caches[i].Err() != nil {
					break
				}
				if v.Zxid() <= last {
					t.Errorf("a view of %d came after one of %d", v.Zxid(), last)
				}
				last = v.Zxid()
				if exact(t, judge, "/t", v) {
					checked++
				} else {
					forgotten++
				}
				<-changed
			}
			t.Logf("cache %d: %d views were exact, of %d more the service has forgotten the truth", i, checked, forgotten)
			if checked == 0 {
				t.Error("nothing was checked")
			}
		})
	}
	random := rand.New(rand.NewPCG(7, 100))
	for range cacheFaults {
		for range random.IntN(60) {
			<-wrote
		}
		switch i := random.IntN(3); random.IntN(6) {
		case 0:
			cluster.Kill(i)
			cluster.Run(i)
		case 1:
			if s := clients[i].Session(); s.ID != 0 {
				cluster.ExpireSession(s.ID)
			}
		default:
			cluster.CutClients(i)
		}
	}
	close(stop)
	writing.Wait()
	_, err = setup.Set(within(t), "/t", []byte("last"))
	must(t, err)
	must(t, setup.Sync(within(t)))
	end := setup.LastZxid()
	for _, cache := range caches {
		must(t, cache.Wait(within(t), end))
		v, _ := cache.View()
		exact(t, judge, "/t", v)
	}
	following.Wait()
	for _, cache := range caches {
		cache.Close()
	}
	reading.Wait()
}

// cacheFaults is how many faults there are, each after some writes.
const cacheFaults = 16

func TestCacheGoesOnInTheNextSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	writer := cluster.Client(t)
	c := cluster.Client(t, func(c *client.Config) { c.Renew = true })
	_, _, err := writer.Create(within(t), "/t", nil)
	must(t, err)
	cache := cached(t, c, "/t")
	changes := cache.Changes()
	defer changes.Close()
	next(t, changes)
	for range 3 {
		cluster.ExpireSession(c.Session().ID)
		var zxid client.Zxid
		_, err := writer.Set(within(t), "/t", nil, client.WithZxid(&zxid))
		must(t, err)
		if ch := next(t, changes); ch.Type != recipes.Updated || ch.Zxid != zxid {
			t.Errorf("%v in %d, expected in %d", ch.Type, ch.Zxid, zxid)
		}
	}
	if err := cache.Err(); err != nil {
		t.Error(err)
	}
}

// A wait is under way when the session ends, and goes on in the next.
func TestCacheWaitGoesOnInTheNextSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	writer, c := cluster.Client(t), cluster.Client(t, renewing)
	cache := cached(t, c, "/t")
	id := c.Session().ID
	cluster.HoldSession(id)
	var zxid client.Zxid
	_, _, err := writer.Create(within(t), "/t", nil, client.WithZxid(&zxid))
	must(t, err)
	waits := background(func() error { return cache.Wait(within(t), zxid) })
	cluster.ExpireSession(id)
	cluster.ReleaseSession(id)
	must(t, outcome(t, "waiting", waits))
	if v, _ := cache.View(); v.Zxid() < zxid || v.Len() != 1 {
		t.Errorf("%d nodes as of %d", v.Len(), v.Zxid())
	}
}

// TestCacheIsFilledAlthoughItsSessionEnds: a list of many pages is under way when the session expires, and goes on in the next.
func TestCacheIsFilledAlthoughItsSessionEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	writer := cluster.Client(t)
	for i := range 30 {
		_, _, err := writer.Create(within(t), fmt.Sprintf("/t/%d", i), make([]byte, 200<<10), client.Parents())
		must(t, err)
	}
	c := cluster.Client(t, func(c *client.Config) { c.Renew = true })
	cluster.Delay(10 * time.Millisecond) // the list takes longer than the end of the session
	filled := make(chan error)
	go func() {
		cache, err := recipes.NewCache(within(t), c, "/t")
		if err == nil {
			v, _ := cache.View()
			exact(t, writer, "/t", v)
			cache.Close()
		}
		filled <- err
	}()
	cluster.ExpireSession(c.Session().ID)
	must(t, <-filled)
	if c.Session().Renewals != 1 {
		t.Error("the session has not ended")
	}
}

func TestCacheEndsWithItsSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	_, _, err := c.Create(within(t), "/t", nil)
	must(t, err)
	cache := cached(t, c, "/t")
	changes := cache.Changes()
	next(t, changes)
	cluster.ExpireSession(c.Session().ID)
	done(t, "the end", cache.Done())
	if _, open := <-changes.C(); open {
		t.Error("a change after the end")
	}
	for _, err := range []error{cache.Err(), changes.Err()} {
		if !errors.Is(err, client.ErrSessionExpired) {
			t.Error(err)
		}
	}
	if v, _ := cache.View(); v.Len() != 1 {
		t.Error("the last view is gone")
	}
}

package recipes_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// semaphoreModel goes through the whole history of a semaphore, transaction by transaction, and knows the rule of granting: to
// the first in the queue only, and only if there are as many permits left.
type semaphoreModel struct {
	t       testing.TB
	path    string
	limit   int
	queue   []asker
	permits map[string]int
	granted asker // who has left the head of the queue, in transaction zxid
	zxid    client.Zxid
	grants  int
}

type asker struct {
	path  string
	owner uint64
	n     int
}

func (m *semaphoreModel) see(e client.Event) {
	name, _ := strings.CutPrefix(e.Path, m.path)
	n, _ := strconv.Atoi(string(e.Data))
	switch {
	case e.Type == client.EventGap:
		m.t.Fatal("the history has a gap")
	case name == "" && e.Type != client.EventDeleted:
		m.limit = n
	case strings.HasPrefix(name, "/queue/") && e.Type == client.EventCreated:
		m.queue = append(m.queue, asker{e.Path, e.Stat.Owner, n})
	case strings.HasPrefix(name, "/queue/") && e.Type == client.EventDeleted:
		for i, a := range m.queue {
			if a.path == e.Path {
				if i == 0 {
					m.granted, m.zxid = a, e.Zxid
				}
				m.queue = append(m.queue[:i:i], m.queue[i+1:]...)
				break
			}
		}
	case strings.HasPrefix(name, "/permits/") && e.Type == client.EventCreated:
		if m.zxid != e.Zxid || m.granted.owner != e.Stat.Owner || m.granted.n != n {
			m.t.Errorf("zxid %v: %d permits to session %#x, and first in the queue was %+v", e.Zxid, n, e.Stat.Owner, m.granted)
		}
		if m.out()+n > m.limit {
			m.t.Errorf("zxid %v: %d permits while %d of %d are out", e.Zxid, n, m.out(), m.limit)
		}
		m.permits[e.Path] = n
		m.grants++
	case strings.HasPrefix(name, "/permits/") && e.Type == client.EventDeleted:
		delete(m.permits, e.Path)
	}
}

func (m *semaphoreModel) out() (sum int) {
	for _, n := range m.permits {
		sum += n
	}
	return sum
}

// TestSemaphoreModel: processes ask for permits, give up, release, die, and change the number of permits, at random.
func TestSemaphoreModel(t *testing.T) {
	path, watcher := tree(t), dial(t)
	history, err := watcher.AddWatch(within(t), path, client.Recursive(), client.WithNode())
	if err != nil {
		t.Fatal(err)
	}
	const processes, rounds, limitMax = 6, 25, 5
	boss := recipes.NewSemaphore(watcher, path, 0)
	if err := boss.SetPermits(within(t), 3); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for p := range processes {
		random := rand.New(rand.NewPCG(uint64(p), 5))
		renew := func(c *client.Config) { c.Renew = true }
		c := dial(t, renew)
		all.Go(func() {
			s := recipes.NewSemaphore(c, path, 0)
			for range rounds {
				act := random.IntN(10)
				ctx, cancel := context.WithCancel(within(t))
				if act < 2 {
					looks := random.IntN(10) // some are granted by then
					all.Go(func() {
						for range looks {
							_, _, _ = c.Exists(ctx, path)
						}
						cancel()
					})
				}
				h, err := s.Acquire(ctx, 1+random.IntN(3))
				switch {
				case err != nil && !errors.Is(err, client.ErrTooMany) && !errors.Is(err, context.Canceled):
					t.Error(err)
				case act == 2:
					if err := boss.SetPermits(within(t), 1+random.IntN(limitMax)); err != nil {
						t.Error(err)
					}
				case act == 3: // it dies, and another process begins
					if err := watcher.KillSession(within(t), c.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
						t.Error(err)
					}
					if _, _, err := c.Exists(within(t), path); err != nil && !errors.Is(err, client.ErrSessionExpired) {
						t.Error(err)
					}
				}
				if h != nil {
					if err := h.Release(within(t)); err != nil {
						t.Error(err)
					}
				}
				cancel()
			}
		})
	}
	all.Wait()
	if _, _, err := watcher.Create(within(t), path+"/end", nil); err != nil {
		t.Fatal(err)
	}
	m := semaphoreModel{t: t, path: path, permits: map[string]int{}}
	for e := range history.C() {
		if m.see(e); e.Path == path+"/end" {
			history.Close()
		}
	}
	if m.out() > 0 || len(m.queue) > 0 {
		t.Errorf("%v and %v are left", m.permits, m.queue)
	}
	if m.grants < processes*rounds/3 {
		t.Errorf("only %d grants", m.grants)
	}
}

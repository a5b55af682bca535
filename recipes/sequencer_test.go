package recipes_test

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// drawNumbers draws numbers with all sequencers at the same time, one by one and in ranges, and checks that each comes once.
func drawNumbers(t *testing.T, sequencers []*recipes.Sequencer, each int) {
	t.Helper()
	var mu sync.Mutex
	var drawn []int64
	var all sync.WaitGroup
	for _, s := range sequencers {
		for range 4 {
			all.Go(func() {
				last := int64(0)
				for i := range each {
					n, count, err := int64(0), int64(1), error(nil)
					if i%5 == 3 {
						count = int64(i + 1)
						n, err = s.NextN(within(t), count)
					} else {
						n, err = s.Next(within(t))
					}
					if err != nil {
						t.Error(err)
						return
					}
					if n <= last {
						t.Errorf("%d after %d", n, last)
					}
					last = n + count - 1
					mu.Lock()
					for ; n <= last; n++ {
						drawn = append(drawn, n)
					}
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	slices.Sort(drawn)
	for i, n := range drawn {
		if n != int64(i+1) {
			t.Fatalf("%d in the place of %d", n, i+1)
		}
	}
}

func TestSequencerGivesOutEachNumberOnce(t *testing.T) {
	path := tree(t)
	sequencers := make([]*recipes.Sequencer, 4)
	for i := range sequencers {
		sequencers[i] = recipes.NewSequencer(dial(t), path+"/a")
	}
	drawNumbers(t, sequencers, 30)
}

func TestSequencerGivesOutEachNumberOnceWhateverBreaks(t *testing.T) {
	cluster := servertest.Start(t, 3)
	sequencers := make([]*recipes.Sequencer, 3)
	clients := make([]*client.Client, len(sequencers))
	for i := range sequencers {
		clients[i] = cluster.Client(t)
		sequencers[i] = recipes.NewSequencer(clients[i], "/n")
	}
	var lost []<-chan struct{}
	for _, c := range clients {
		lost = append(lost, cluster.DropReply(c.Session().ID), cluster.DropReply(c.Session().ID))
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		drawNumbers(t, sequencers, 60)
	}()
	for _, l := range lost {
		done(t, "a lost reply", l)
	}
	leader := cluster.Leader()
	cluster.Partition([]int{leader}, []int{(leader + 1) % 3, (leader + 2) % 3})
	cluster.CutClients((leader + 1) % 3)
	eventually(t, "another leader", func() bool { return cluster.Leader() != leader })
	cluster.Heal()
	<-over
}

func TestSequencerRefuses(t *testing.T) {
	c := dial(t)
	path := tree(t)
	s := recipes.NewSequencer(c, path)
	for _, n := range []int64{0, -1, math.MinInt64} {
		if _, err := s.NextN(within(t), n); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("%d numbers: %v", n, err)
		}
	}
	if _, err := s.NextN(within(t), math.MaxInt64); !errors.Is(err, recipes.ErrOverflow) {
		t.Error(err)
	}
	if first, err := s.NextN(within(t), 1<<62-1); first != 1 || err != nil {
		t.Errorf("%d %v", first, err)
	}
	if _, err := s.NextN(within(t), 2); !errors.Is(err, recipes.ErrOverflow) {
		t.Error(err)
	}
	if n, err := s.Next(within(t)); n != 1<<62 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := c.Set(within(t), path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(within(t)); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if _, err := s.NextN(within(t), 5); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if _, err := c.DeleteTree(within(t), path); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Next(within(t)); n != 1 || err != nil {
		t.Errorf("made anew: %d %v", n, err)
	}
}

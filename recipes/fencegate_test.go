package recipes_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var (
	_ recipes.FenceGate = (*recipes.MemoryGate)(nil)
	_ recipes.FenceGate = (*recipes.ZnodeGate)(nil)
)

// gates runs a test with each kind of gate, which begins without having seen anything.
func gates(t *testing.T, f func(t *testing.T, g recipes.FenceGate)) {
	t.Run("memory", func(t *testing.T) { f(t, recipes.NewMemoryGate(0)) })
	t.Run("znode", func(t *testing.T) { f(t, recipes.NewZnodeGate(view(t, tree(t)), "/gate")) })
}

func TestFenceGateRefusesWhatIsOlder(t *testing.T) {
	gates(t, func(t *testing.T, g recipes.FenceGate) {
		for _, s := range []struct {
			resource string
			token    client.Zxid
			shared   bool
			fenced   client.Zxid // the highest token that a refusal names; 0: admitted
			why      string
		}{
			{"disk 7", 10, false, 0, "the first"},
			{"disk 7", 10, false, 0, "the same once more"},
			{"disk 7", 9, false, 10, "an older one"},
			{"disk/8", 9, false, 0, "an older one of another resource"},
			{"disk 7", 12, true, 0, "a reader"},
			{"disk 7", 11, true, 0, "a reader that has come before it"},
			{"disk 7", 11, false, 12, "a writer whose lock the readers have had since"},
			{"disk 7", 13, false, 0, "the next writer"},
			{"disk 7", 12, true, 13, "a reader from before it"},
			{"disk 7", 14, true, 0, "a reader from after it"},
			{"disk 7", 13, false, 14, "that writer again, after a reader"},
		} {
			admit := g.Admit
			if s.shared {
				admit = g.AdmitShared
			}
			err := admit(within(t), s.resource, s.token)
			if s.fenced == 0 && err != nil {
				t.Errorf("%s: %v", s.why, err)
			}
			var fenced *recipes.FencedError
			if s.fenced != 0 && (!errors.Is(err, recipes.ErrFenced) || !errors.As(err, &fenced) ||
				*fenced != recipes.FencedError{Resource: s.resource, Token: s.token, Highest: s.fenced}) {
				t.Errorf("%s: %v", s.why, err)
			}
		}
		if err := g.Admit(within(t), "new", 0); !errors.Is(err, recipes.ErrFenced) {
			t.Errorf("no token at all: %v", err)
		}
	})
}

// TestFenceGateModel: random tokens at random resources, against the rule written down as plainly as possible.
func TestFenceGateModel(t *testing.T) {
	gates(t, func(t *testing.T, g recipes.FenceGate) {
		type admitted struct {
			token  client.Zxid
			shared bool
		}
		seen := map[string][]admitted{}
		for range 400 {
			resource := string(rune('a' + rand.N(3)))
			now := admitted{token: client.Zxid(1 + rand.N(5) + 3*len(seen[resource])/4), shared: rand.N(2) == 0}
			want := true
			for _, was := range seen[resource] {
				if was.token > now.token && !(was.shared && now.shared) {
					want = false
				}
			}
			admit := g.Admit
			if now.shared {
				admit = g.AdmitShared
			}
			switch err := admit(within(t), resource, now.token); {
			case want && err != nil, !want && !errors.Is(err, recipes.ErrFenced):
				t.Fatalf("%s %+v after %+v: %v", resource, now, seen[resource], err)
			}
			if want {
				seen[resource] = append(seen[resource], now)
			}
		}
	})
}

// TestFenceGateIsAskedByMany: whatever the order in which tokens arrive, at each moment only those above the last are admitted.
func TestFenceGateIsAskedByMany(t *testing.T) {
	root := tree(t)
	memory := recipes.NewMemoryGate(0)
	clients := []*client.Client{view(t, root), view(t, root)}
	for name, gate := range map[string]func(i int) recipes.FenceGate{
		"memory": func(int) recipes.FenceGate { return memory },
		"znode":  func(i int) recipes.FenceGate { return recipes.NewZnodeGate(clients[i%2], "/gate") },
	} {
		t.Run(name, func(t *testing.T) {
			const tokens = 64
			var mu sync.Mutex
			var highest client.Zxid // of those whose Admit has returned
			var asking sync.WaitGroup
			for i := range 8 {
				asking.Go(func() {
					for _, n := range rand.Perm(tokens) {
						token := client.Zxid(1 + n)
						mu.Lock()
						before := highest
						mu.Unlock()
						err := gate(i).Admit(within(t), "r", token)
						if err != nil && !errors.Is(err, recipes.ErrFenced) || err == nil && token < before {
							t.Errorf("%v after %v: %v", token, before, err)
						}
						if err == nil {
							mu.Lock()
							highest = max(highest, token)
							mu.Unlock()
						}
					}
				})
			}
			asking.Wait()
			if err := gate(0).Admit(within(t), "r", tokens-1); !errors.Is(err, recipes.ErrFenced) {
				t.Errorf("the last but one: %v", err)
			}
			if err := gate(0).Admit(within(t), "r", tokens); err != nil {
				t.Errorf("the last: %v", err)
			}
		})
	}
}

func TestMemoryGateChecksAndActsAsOne(t *testing.T) {
	g := recipes.NewMemoryGate(0)
	acting, end := make(chan struct{}), make(chan struct{})
	var old sync.WaitGroup
	old.Go(func() {
		if err := g.Do(within(t), "r", 1, func() error { close(acting); <-end; return nil }); err != nil {
			t.Error(err)
		}
	})
	done(t, "the act", acting)

	short, cancel := context.WithCancelCause(t.Context())
	impatient := errors.New("impatient")
	cancel(impatient)
	if err := g.Admit(short, "r", 2); !errors.Is(err, impatient) {
		t.Errorf("a newer token, while the older one acts: %v", err)
	}
	if err := g.Admit(within(t), "another", 1); err != nil {
		t.Error(err)
	}
	close(end)
	old.Wait()

	failure := errors.New("disk full")
	if err := g.Do(within(t), "r", 2, func() error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	late := func() error { t.Error("the older one has acted after the newer one"); return nil }
	if err := g.Do(within(t), "r", 1, late); !errors.Is(err, recipes.ErrFenced) {
		t.Error(err)
	}
}

func TestMemoryGateThatIsMadeAnew(t *testing.T) {
	c := view(t, tree(t))
	before := acquire(t, recipes.NewLock(c, "/l"))
	defer release(t, before)

	var now client.Zxid
	if _, _, err := c.Exists(within(t), "/", client.WithZxid(&now)); err != nil {
		t.Fatal(err)
	}
	g := recipes.NewMemoryGate(now + 1) // as if anything at all had happened since
	if err := g.Admit(within(t), "r", before.Fence()); !errors.Is(err, recipes.ErrFenced) {
		t.Errorf("a hold from before: %v", err)
	}
	after := acquire(t, recipes.NewLock(c, "/another"))
	defer release(t, after)
	if err := g.Admit(within(t), "r", after.Fence()); err != nil {
		t.Errorf("a hold from after: %v", err)
	}
}

func TestZnodeGateOutlivesItsProcess(t *testing.T) {
	root := tree(t)
	if err := recipes.NewZnodeGate(view(t, root), "/deep/gate").Admit(within(t), "r", 7); err != nil {
		t.Fatal(err)
	}
	again := recipes.NewZnodeGate(view(t, root), "/deep/gate")
	if err := again.Admit(within(t), "r", 6); !errors.Is(err, recipes.ErrFenced) {
		t.Error(err)
	}
	if err := again.Admit(within(t), "", 8); err == nil {
		t.Error("a resource without a name")
	}
}

func TestZnodeGateThatSomebodyWritesTo(t *testing.T) {
	c := view(t, tree(t))
	g := recipes.NewZnodeGate(c, "/gate")
	if err := g.Admit(within(t), "r", 7); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Set(within(t), "/gate/r", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if err := g.Admit(within(t), "r", 8); err == nil || errors.Is(err, recipes.ErrFenced) {
		t.Errorf("what it cannot read it must not admit: %v", err)
	}
}

// TestFenceGateStopsAHolderThatWasPaused is what gates are for.
func TestFenceGateStopsAHolderThatWasPaused(t *testing.T) {
	cluster := servertest.Start(t, 1)
	slow, other := cluster.Client(t, shortSession), cluster.Client(t)
	g := recipes.NewMemoryGate(0)
	old := acquire(t, recipes.NewLock(slow, "/l"))
	if err := g.Admit(within(t), "r", old.Fence()); err != nil {
		t.Fatal(err)
	}
	cluster.HoldSession(slow.Session().ID)
	next := acquire(t, recipes.NewLock(other, "/l"))
	if err := g.Admit(within(t), "r", next.Fence()); err != nil {
		t.Fatal(err)
	}
	cluster.ReleaseSession(slow.Session().ID)
	if err := g.Admit(within(t), "r", old.Fence()); !errors.Is(err, recipes.ErrFenced) {
		t.Errorf("the paused holder has not looked at its context, and acts: %v", err)
	}
	release(t, old)
	release(t, next)
}

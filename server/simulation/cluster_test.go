package simulation

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// inCluster calls f in a bubble with three servers.
func inCluster(t *testing.T, f func(t *testing.T, c *cluster)) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		c, err := newCluster(rand.New(rand.NewPCG(1, 2)), 3, newTrace(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		f(t, c)
	})
}

// TestEveryFaultEnds: after each kind of fault, made several times, all is well again.
func TestEveryFaultEnds(t *testing.T) {
	for kind := range faultKinds {
		t.Run(faultNames[kind], func(t *testing.T) {
			inCluster(t, func(t *testing.T, c *cluster) {
				m := newNemesis(rand.New(rand.NewPCG(3, 4)), c, 2)
				for range 3 {
					m.inflict(kind)
					time.Sleep(100 * time.Millisecond)
				}
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				m.run(ended)
				r := &run{cluster: c, clients: 1, result: new(Result), rng: rand.New(rand.NewPCG(5, 6))}
				if r.recovers(); m.err != nil || len(r.result.Wrong) > 0 {
					t.Fatal(m.err, r.result.Wrong)
				}
				if err := r.converge(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestBeliefIsLookedAt: a session that ends while its client believes in it is a violation, one that its client has closed is not.
func TestBeliefIsLookedAt(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		cl, err := c.dial(t.Context(), 0, client.Config{SessionTimeout: sessionTimeout})
		if err != nil {
			t.Fatal(err)
		}
		id := cl.Session().ID
		c.noneBelieves(id+1, 7)
		if wrong := c.violations(); len(wrong) > 0 {
			t.Errorf("the end of another session: %v", wrong)
		}
		c.noneBelieves(id, 8)
		if wrong := c.violations(); len(wrong) != 1 || !strings.HasPrefix(wrong[0].Error(), "P5: ") {
			t.Errorf("the end of its own: %v", wrong)
		}
		if err := cl.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.noneBelieves(id, 9)
		if wrong := c.violations(); len(wrong) != 1 {
			t.Errorf("after it was closed: %v", wrong[1:])
		}
	})
}

// TestWhoStaysIsFound: a session that is left behind is found out, and is over in time if it was abandoned.
func TestWhoStaysIsFound(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		cl, err := c.dial(t.Context(), 0, client.Config{SessionTimeout: sessionTimeout})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := cl.Create(t.Context(), "/mine", nil, client.Ephemeral()); err != nil {
			t.Fatal(err)
		}
		r := &run{cluster: c, result: new(Result)}
		if err := r.empties(); err == nil || !strings.HasPrefix(err.Error(), "P4: ") || !strings.Contains(err.Error(), "/mine") {
			t.Errorf("with a client that stays: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_ = cl.Close(gone) // says that the session was not closed
		if err := r.empties(); err != nil {
			t.Errorf("after it has left without a word: %v", err)
		}
	})
}

// TestNoMajority: what comes back without a majority is found out.
func TestNoMajority(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.crash(c.nodes[0])
		c.crash(c.nodes[2])
		r := &run{cluster: c, result: new(Result), rng: rand.New(rand.NewPCG(5, 6))}
		r.recovers()
		if wrong := r.result.Wrong; len(wrong) != 1 || !strings.HasPrefix(wrong[0].Error(), "P12: ") {
			t.Errorf("got %v", wrong)
		}
		if err := r.converge(); err == nil {
			t.Error("nobody misses two servers")
		}
	})
}

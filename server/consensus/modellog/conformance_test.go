package modellog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/internal/ports"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/consensus"
)

// promises are what every log must do.
var promises = map[string]func(p *party){
	"all replicas apply the same in the same order": func(p *party) {
		var want []string
		for i := range 30 {
			cmd := fmt.Sprint("command ", i)
			p.submit(uint64(1+i%3), cmd)
			want = append(want, cmd)
		}
		p.allHave(want)
		for id := uint64(1); id <= 3; id++ {
			if s := p.logs[id].Status(); s.Replica != id || !s.Ready || s.Boot != 1 || s.Applied < 30 || s.Leader == 0 || len(s.Members) != 3 {
				p.t.Errorf("status of %d: %+v", id, s)
			}
		}
	},
	"a barrier sees what was acknowledged elsewhere": func(p *party) {
		for i := range 30 {
			cmd := fmt.Sprint("command ", i)
			p.submit(uint64(1+i%3), cmd)
			reader := uint64(1 + (i+1+i/3%2)%3)
			if p.first(reader); !p.states[reader].contains(cmd) {
				p.t.Errorf("replica %d passed a barrier without %q", reader, cmd)
			}
		}
	},
	"what cannot be a command has no effect": func(p *party) {
		for _, size := range []int{0, consensus.CommandBytesMax + 1} {
			if err := p.logs[1].Submit(p.ctx, make([]byte, size)); !errors.Is(err, consensus.ErrCommandTooLarge) {
				p.t.Errorf("%d bytes: %v", size, err)
			}
		}
		over, cancel := context.WithCancel(p.ctx)
		cancel()
		if err := p.logs[1].Submit(over, []byte("too late")); !errors.Is(err, context.Canceled) {
			p.t.Errorf("submit for a caller who has gone: %v", err)
		}
		large := bytes.Repeat([]byte("x"), 1<<20)
		p.submit(2, string(large))
		large[0] = 'y' // belongs to the caller again
		p.allHave([]string{string(bytes.Repeat([]byte("x"), 1<<20))})
	},
	"without a quorum everybody waits": func(p *party) {
		p.submit(1, "before")
		p.stop(2, 3)
		short, cancel := context.WithTimeout(p.ctx, 500*time.Millisecond)
		defer cancel()
		if err := p.logs[1].Submit(short, []byte("in vain")); !errors.Is(err, context.DeadlineExceeded) {
			p.t.Errorf("submit without a quorum: %v", err)
		}
		submitted, passed := make(chan error, 1), make(onceWaiter, 1)
		go func() { submitted <- p.logs[1].Submit(p.ctx, []byte("patient")) }()
		p.logs[1].Barrier(passed)
		p.start(2)
		if err := <-submitted; err != nil {
			p.t.Errorf("submit after the quorum returned: %v", err)
		}
		if err := <-passed; err != nil {
			p.t.Errorf("barrier after the quorum returned: %v", err)
		}
	},
	"whoever waits at a log that is closed is told": func(p *party) {
		p.stop(2, 3)
		submitted, passed := make(chan error, 1), make(onceWaiter, 2)
		log := p.logs[1]
		go func() { submitted <- log.Submit(p.ctx, []byte("x")) }()
		log.Barrier(passed)
		p.stop(1)
		log.Barrier(passed)
		for what, err := range map[string]error{
			"submit": <-submitted, "barrier": <-passed, "barrier afterwards": <-passed,
			"submit afterwards": log.Submit(p.ctx, []byte("x")), "ready afterwards": log.Ready(p.ctx),
		} {
			if !errors.Is(err, consensus.ErrClosed) {
				p.t.Errorf("%s: %v", what, err)
			}
		}
		if err := log.Close(); err != nil {
			p.t.Errorf("second Close: %v", err)
		}
	},
	"after a restart everything is applied again, from a snapshot and what came after": func(p *party) {
		var want []string
		for i := range 6*snapshotEvery + 10 {
			want = append(want, fmt.Sprint("command ", i))
			p.submit(uint64(1+i%3), want[i])
		}
		p.stop(1, 2, 3)
		p.start(1, 2, 3)
		p.allHave(want)
		for id := uint64(1); id <= 3; id++ {
			if p.states[id].recoveries() == 0 || p.logs[id].Boot() != 2 {
				p.t.Errorf("replica %d: %d recoveries at boot %d", id, p.states[id].recoveries(), p.logs[id].Boot())
			}
		}
	},
	"who was away for long gets a snapshot": func(p *party) {
		want := []string{"first"}
		p.submit(1, "first")
		p.stop(3)
		for i := range 6 * snapshotEvery {
			want = append(want, fmt.Sprint("command ", i))
			p.submit(uint64(1+i%2), want[i+1])
		}
		p.start(3)
		p.allHave(want)
		if p.states[3].recoveries() == 0 {
			p.t.Error("it did not")
		}
	},
	"leadership is handed over, and that is told in order": func(p *party) {
		for i := range 4 {
			id := uint64(1 + i%3)
			if err := p.logs[1].TransferLeadershipTo(p.ctx, id); err != nil {
				p.t.Fatal(err)
			}
			if now, _, known := p.logs[1].Leader(); now != id || !known {
				p.t.Errorf("replica %d leads instead of %d", now, id)
			}
			p.submit(id, fmt.Sprint("command ", i))
		}
		if err := p.logs[1].TransferLeadershipTo(p.ctx, 9); !errors.Is(err, consensus.ReasonUnknownMember) {
			p.t.Errorf("to a stranger: %v", err)
		}
		if err := p.logs[1].TransferLeadership(p.ctx); err != nil || p.logs[1].IsLeader() {
			p.t.Errorf("leads still: %v", err)
		}
		p.allHave([]string{"command 0", "command 1", "command 2", "command 3"})
	},
}

// keepPromises tests one kind of log with each of the promises. run gives check a party that is not started.
func keepPromises(t *testing.T, run func(t *testing.T, check func(p *party))) {
	for name, promise := range promises {
		t.Run(name, func(t *testing.T) {
			run(t, func(p *party) {
				var mu sync.Mutex
				var terms [4]uint64
				for id := uint64(1); id <= 3; id++ {
					p.cfg[id].LeaderChanged = func(_, term uint64) {
						mu.Lock()
						defer mu.Unlock()
						if term < terms[id] {
							t.Errorf("replica %d was told of term %d after %d", id, term, terms[id])
						}
						terms[id] = term
					}
				}
				defer func() {
					for _, log := range p.logs {
						if log != nil {
							log.Close()
						}
					}
				}()
				p.start(1, 2, 3)
				promise(p)
				for id := uint64(1); id <= 3; id++ {
					for _, wrong := range p.states[id].wrong {
						t.Errorf("replica %d: %s", id, wrong)
					}
				}
			})
		})
	}
}

func TestTheRealLogKeepsThePromises(t *testing.T) {
	keepPromises(t, func(t *testing.T, check func(p *party)) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		free, err := ports.Free(3)
		if err != nil {
			t.Fatal(err)
		}
		p := &party{t: t, ctx: ctx, open: func(cfg consensus.Config, m consensus.Machine) (server.Log, error) { return consensus.Open(cfg, m) }}
		for id := uint64(1); id <= 3; id++ {
			p.cfg[id] = consensus.Config{
				DataDir: filepath.Join(t.TempDir(), fmt.Sprint(id)), ReplicaID: id, RaftAddr: free[id-1],
				Members: map[uint64]string{1: free[0], 2: free[1], 3: free[2]}, SnapshotEntries: snapshotEvery,
				Log: zerolog.Nop(), Fatal: func(err error) { panic(err) }, Interrupt: ctx.Done(),
			}
		}
		check(p)
	})
}

func TestTheModelKeepsThePromises(t *testing.T) {
	keepPromises(t, func(t *testing.T, check func(p *party)) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := New(rand.New(rand.NewPCG(*flagSeed, 1)), 3, Rates{Drop: 0.05, Duplicate: 0.05, SnapshotEntries: snapshotEvery})
			p := &party{t: t, ctx: ctx, open: func(cfg consensus.Config, m consensus.Machine) (server.Log, error) { return c.Open(cfg, m) }}
			for id := uint64(1); id <= 3; id++ {
				p.cfg[id] = consensus.Config{ReplicaID: id, Members: map[uint64]string{1: "a:1", 2: "b:1", 3: "c:1"}}
			}
			check(p)
			c.Close()
		})
	})
}

func TestWhatTheModelRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(rand.New(rand.NewPCG(1, 1)), 1, Rates{})
		defer c.Close()
		if _, err := c.Open(consensus.Config{ReplicaID: 2}, newLedger()); !errors.Is(err, consensus.ReasonConfig) {
			t.Errorf("a replica that there is not: %v", err)
		}
		log, err := c.Open(consensus.Config{ReplicaID: 1}, newLedger())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(consensus.Config{ReplicaID: 1}, newLedger()); !errors.Is(err, consensus.ReasonLocked) {
			t.Errorf("one that runs: %v", err)
		}
		if err := log.AddMember(t.Context(), 2, "b:1"); !errors.Is(err, consensus.ReasonConfig) {
			t.Errorf("another member: %v", err)
		}
		if err := log.RemoveMember(t.Context(), 1); !errors.Is(err, consensus.ReasonConfig) {
			t.Errorf("one member less: %v", err)
		}
	})
}

package modellog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/consensus"
)

// snapshotEvery is the number of entries between snapshots in these tests.
const snapshotEvery = 20

// party is three replicas of one kind of log. Replicas are numbered from 1; index 0 is not used.
type party struct {
	t      *testing.T
	ctx    context.Context // ends a test that hangs
	open   func(cfg consensus.Config, m consensus.Machine) (server.Log, error)
	cfg    [4]consensus.Config
	logs   [4]server.Log // nil: closed
	states [4]*ledger
}

func (p *party) start(ids ...uint64) {
	p.t.Helper()
	var starting sync.WaitGroup
	errs := make([]error, 4)
	for _, id := range ids {
		p.states[id] = newLedger()
		starting.Go(func() { p.logs[id], errs[id] = p.open(p.cfg[id], p.states[id]) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *party) stop(ids ...uint64) {
	p.t.Helper()
	for _, id := range ids {
		if err := p.logs[id].Close(); err != nil {
			p.t.Fatal(err)
		}
		p.logs[id] = nil
	}
}

func (p *party) submit(id uint64, cmd string) {
	p.t.Helper()
	if err := p.logs[id].Submit(p.ctx, []byte(cmd)); err != nil {
		p.t.Fatalf("submit on %d: %v", id, err)
	}
	if !p.states[id].contains(cmd) {
		p.t.Errorf("submit of %q on %d returned and it is not applied there", cmd, id)
	}
}

// first is the commands that replica id has, each once, after a barrier.
func (p *party) first(id uint64) (list []string) {
	p.t.Helper()
	if err := p.logs[id].Ready(p.ctx); err != nil {
		p.t.Fatalf("barrier on %d: %v", id, err)
	}
	seen := map[string]bool{}
	for _, at := range p.states[id].places() {
		if !seen[at.Cmd] {
			seen[at.Cmd] = true
			list = append(list, at.Cmd)
		}
	}
	return list
}

func (p *party) allHave(want []string) {
	p.t.Helper()
	for id := uint64(1); id <= 3; id++ {
		if got := p.first(id); !slices.Equal(got, want) {
			p.t.Errorf("replica %d has %d commands, want %d: %.300q", id, len(got), len(want), got)
		}
	}
}

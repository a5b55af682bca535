package modellog

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// ledger is a machine that remembers every command, with its place, and whether it was used as a machine must be.
type ledger struct {
	used      sync.Mutex // held while the machine is used as such
	mu        sync.Mutex
	list      []place
	has       map[string]bool
	recovered int
	wrong     []string
}

type place struct {
	Index uint64
	Cmd   string
}

func newLedger() *ledger { return &ledger{has: map[string]bool{}} }

// use notes that Apply, Recover or Snapshot began, and returns what ends it.
func (g *ledger) use(what string) (end func()) {
	alone := g.used.TryLock()
	g.mu.Lock()
	if !alone {
		g.wrong = append(g.wrong, what+" while the machine was used already")
	}
	return func() {
		g.mu.Unlock()
		if alone {
			g.used.Unlock()
		}
	}
}

func (g *ledger) Apply(entries []consensus.Entry) {
	defer g.use("Apply")()
	for _, e := range entries {
		if n := len(g.list); n > 0 && g.list[n-1].Index >= e.Index {
			g.wrong = append(g.wrong, fmt.Sprintf("entry %d after %d", e.Index, g.list[n-1].Index))
		}
		g.list = append(g.list, place{e.Index, string(e.Cmd)})
		g.has[string(e.Cmd)] = true
	}
}

func (g *ledger) Snapshot() (consensus.Snapshot, error) {
	defer g.use("Snapshot")()
	return ledgerSnapshot(slices.Clone(g.list)), nil
}

type ledgerSnapshot []place

func (s ledgerSnapshot) WriteTo(w io.Writer, _ <-chan struct{}) error {
	return json.NewEncoder(w).Encode(s)
}

func (ledgerSnapshot) Close() {}

func (g *ledger) Recover(r io.Reader) error {
	var list []place
	if err := json.NewDecoder(r).Decode(&list); err != nil {
		return err
	}
	defer g.use("Recover")()
	if len(list) < len(g.list) {
		g.wrong = append(g.wrong, fmt.Sprintf("a state of %d commands in place of one of %d", len(list), len(g.list)))
	}
	g.list, g.has = list, map[string]bool{}
	for _, p := range list {
		g.has[p.Cmd] = true
	}
	g.recovered++
	return nil
}

// Booted knows nobody: no replica loses its data here.
func (g *ledger) Booted(uint64) bool { return false }

func (g *ledger) contains(cmd string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.has[cmd]
}

func (g *ledger) places() []place {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}

func (g *ledger) recoveries() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.recovered
}

package recipes_test

import (
	"context"
	"strconv"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

const (
	// observersMax is how many observe an election, each on a server of its own.
	observersMax = 3

	// replacedAfter is after how many terms the last observer is replaced by another, which goes on behind it.
	replacedAfter = 7
)

// observe lets the observers begin, and one that watches the ledger.
func (r *electionRun) observe() {
	t := r.t
	for i := range observersMax {
		c := r.cluster.Client(t, func(c *client.Config) { c.Servers, c.Renew = r.cluster.Addrs()[i:i+1], true })
		election := recipes.NewElection(c, electionPath)
		o, err := election.Observe(within(t))
		must(t, err)
		replaced := 1 << 30
		if i == observersMax-1 {
			replaced = replacedAfter
		}
		r.observers.Go(func() { r.observer(i, election, o, replaced) })
	}
	w, err := r.cluster.Client(t, renewing).AddWatch(within(t), ledgerPath, client.WithNode())
	must(t, err)
	r.observers.Go(func() { r.ledger(w) })
}

// observer records what an observation tells, until the last term.
func (r *electionRun) observer(i int, election *recipes.Election, o *recipes.Observation, replaced int) {
	defer func() { o.Close() }()
	for n := 1; ; n++ {
		var term recipes.Term
		var open bool
		select {
		case term, open = <-o.C():
		case <-r.over.Done():
		}
		if !open {
			r.record.wrong("observer %d has not seen the end: %v", i, o.Err())
			return
		}
		r.record.observed[i] = append(r.record.observed[i], term)
		if string(term.Value) == lastValue {
			return
		}
		if n%replaced == 0 {
			o.Close()
			next, err := election.Observe(r.t.Context(), recipes.ObserveAfter(term))
			if err != nil {
				r.record.wrong("observer %d, after %v: %v", i, term.At, err)
				return
			}
			o = next
		}
	}
}

// ledger records who has written, and when.
func (r *electionRun) ledger(w *client.PersistentWatch) {
	defer w.Close()
	stop := context.AfterFunc(r.over, w.Close)
	defer stop()
	for e := range w.C() {
		if e.Type == client.EventGap {
			r.record.wrong("the ledger has a gap")
			return
		}
		if string(e.Data) == lastValue {
			return
		}
		term, err := strconv.ParseInt(string(e.Data), 10, 64)
		if err != nil {
			r.record.wrong("the ledger has %q", e.Data)
			return
		}
		r.record.written = append(r.record.written, ledgerEntry{at: e.Zxid, term: client.Zxid(term)})
	}
	r.record.wrong("the ledger: %v", w.Err())
}

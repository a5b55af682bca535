package main

import (
	"math"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func observeVerb() *verb {
	return &verb{
		name: "observe", args: "NAME", argsMin: 1, argsMax: 1, long: true, group: "Coordination",
		summary: "print who leads in an election, each term and each value once, until Ctrl-C",
		options: []option{
			{"", "leader", "", "only terms: that nobody leads is not printed, and not counted"},
			{"", "count", "NUMBER", "end after so many"},
			{"", "since", "ZXID", "begin behind that transaction, the at of an earlier line; 0: from the start"},
		},
		details: `It begins with who leads now, and goes on over reconnects, and over the end of its session, without missing
a term. If the servers do not remember what has happened since ZXID, the line says that some may be missing.
NAME is as for elect. If nobody leads at first that is a line too; a script waits for a leader with --leader.

  observe scheduler
  cox observe --leader --count 1 --json scheduler
  cox observe --since 0x1f scheduler`,
		run: runObserve,
	}
}

// termRecord is one term, or that nobody leads.
type termRecord struct {
	Term    uint64 `json:"term,omitempty"` // absent: nobody leads
	Session string `json:"session,omitempty"`
	Node    string `json:"node,omitempty"`
	At      string `json:"at"`
	Missed  bool   `json:"missed,omitempty"`
	*dataRecord

	of recipes.Term
}

func newTermRecord(t recipes.Term) *termRecord {
	r := &termRecord{At: t.At.String(), Missed: t.Missed, of: t}
	if t.Zxid != 0 {
		data := newDataRecord(t.Value)
		r.Term, r.Session, r.Node, r.dataRecord = uint64(t.Zxid), t.Session.String(), t.Path, &data
	}
	return r
}

func (r *termRecord) text(o *output) {
	if r.Missed {
		o.printf("some terms may be missing here\n")
	}
	if r.Term == 0 {
		o.printf("nobody leads (at %s)\n", r.At)
		return
	}
	o.printf("term %d  session %s (at %s) = %s\n", r.Term, r.Session, r.At, string(r.of.Value))
}

func runObserve(c *call) error {
	path, err := c.place(c.args[0], "/elections")
	if err != nil {
		return err
	}
	count, err := c.number(c.verb, "count", math.MaxInt, math.MaxInt)
	if err != nil {
		return err
	}
	var options []recipes.ObserveOption
	z, ok, err := c.zxid(c.verb, "since")
	if err != nil {
		return err
	}
	if ok {
		options = append(options, recipes.ObserveAfter(recipes.Term{At: z}))
	}
	cl, err := c.forLong()
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	observation, err := recipes.NewElection(cl, path).Observe(ctx, options...)
	cancel()
	if err != nil {
		return err
	}
	defer observation.Close()
	return c.printTerms(cl, observation, count)
}

func (c *call) printTerms(cl *client.Client, observation *recipes.Observation, count int) error {
	n := c.news(cl, "the observation")
	missed := false // of the terms that were left out, too
	for count > 0 {
		select {
		case <-c.ctx.Done():
			return nil // the usual end
		case <-n.changed():
		case term, ok := <-observation.C():
			if !ok {
				return observation.Err()
			}
			missed = missed || term.Missed
			if term.Zxid == 0 && c.has("leader") {
				continue
			}
			term.Missed, missed = missed, false
			if err := c.give(newTermRecord(term)); err != nil {
				return err
			}
			count--
		}
	}
	return nil
}

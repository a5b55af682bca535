package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// question is what a client wants to know of a session of its own that has ended: the fate of the writes that were sent and
// not answered. Their callers still wait.
type question struct {
	id       session.ID
	password wire.Password
	calls    []*call   // ascending by number
	asked    bool      // a request is in flight
	deadline time.Time // when the callers are told that it is unknown
}

// writeOf returns the name of one of the calls in question.
func (q *question) writeOf(cl *call) *WriteID {
	return &WriteID{q.id, secretOf(q.password), cl.seq, cl.kind}
}

// questions are those that are open, and the timer that ends them. They are guarded by Client.mu.
type questions struct {
	open  []*question
	timer *time.Timer // nil: there was no question yet
}

// questionSent takes the writes that were sent out of the queue of the session that has ended, to ask for their fate. The
// questions that were open stay: the session in which they were asked is the one that has ended. The caller holds mu.
func (c *core) questionSent() {
	for _, q := range c.questions.open {
		q.asked = false
	}
	q := &question{id: c.session.id, password: c.session.password, deadline: time.Now().Add(outcomeWaitMax)}
	c.queue.remove(func(cl *call) bool {
		if cl.seq == 0 || !cl.sent || cl.abandoned || c.session.foreign {
			return false
		}
		q.calls = append(q.calls, cl)
		return true
	})
	if len(q.calls) == 0 {
		return
	}
	for _, cl := range q.calls {
		cl.place, cl.asks = questioned, q
	}
	c.questions.open = append(c.questions.open, q)
	if c.questions.timer == nil {
		c.questions.timer = time.AfterFunc(outcomeWaitMax, c.endQuestions)
	} else {
		c.questions.timer.Reset(time.Until(c.questions.open[0].deadline))
	}
}

// askOutcomes puts requests in front of the queue for the questions that are not being asked. The caller holds mu.
func (c *core) askOutcomes() {
	var calls []*call
	for _, q := range c.questions.open {
		if !q.asked {
			calls = append(calls, c.ask(q))
		}
	}
	c.queue.prepend(calls)
}

// ask returns a request for the fate of the first of the writes in question and those behind it. The caller holds mu.
func (c *core) ask(q *question) *call {
	cl := c.newCall(wire.Outcomes)
	cl.encode(&wire.Request{Kind: wire.Outcomes, Target: q.id, Password: q.password, FromSeq: q.calls[0].seq})
	cl.asks, cl.abandoned = q, true
	q.asked = true
	return cl
}

// learned handles the answer to a question: the calls whose replies the service has recorded end with them, as if they had
// come in time. The caller holds mu.
func (c *core) learned(q *question, f *wire.ServerFrame) {
	q.asked = false
	if len(q.calls) == 0 {
		return // nobody waits any more
	}
	var told session.Seq // up to here
	head, err := wire.DecodeOutcomes(f.Result, func(seq session.Seq, code Code, zxid Zxid, result []byte) {
		told = max(told, seq)
		i, found := slices.BinarySearchFunc(q.calls, seq, func(cl *call, seq session.Seq) int { return cmp.Compare(cl.seq, seq) })
		if !found {
			return
		}
		cl := q.calls[i]
		q.calls = slices.Delete(q.calls, i, i+1)
		cl.place, cl.asks = outside, nil
		cl.code, cl.zxid, cl.result = code, zxid, append(cl.result, result...)
		cl.done <- struct{}{}
	})
	if f.Code != wire.CodeOK || err != nil {
		head = wire.OutcomesHead{}
	}
	more := head.More && told > 0
	q.calls = slices.DeleteFunc(q.calls, func(cl *call) bool {
		switch {
		case head.Ended && cl.seq > head.Last:
			cl.asks = nil
			cl.finish(&ending{state: Expired, detail: "the write had not been carried out when the session ended"})
		case more && cl.seq > told:
			return false
		default:
			q.giveUp(cl)
		}
		return true
	})
	if len(q.calls) > 0 {
		c.launch(c.ask(q))
		return
	}
	c.closeQuestions()
}

// unquestion takes out a call for which nobody waits any more. The caller holds mu.
func (c *core) unquestion(cl *call) {
	q := cl.asks
	q.calls = slices.DeleteFunc(q.calls, func(other *call) bool { return other == cl })
	cl.place, cl.asks = outside, nil
	c.closeQuestions()
}

// giveUp tells the caller of a write in question that its fate is unknown.
func (q *question) giveUp(cl *call) {
	write := q.writeOf(cl)
	cl.asks = nil
	cl.finish(&ending{state: Expired, unknown: true, write: write})
}

// endQuestions gives up the questions whose time has come.
func (c *core) endQuestions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.giveUpQuestions(func(q *question) bool { return !now.Before(q.deadline) })
	if len(c.questions.open) > 0 {
		c.questions.timer.Reset(c.questions.open[0].deadline.Sub(now))
	}
}

// giveUpQuestions gives up the questions that are due. The caller holds mu.
func (c *core) giveUpQuestions(due func(*question) bool) {
	for _, q := range c.questions.open {
		if !due(q) {
			continue
		}
		for _, cl := range q.calls {
			q.giveUp(cl)
		}
		q.calls = nil
	}
	c.closeQuestions()
}

// closeQuestions forgets the questions for which nobody waits. The caller holds mu.
func (c *core) closeQuestions() {
	c.questions.open = slices.DeleteFunc(c.questions.open, func(q *question) bool { return len(q.calls) == 0 })
	if len(c.questions.open) == 0 && c.questions.timer != nil {
		c.questions.timer.Stop()
	}
}

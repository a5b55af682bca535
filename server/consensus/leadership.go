package consensus

import "sync/atomic"

// view is what this replica believes about the leader, with a channel that closes when that changes.
type view struct {
	leader  uint64 // 0: none is known
	term    uint64
	changed chan struct{}
}

// same reports whether both views mean the same leadership.
func (v *view) same(w *view) bool { return v.leader == w.leader && v.term == w.term }

// leadership is the newest view. Set by one goroutine, read by any.
type leadership struct{ newest atomic.Pointer[view] }

func newLeadership() *leadership {
	l := new(leadership)
	l.newest.Store(&view{changed: make(chan struct{})})
	return l
}

func (l *leadership) view() *view { return l.newest.Load() }

func (l *leadership) set(leader, term uint64) {
	old := l.newest.Load()
	if old.leader == leader && old.term == term {
		return
	}
	l.newest.Store(&view{leader: leader, term: term, changed: make(chan struct{})})
	close(old.changed)
}

package recipes_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// lateMax is how late, on a busy machine, a timer may end the context of a leadership of which Err already says that it is over.
const lateMax = 200 * time.Millisecond

// electionRecord is what has happened in an election, as far as its parts know.
type electionRecord struct {
	mu       sync.Mutex
	grants   []*reign
	values   map[client.Zxid][]string // that were certainly proclaimed in a term, in order
	overlaps []overlap
	late     int // contexts that ended when the next leadership had begun already, within lateMax

	killed  map[client.SessionID]bool // sessions that an operator has ended, or tried to
	deleted map[client.Zxid]bool      // terms whose node a stranger has deleted, or tried to

	cancelled, expired, lost int // campaigns
	commits, refused         int
	unexpected               []string

	// each owned by its observer until that has ended
	observed [observersMax][]recipes.Term
	written  []ledgerEntry
}

// reign is a leadership as its candidate knows it.
type reign struct {
	leader *recipes.Leadership // nil in the test of the judge
	term   client.Zxid
	value  string
}

// overlap is two leaderships that were alive at one moment.
type overlap struct{ older, newer *reign }

// ledgerEntry is what a leader has written.
type ledgerEntry struct{ at, term client.Zxid }

// granted notes a leadership at the moment it begins, and looks who else leads. Whoever does now has led when this one began,
// so no overlap is missed.
func (r *electionRecord) granted(l *recipes.Leadership, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &reign{leader: l, term: l.Term(), value: value}
	for _, older := range r.grants {
		alive, certain := older.leader.Context().Err() == nil, older.leader.Err() == nil
		switch {
		case !alive || l.Err() != nil: // asked after the older one: what has ended stays so
		case !certain:
			r.late++
			select {
			case <-older.leader.Context().Done():
			case <-time.After(lateMax):
				r.overlaps = append(r.overlaps, overlap{older, g})
			}
		default:
			r.overlaps = append(r.overlaps, overlap{older, g})
		}
	}
	r.grants = append(r.grants, g)
}

func (r *electionRecord) proclaimed(l *recipes.Leadership, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values == nil {
		r.values = map[client.Zxid][]string{}
	}
	r.values[l.Term()] = append(r.values[l.Term()], value)
}

// attacked notes that a stranger is about to delete the node of a term, or to end its session.
func (r *electionRecord) attacked(term recipes.Term, session bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted == nil {
		r.deleted, r.killed = map[client.Zxid]bool{}, map[client.SessionID]bool{}
	}
	r.deleted[term.Zxid] = true
	if session {
		r.killed[term.Session] = true
	}
}

func (r *electionRecord) count(n *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
}

func (r *electionRecord) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unexpected = append(r.unexpected, fmt.Sprintf(format, args...))
}

func (r *electionRecord) leaders() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.grants)
}

// judge returns what should not have happened, when everything is over:
//
//   - two leaderships at one moment, unless somebody had deleted the older one's node or ended its session behind its back;
//   - terms that are told twice, not in order, not by all observers, or not at all although they were granted;
//   - values that were proclaimed and are not told in their term, in order;
//   - an observer that has missed something: here the servers' history reaches back to the beginning;
//   - a leader that has written at another time than in its term, which is known to the transaction.
func (r *electionRecord) judge() (wrong []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wrong = slices.Clone(r.unexpected)
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	sessions := map[client.Zxid]client.SessionID{}
	for _, term := range r.observed[0] {
		sessions[term.Zxid] = term.Session
	}
	for _, o := range r.overlaps {
		if !r.deleted[o.older.term] && !r.killed[sessions[o.older.term]] {
			say("terms %v and %v were alive at once", o.older.term, o.newer.term)
		}
	}
	for i, told := range r.observed {
		values := map[client.Zxid][]string{}
		last := client.Zxid(0)
		for n, term := range told {
			switch {
			case term.Missed:
				say("observer %d has missed something before term %v", i, term.Zxid)
			case n > 0 && term.At <= told[n-1].At:
				say("observer %d was told of transaction %v after %v", i, term.At, told[n-1].At)
			case n > 0 && term.Zxid == told[n-1].Zxid && string(term.Value) == string(told[n-1].Value):
				say("observer %d was told %s twice", i, brief(term))
			case term.Zxid != 0 && (term.Zxid < last || term.Zxid == last && told[n-1].Zxid != last):
				say("observer %d was told term %v after %v", i, term.Zxid, last)
			}
			last = max(last, term.Zxid)
			values[term.Zxid] = append(values[term.Zxid], string(term.Value))
		}
		for _, g := range r.grants {
			if !inOrder(append([]string{g.value}, r.values[g.term]...), values[g.term]) {
				say("observer %d was told %q of term %v, whose leader has proclaimed %q and %q", i, values[g.term], g.term, g.value, r.values[g.term])
			}
		}
		for n := range min(len(told), len(r.observed[0])) {
			if a, b := r.observed[0][n], told[n]; a.Zxid != b.Zxid || string(a.Value) != string(b.Value) || n > 0 && a.At != b.At {
				say("%d.: observer 0 was told %s, observer %d %s", n, brief(a), i, brief(b))
				break
			}
		}
		if len(told) != len(r.observed[0]) {
			say("observer 0 was told %d things, observer %d %d", len(r.observed[0]), i, len(told))
		}
	}
	for _, w := range r.written {
		leads := client.Zxid(0)
		for _, term := range r.observed[0] {
			if term.At < w.at {
				leads = term.Zxid
			}
		}
		if leads != w.term {
			say("the leader of term %v has written at %v, in term %v", w.term, w.at, leads)
		}
	}
	return wrong
}

func brief(t recipes.Term) string { return fmt.Sprintf("term %v %q as of %v", t.Zxid, t.Value, t.At) }

// inOrder reports whether all of part are in whole, in the same order, the first one first.
func inOrder(part, whole []string) bool {
	if len(whole) == 0 || part[0] != whole[0] {
		return false
	}
	for _, s := range whole {
		if len(part) > 0 && part[0] == s {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// String tells the figures in one line.
func (r *electionRecord) String() string {
	terms := map[client.Zxid]bool{}
	for _, term := range r.observed[0] {
		terms[term.Zxid] = true
	}
	return fmt.Sprintf("%d leaders, %d terms and %d changes observed by each of %d; %d campaigns cancelled, %d expired, %d lost; "+
		"%d commits, %d refused; %d overlaps by force, %d late contexts", len(r.grants), len(terms)-1, len(r.observed[0]), observersMax,
		r.cancelled, r.expired, r.lost, r.commits, r.refused, len(r.overlaps), r.late)
}

// TestElectionJudge: the judge is content with what is right, and sees each thing that is wrong.
func TestElectionJudge(t *testing.T) {
	fine := func() *electionRecord {
		r := &electionRecord{
			grants:  []*reign{{term: 5, value: "a"}, {term: 7, value: "b"}, {term: 20, value: "c"}},
			values:  map[client.Zxid][]string{7: {"b1", "b2"}},
			written: []ledgerEntry{{6, 5}, {11, 7}, {21, 20}},
		}
		for i := range r.observed {
			r.observed[i] = []recipes.Term{{At: 1}, {Zxid: 5, At: 5, Value: []byte("a")}, {Zxid: 7, At: 10, Value: []byte("b")},
				{Zxid: 7, At: 12, Value: []byte("b1")}, {Zxid: 7, At: 13, Value: []byte("b2")}, {At: 15}, {Zxid: 20, At: 20, Value: []byte("c")}}
		}
		return r
	}
	if wrong := fine().judge(); len(wrong) > 0 {
		t.Errorf("content: %v", wrong)
	}
	forced := fine()
	forced.overlaps = []overlap{{forced.grants[0], forced.grants[1]}}
	forced.attacked(recipes.Term{Zxid: 5, Session: 1}, true)
	if wrong := forced.judge(); len(wrong) > 0 {
		t.Errorf("by force: %v", wrong)
	}
	for name, plant := range map[string]func(r *electionRecord){
		"two leaders":                  func(r *electionRecord) { r.overlaps = []overlap{{r.grants[0], r.grants[1]}} },
		"a term is not told":           func(r *electionRecord) { r.observed[1] = slices.Delete(r.observed[1], 1, 2) },
		"a value is not told":          func(r *electionRecord) { r.observed[2] = slices.Delete(r.observed[2], 3, 4) },
		"an end is not told":           func(r *electionRecord) { r.observed[2] = slices.Delete(r.observed[2], 5, 6) },
		"a term is told twice":         func(r *electionRecord) { r.observed[0] = slices.Insert(r.observed[0], 2, r.observed[0][1]) },
		"all have missed a term":       func(r *electionRecord) { r.grants = append(r.grants, &reign{term: 16, value: "x"}) },
		"terms are told out of order":  func(r *electionRecord) { o := r.observed[0]; o[1], o[2] = o[2], o[1] },
		"an observer says Missed":      func(r *electionRecord) { r.observed[1][3].Missed = true },
		"a term is told by its number": func(r *electionRecord) { r.observed[1][1].Value = []byte("z") },
		"written after the term":       func(r *electionRecord) { r.written[0].at = 11 },
		"written before the term":      func(r *electionRecord) { r.written[2].at = 19 },
		"something else":               func(r *electionRecord) { r.wrong("disk full") },
	} {
		r := fine()
		plant(r)
		if len(r.judge()) == 0 {
			t.Errorf("not seen: %s", name)
		}
	}
}

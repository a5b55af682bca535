package recipes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// electionHistory is an election as nobody can get it wrong: the nodes that there are, and all that led, found out by looking
// at each of the nodes after each transaction.
type electionHistory struct {
	random *rand.Rand
	zxid   client.Zxid
	number int // of the next candidate, which begins anew when the election's node does
	nodes  map[string]candidate
	led    []Term // each time the oldest node, or its value, was another than before
}

const historyPath = "/e"

// step carries out a random transaction and returns its events, in a random order where the service promises none.
func (h *electionHistory) step() (events []client.Event) {
	h.zxid++
	paths := make([]string, 0, len(h.nodes))
	for path := range h.nodes {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	h.random.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	remove := func(path string) {
		delete(h.nodes, path)
		events = append(events, client.Event{Zxid: h.zxid, Type: client.EventDeleted, Path: path})
	}
	switch n := h.random.IntN(20); {
	case n < 8 || len(paths) == 0:
		path := fmt.Sprintf("%s/candidate-%010d", historyPath, h.number)
		h.number++
		stat := client.Stat{Czxid: h.zxid, Owner: uint64(h.random.IntN(9))}
		events = append(events, h.set(client.EventCreated, candidate{path: path, stat: stat}))
	case n < 12:
		events = append(events, h.set(client.EventDataChanged, h.nodes[paths[0]]))
	case n < 14: // a session ends and takes several along
		for _, path := range paths[:1+h.random.IntN(len(paths))] {
			remove(path)
		}
	case n < 15: // the tree is deleted
		for _, path := range paths {
			remove(path)
		}
		remove(historyPath)
		h.number = 0
	case n < 17: // what is none of the election's business
		for _, path := range []string{historyPath, historyPath + "/delay", historyPath + "x/candidate-0000000000"} {
			events = append(events, client.Event{Zxid: h.zxid, Type: client.EventDataChanged, Path: path, Stat: client.Stat{Czxid: 1}})
		}
	default:
		oldest := h.oldest()
		remove(oldest.path)
	}
	h.note()
	return events
}

func (h *electionHistory) set(event client.EventType, c candidate) client.Event {
	c.value, c.stat.Mzxid = fmt.Appendf(nil, "%d", h.zxid), h.zxid
	h.nodes[c.path] = c
	return client.Event{Zxid: h.zxid, Type: event, Path: c.path, Stat: c.stat, Data: c.value}
}

// oldest returns the candidate that leads; its zxid is 0 if there is none.
func (h *electionHistory) oldest() (oldest candidate) {
	for _, c := range h.nodes {
		if oldest.stat.Czxid == 0 || c.stat.Czxid < oldest.stat.Czxid {
			oldest = c
		}
	}
	return oldest
}

func (h *electionHistory) note() {
	leads := h.oldest()
	last := Term{}
	if len(h.led) > 0 {
		last = h.led[len(h.led)-1]
	}
	if leads.stat.Czxid != last.Zxid || string(leads.value) != string(last.Value) {
		h.led = append(h.led, Term{Zxid: leads.stat.Czxid, Value: leads.value, Path: leads.path,
			Session: client.SessionID(leads.stat.Owner), At: h.zxid})
	}
}

func sameTerm(a, b Term) bool {
	return a.Zxid == b.Zxid && string(a.Value) == string(b.Value) && a.Path == b.Path && a.Session == b.Session && a.At == b.At
}

// TestSuccession: whatever happens, every term and every value is told once, in order, as of the transaction that made it so.
func TestSuccession(t *testing.T) {
	for seed := range uint64(200) {
		h := &electionHistory{random: rand.New(rand.NewPCG(seed, 1)), nodes: map[string]candidate{}}
		s := succession{path: historyPath}
		if nobody, news := s.next(0); !news || nobody.Zxid != 0 {
			t.Fatalf("at first: %v, %v", nobody, news)
		}
		var told []Term
		for range 200 {
			for _, e := range h.step() {
				s.apply(&e)
			}
			if term, news := s.next(h.zxid); news {
				told = append(told, term)
			}
		}
		if !slices.EqualFunc(told, h.led, sameTerm) {
			t.Fatalf("seed %d: told\n%v\nwas\n%v", seed, told, h.led)
		}
		for i, last := 0, client.Zxid(0); i < len(told); i++ {
			if told[i].Missed || told[i].Zxid != 0 && told[i].Zxid < last {
				t.Fatalf("seed %d: %v after term %v", seed, told[i], last)
			}
			last = max(last, told[i].Zxid)
		}
	}
}

// TestSuccessionWithGaps: after events were lost and the nodes were listed, what is told is what leads, and it is never silent
// about terms or values that were lost.
func TestSuccessionWithGaps(t *testing.T) {
	for seed := range uint64(200) {
		h := &electionHistory{random: rand.New(rand.NewPCG(seed, 2)), nodes: map[string]candidate{}}
		s := succession{path: historyPath}
		s.next(0)
		told := []Term{{}}
		for range 200 {
			if h.random.IntN(8) > 0 {
				for _, e := range h.step() {
					s.apply(&e)
				}
			} else {
				for range 1 + h.random.IntN(6) {
					h.step()
				}
				s.line, s.missed = nil, true
				for _, c := range h.nodes {
					s.put(c)
				}
			}
			if term, news := s.next(h.zxid); news {
				told = append(told, term)
			}
			if last, leads := told[len(told)-1], h.oldest(); last.Zxid != leads.stat.Czxid || string(last.Value) != string(leads.value) {
				t.Fatalf("seed %d: told %v, and %v leads", seed, last, leads)
			}
		}
		// Each term that was told without Missed follows directly, in what has led, on the one told before.
		led := append([]Term{{}}, h.led...)
		at := 0
		for i, term := range told[1:] {
			found := slices.IndexFunc(led[at:], func(l Term) bool {
				return l.Zxid == term.Zxid && string(l.Value) == string(term.Value) && l.At <= term.At
			})
			last := at
			for found >= 0 && at+found+1 < len(led) && led[at+found+1].At <= term.At { // nobody, and again nobody: the newest is it
				found++
			}
			if found < 0 {
				t.Fatalf("seed %d: %d. told was %v, which never was", seed, i, term)
			}
			at += found
			if at > last+1 && !term.Missed {
				t.Fatalf("seed %d: %v was told after %v, and nothing of what was between", seed, led[at], led[last])
			}
		}
	}
}

package history

import (
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// story writes a small history by hand.
type story struct{ h History }

// call adds an operation of a session, whose number is the client's too.
func (s *story) call(session client.SessionID, from, to int64, in Input, out Output) {
	if out.Fate == 0 {
		out.Fate = Applied
	}
	op := Operation{Client: int(session), Session: session, Call: from, Return: to, In: in, Out: out}
	s.h.Operations = append(s.h.Operations, op)
}

func (s *story) watch(w Stream, events ...client.Event) {
	for _, e := range events {
		w.Told = append(w.Told, Told{At: 1000, Event: e})
	}
	s.h.Streams = append(s.h.Streams, w)
}

func born(z client.Zxid, data string) client.Stat {
	return client.Stat{Czxid: z, Mzxid: z, Pzxid: z, DataLength: int64(len(data))}
}

func owned(stat client.Stat, owner client.SessionID) client.Stat {
	stat.Owner, stat.Kind = uint64(owner), client.KindEphemeral
	return stat
}

func created(path string, z client.Zxid, data string) Output {
	return Output{Path: path, Zxid: z, Stat: born(z, data)}
}

func create(path, data string) Input { return Input{Kind: Create, Path: path, Data: []byte(data)} }
func set(path, data string) Input    { return Input{Kind: Set, Path: path, Data: []byte(data)} }
func get(path string) Input          { return Input{Kind: Get, Path: path} }

func ephemeral(path string) Input {
	return Input{Kind: Create, Path: path, Mode: client.KindEphemeral}
}

func version(stat client.Stat, z client.Zxid, v int64, data string) client.Stat {
	stat.Mzxid, stat.Version, stat.DataLength = z, v, int64(len(data))
	return stat
}

func was(z client.Zxid, code client.Code) Output { return Output{Fate: Refused, Code: code, Zxid: z} }

// base is /a with "0", set to "1", and /e, an ephemeral of session 2.
func base() *story {
	s := &story{}
	s.call(1, 0, 10, create("/a", "0"), created("/a", 5, "0"))
	s.call(1, 20, 30, set("/a", "1"), Output{Zxid: 6, Stat: version(born(5, "0"), 6, 1, "1")})
	s.call(2, 20, 30, ephemeral("/e"), Output{Path: "/e", Zxid: 7, Stat: owned(born(7, ""), 2)})
	return s
}

func (s *story) got(session client.SessionID, from, to int64, z client.Zxid, data string, stat client.Stat) {
	s.call(session, from, to, get("/a"), Output{Zxid: z, Data: []byte(data), Stat: stat})
}

var (
	first  = born(5, "0")
	second = version(first, 6, 1, "1")
	third  = version(first, 8, 2, "2")
)

func created8(s *story) { s.call(1, 40, 50, set("/a", "2"), Output{Zxid: 8, Stat: third}) }

func event(z client.Zxid, of client.EventType, path string) client.Event {
	return client.Event{Zxid: z, Type: of, Path: path}
}

var whole = Stream{Path: "/", Persistent: true, Recursive: true, From: 4, Upto: 8}

var (
	event5 = event(5, client.EventCreated, "/a")
	event6 = event(6, client.EventDataChanged, "/a")
	event7 = event(7, client.EventCreated, "/e")
)

func ends(s *story, z client.Zxid) {
	s.call(2, 40, 50, Input{Kind: End}, Output{Zxid: z})
}

var sequential = Input{Kind: Create, Path: "/a/s-", Sequential: true}

func TestGoodHistories(t *testing.T) {
	good := map[string]func(*story){
		"nothing else":                 func(*story) {},
		"a read of the newest state":   func(s *story) { s.got(2, 40, 50, 7, "1", second) },
		"an old state while it lasted": func(s *story) { s.got(3, 5, 50, 5, "0", first) },
		"a session read of an old state": func(s *story) {
			s.call(3, 40, 50, Input{Kind: Get, Path: "/a", Level: client.Session}, Output{Zxid: 5, Data: []byte("0"), Stat: first})
		},
		"an unknown set that nobody saw": func(s *story) { s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown}) },
		"an unknown set that was seen later": func(s *story) {
			s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown})
			s.got(2, 45, 50, 7, "1", second)
			s.got(2, 60, 70, 8, "2", third)
		},
		"an unknown set at a zxid that is found out": func(s *story) {
			s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown})
			s.got(2, 60, 70, 12, "2", version(first, 10, 2, "2"))
		},
		"the end of a session": func(s *story) {
			ends(s, 8)
			s.call(1, 60, 70, get("/e"), was(8, codeNoNode))
		},
		"the end of a session nobody knows when": func(s *story) {
			s.call(2, 30, Never, Input{Kind: End}, Output{Fate: Unknown})
			s.call(1, 60, 70, Input{Kind: Exists, Path: "/e"}, Output{Zxid: 7, Exists: true, Stat: owned(born(7, ""), 2)})
			s.call(1, 80, 90, get("/e"), was(9, codeNoNode))
		},
		"a session that was refused": func(s *story) { s.call(3, 40, 50, create("/a", "x"), was(7, codeNodeExists)) },
		"sequential names": func(s *story) {
			s.call(1, 40, 50, sequential, created("/a/s-0000000000", 8, ""))
			s.call(1, 60, 70, sequential, created("/a/s-0000000001", 9, ""))
		},
		"an empty container that has gone": func(s *story) {
			stat := born(8, "")
			stat.Kind = client.KindContainer
			s.call(1, 40, 50, Input{Kind: Create, Path: "/c", Mode: client.KindContainer}, Output{Path: "/c", Zxid: 8, Stat: stat})
			s.call(1, 60, 70, get("/c"), was(9, codeNoNode))
		},
		"everything told": func(s *story) { s.watch(whole, event5, event6, event7) },
		"a gap": func(s *story) {
			s.watch(whole, client.Event{Type: client.EventGap, From: 4, Zxid: 6, Path: "/"}, event7)
		},
		"a one-shot watch": func(s *story) {
			s.watch(Stream{Path: "/a", Kind: Get, From: 5, Upto: 7}, event6)
			s.watch(Stream{Path: "/a", Kind: Children, From: 5, Upto: 7})
		},
	}
	for name, tell := range good {
		s := base()
		tell(s)
		if r := CheckHistory(&s.h, checkLimit); r.Err() != nil || r.Undecided {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestBadHistories(t *testing.T) {
	bad := []struct {
		name     string
		property string
		tell     func(*story)
	}{
		{"stale read", "P1", func(s *story) { s.got(3, 40, 50, 5, "0", first) }},
		{"stale read that lies about its zxid", "P1", func(s *story) { s.got(3, 40, 50, 7, "0", first) }},
		{"read of what is not written yet", "P1", func(s *story) {
			s.got(3, 31, 39, 8, "2", third)
			created8(s)
		}},
		{"lost write", "P1", func(s *story) {
			created8(s)
			s.got(3, 60, 70, 8, "1", second)
		}},
		{"lost write, seen as a node that is absent", "P1", func(s *story) { s.call(3, 60, 70, get("/a"), was(7, codeNoNode)) }},
		{"data that nobody wrote", "P1", func(s *story) { s.got(3, 60, 70, 7, "9", second) }},
		{"write carried out twice, seen in the version", "P1", func(s *story) {
			s.got(3, 60, 70, 8, "1", version(first, 8, 2, "1"))
		}},
		{"create applied twice, refused because of itself", "P1", func(s *story) {
			s.call(3, 40, 50, create("/b", ""), was(8, codeNodeExists))
		}},
		{"sequential node created twice", "P1", func(s *story) {
			s.call(1, 40, 50, sequential, created("/a/s-0000000000", 8, ""))
			stat := second
			stat.NumChildren, stat.Cversion, stat.Pzxid = 2, 2, 9
			s.call(3, 60, 70, Input{Kind: Children, Path: "/a"},
				Output{Zxid: 9, Children: []string{"s-0000000000", "s-0000000001"}, Stat: stat})
		}},
		{"unknown set applied twice", "P1", func(s *story) {
			s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown})
			s.got(2, 60, 70, 9, "2", version(first, 9, 3, "2"))
		}},
		{"unknown set seen before it was called", "P1", func(s *story) {
			s.got(2, 35, 39, 8, "2", third)
			s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown})
		}},
		{"write that was not applied seen", "P1", func(s *story) {
			s.call(3, 40, 50, set("/a", "2"), Output{Fate: NotApplied})
			s.got(2, 60, 70, 8, "2", third)
		}},
		{"refused write seen", "P1", func(s *story) {
			s.call(3, 40, 50, create("/a", "2"), was(7, codeNodeExists))
			s.got(2, 60, 70, 8, "2", third)
		}},
		{"wrong error code", "P1", func(s *story) { s.call(3, 40, 50, Input{Kind: Delete, Path: "/a"}, was(7, codeNotEmpty)) }},
		{"error precedence", "P1", func(s *story) {
			s.call(1, 40, 50, create("/a/k", ""), created("/a/k", 8, ""))
			v := int64(9)
			s.call(3, 60, 70, Input{Kind: Delete, Path: "/a", Version: &v}, was(8, codeNotEmpty))
		}},
		{"condition ignored", "P1", func(s *story) {
			in, v := set("/a", "2"), int64(0)
			in.Version = &v
			s.call(3, 40, 50, in, Output{Zxid: 8, Stat: third})
		}},
		{"child of an ephemeral", "P1", func(s *story) { s.call(3, 40, 50, create("/e/k", ""), created("/e/k", 8, "")) }},
		{"delete of a node with children", "P1", func(s *story) {
			s.call(1, 40, 50, create("/a/k", ""), created("/a/k", 8, ""))
			s.call(1, 60, 70, Input{Kind: Delete, Path: "/a"}, Output{Zxid: 9})
		}},
		{"torn multi", "P1", func(s *story) {
			s.call(1, 40, 50, Input{Kind: Multi, Ops: []Input{create("/b", ""), create("/c", "")}},
				Output{Zxid: 8, Results: []Output{
					{Fate: Applied, Path: "/b", Stat: born(8, "")}, {Fate: Applied, Path: "/c", Stat: born(8, "")},
				}})
			s.call(3, 60, 70, Input{Kind: Read, Ops: []Input{get("/b"), get("/c")}},
				Output{Zxid: 8, Results: []Output{{Fate: Applied, Stat: born(8, "")}, {Fate: Refused, Code: codeNoNode}}})
		}},
		{"wrong branch", "P1", func(s *story) {
			s.call(3, 40, 50, Input{Kind: Txn, If: []Input{{Kind: Absent, Path: "/a"}}, Ops: []Input{set("/a", "2")}},
				Output{Zxid: 8, Held: true, Results: []Output{{Fate: Applied, Stat: third}}})
		}},
		{"wrong operation blamed", "P1", func(s *story) {
			out := was(7, codeNoNode)
			out.Index = 0
			s.call(3, 40, 50, Input{Kind: Multi, Ops: []Input{set("/a", "2"), set("/none", "")}}, out)
		}},
		{"session going back", "P2", func(s *story) {
			s.call(1, 40, 50, Input{Kind: Get, Path: "/a", Level: client.Session}, Output{Zxid: 5, Data: []byte("0"), Stat: first})
		}},
		{"session read of a state that never was", "P2", func(s *story) {
			s.call(3, 40, 50, Input{Kind: Get, Path: "/a", Level: client.Session}, Output{Zxid: 6, Data: []byte("0"), Stat: first})
		}},
		{"ephemeral that outlives its session", "P4", func(s *story) {
			ends(s, 8)
			s.call(1, 60, 70, Input{Kind: Exists, Path: "/e"}, Output{Zxid: 8, Exists: true, Stat: owned(born(7, ""), 2)})
		}},
		{"ephemeral removed early", "P4", func(s *story) { s.call(1, 60, 70, get("/e"), was(8, codeNoNode)) }},
		{"ephemeral missing in a list", "P4", func(s *story) {
			s.call(1, 60, 70, Input{Kind: Children, Path: "/"}, Output{Zxid: 8, Children: []string{"a"},
				Stat: client.Stat{Pzxid: 8, Cversion: 3, NumChildren: 1}})
		}},
		{"write for a session that is over", "P5", func(s *story) {
			ends(s, 8)
			s.call(2, 60, 70, create("/b", ""), created("/b", 9, ""))
		}},
		{"write behind the end of its session", "P5", func(s *story) {
			s.call(2, 40, 90, create("/b", ""), created("/b", 9, ""))
			s.call(2, 40, 90, Input{Kind: End}, Output{Zxid: 8})
		}},
		{"zxid used twice", "P8", func(s *story) { s.call(3, 40, 50, create("/b", ""), created("/b", 7, "")) }},
		{"zxid lower than that of an earlier write", "P1", func(s *story) {
			s.call(3, 40, 50, create("/b", ""), created("/b", 3, ""))
		}},
		{"sequence number given twice", "P10", func(s *story) {
			s.call(1, 40, 50, sequential, created("/a/s-0000000000", 8, ""))
			s.call(1, 60, 70, sequential, created("/a/s-0000000000", 9, ""))
		}},
		{"sequence number skipped", "P10", func(s *story) { s.call(1, 40, 50, sequential, created("/a/s-0000000001", 8, "")) }},
		{"sequence number too short", "P10", func(s *story) { s.call(1, 40, 50, sequential, created("/a/s-0", 8, "")) }},
		{"version skipped", "P14", func(s *story) {
			s.call(1, 40, 50, set("/a", "2"), Output{Zxid: 8, Stat: version(first, 8, 3, "2")})
		}},
		{"version that stands still", "P14", func(s *story) {
			s.call(1, 40, 50, set("/a", "2"), Output{Zxid: 8, Stat: version(first, 8, 1, "2")})
		}},
		{"stat of another transaction", "P14", func(s *story) {
			s.call(1, 40, 50, set("/a", "2"), Output{Zxid: 8, Stat: version(first, 7, 2, "2")})
		}},
		{"event missing", "P6a", func(s *story) { s.watch(whole, event5, event7) }},
		{"last event missing", "P6a", func(s *story) { s.watch(whole, event5, event6) }},
		{"event told twice", "P6b", func(s *story) { s.watch(whole, event5, event6, event6, event7) }},
		{"event told again later", "P6b", func(s *story) { s.watch(whole, event5, event6, event7, event6) }},
		{"events out of order", "P6d", func(s *story) { s.watch(whole, event6, event5, event7) }},
		{"event of the wrong type", "P6e", func(s *story) {
			s.watch(whole, event5, event(6, client.EventDeleted, "/a"), event7)
		}},
		{"event from before the watch", "P6e", func(s *story) {
			w := whole
			w.From = 5
			s.watch(w, event5, event6, event7)
		}},
		{"event that never happened", "P6f", func(s *story) {
			s.watch(whole, event5, event6, event7, event(8, client.EventCreated, "/x"))
		}},
		{"event of a write that was not applied", "P6f", func(s *story) {
			s.call(3, 40, 50, set("/a", "2"), Output{Fate: NotApplied})
			s.watch(whole, event5, event6, event7, event(8, client.EventDataChanged, "/a"))
		}},
		{"event of another path", "P6p", func(s *story) {
			s.watch(Stream{Path: "/a", Persistent: true, From: 4, Upto: 6}, event5, event6, event7)
		}},
		{"gap that hides too little", "P6a", func(s *story) {
			s.watch(whole, client.Event{Type: client.EventGap, From: 5, Zxid: 6, Path: "/"}, event7)
		}},
		{"event from inside a gap behind it", "P6d", func(s *story) {
			s.watch(whole, client.Event{Type: client.EventGap, From: 4, Zxid: 6, Path: "/"}, event6, event7)
		}},
		{"event of an unknown write told to one watch only", "P6a", func(s *story) {
			s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown})
			s.watch(whole, event5, event6, event7, event(8, client.EventDataChanged, "/a"))
			s.watch(whole, event5, event6, event7)
		}},
		{"one-shot watch that never fires", "P6a", func(s *story) { s.watch(Stream{Path: "/a", Kind: Get, From: 5, Upto: 7}) }},
		{"one-shot watch that fires twice", "P6b", func(s *story) {
			s.watch(Stream{Path: "/a", Kind: Get, From: 4, Upto: 7}, event6, event6)
		}},
		{"one-shot watch that fires for nothing", "P6f", func(s *story) {
			s.watch(Stream{Path: "/e", Kind: Get, From: 7, Upto: 8}, event(8, client.EventDataChanged, "/e"))
		}},
		{"child watch that fires with data", "P6e", func(s *story) {
			s.watch(Stream{Path: "/a", Kind: Children, From: 5, Upto: 7}, event6)
		}},
	}
	for _, c := range bad {
		s := base()
		c.tell(s)
		r := CheckHistory(&s.h, checkLimit)
		if !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Property == c.property }) {
			t.Errorf("%s is not found as %s: %v", c.name, c.property, r)
		}
	}
}

// TestSettledWrites: an unknown write whose transaction is known from elsewhere has its place, whoever has seen what.
func TestSettledWrites(t *testing.T) {
	settled := func(s *story) { s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown, Zxid: 8}) }
	for _, c := range []struct {
		name string
		good bool
		tell func(*story)
	}{
		{"nobody has looked", true, settled},
		{"seen behind it", true, func(s *story) {
			settled(s)
			s.call(1, 50, 60, get("/a"), Output{Exists: true, Zxid: 8, Data: []byte("2"), Stat: version(born(5, "0"), 8, 2, "2")})
		}},
		{"not seen behind it", false, func(s *story) {
			settled(s)
			s.call(1, 50, 60, get("/a"), Output{Exists: true, Zxid: 8, Data: []byte("1"), Stat: version(born(5, "0"), 6, 1, "1")})
		}},
		{"it can have changed nothing", false, func(s *story) {
			s.call(3, 40, Never, set("/none", "2"), Output{Fate: Unknown, Zxid: 8})
		}},
		{"before it was asked for", false, func(s *story) {
			settled(s)
			s.call(1, 20, 30, get("/a"), Output{Exists: true, Zxid: 9, Data: []byte("2"), Stat: version(born(5, "0"), 8, 2, "2")})
		}},
		{"its transaction is another's", false, func(s *story) {
			settled(s)
			s.call(1, 50, 60, create("/b", "x"), created("/b", 8, "x"))
		}},
	} {
		s := base()
		c.tell(s)
		if r := CheckHistory(&s.h, checkLimit); (len(r.Violations) == 0) != c.good || r.Undecided {
			t.Errorf("%s: %v", c.name, r)
		}
	}
}

func TestTruth(t *testing.T) {
	truth := []Change{{5, client.EventCreated, "/a"}, {6, client.EventDataChanged, "/a"}, {7, client.EventCreated, "/e"}}
	eight := Change{8, client.EventDataChanged, "/a"}
	unknown := func(s *story) { s.call(3, 40, Never, set("/a", "2"), Output{Fate: Unknown}) }
	for _, c := range []struct {
		name     string
		property string
		tell     func(*story)
		truth    []Change
	}{
		{"as it was", "", func(s *story) { s.watch(whole, event5, event6, event7) }, truth},
		{"an unknown write was applied", "", unknown, append(truth[:3:3], eight)},
		{"an unknown write was not applied", "", unknown, truth},
		{"an answered write is not in the log", "P3", func(*story) {}, truth[:2]},
		{"an unknown write was applied twice", "P3", unknown, append(truth[:3:3], eight, Change{9, eight.Type, eight.Path})},
		{"nobody has asked for it", "P3", func(*story) {}, append(truth[:3:3], Change{8, client.EventDeleted, "/a"})},
		{"the log goes back", "P8", func(*story) {}, append([]Change{truth[1], truth[0]}, truth[2])},
		{"told of an unknown write that was not applied", "P6f", func(s *story) {
			unknown(s)
			s.watch(whole, event5, event6, event7, event(8, client.EventDataChanged, "/a"))
		}, truth},
		{"not told of an unknown write", "P6a", func(s *story) {
			unknown(s)
			s.watch(whole, event5, event6, event7)
		}, append(truth[:3:3], eight)},
	} {
		s := base()
		c.tell(s)
		violations := CheckTruth(&s.h, c.truth)
		if c.property == "" && len(violations) > 0 {
			t.Errorf("%s: %v", c.name, violations[0])
		}
		if c.property != "" && !slices.ContainsFunc(violations, func(v Violation) bool { return v.Property == c.property }) {
			t.Errorf("%s is not found as %s: %v", c.name, c.property, violations)
		}
	}
}

func TestUses(t *testing.T) {
	for _, c := range []struct {
		name string
		good bool
		uses []Use
	}{
		{"one after the other", true, []Use{{1, 1, 5, true, true}, {2, 1, 5, true, true}, {3, 2, 8, true, true}}},
		{"an old holder is refused", true, []Use{{1, 1, 5, true, true}, {2, 2, 8, true, true}, {3, 1, 5, false, false}}},
		{"an old holder is admitted", false, []Use{{1, 1, 5, true, true}, {2, 2, 8, true, true}, {3, 1, 5, false, true}}},
		{"an old holder still believes", false, []Use{{1, 1, 5, true, true}, {2, 2, 8, true, true}, {3, 1, 5, true, false}}},
		{"the newest holder is refused", false, []Use{{1, 1, 5, true, true}, {2, 2, 8, true, false}}},
		{"one fence for two", false, []Use{{1, 1, 5, true, true}, {2, 2, 5, true, true}}},
	} {
		if violations := CheckUses(c.uses); (len(violations) == 0) != c.good {
			t.Errorf("%s: %v", c.name, violations)
		}
	}
}

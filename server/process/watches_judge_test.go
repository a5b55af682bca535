package process_test

import (
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// story is a small history: /r/n is created at 10, set at 20, gets the child c at 30 and loses it at 40, where it goes too, and
// comes back at 50.
func story() *history {
	h := &history{}
	h.add(10, fact{kind: client.EventCreated, path: "/r/n"})
	h.add(20, fact{kind: client.EventDataChanged, path: "/r/n"})
	h.add(30, fact{kind: client.EventCreated, path: "/r/n/c"})
	h.add(40, fact{kind: client.EventDeleted, path: "/r/n/c"}, fact{kind: client.EventDeleted, path: "/r/n"})
	h.add(50, fact{kind: client.EventCreated, path: "/r/n"})
	h.sort()
	return h
}

func TestJudgeOfOneShotWatches(t *testing.T) {
	const (
		created = client.EventCreated
		deleted = client.EventDeleted
		changed = client.EventDataChanged
		members = client.EventChildrenChanged
	)
	lost := func(since, state client.Zxid) []window { return []window{{since, state, true}} }
	for _, c := range []struct {
		name          string
		scope         scope
		armed         client.Zxid
		kind          client.EventType // 0: no event
		zxid          client.Zxid
		reply, events client.Zxid // that had come when there was no event yet
		windows       []window
		want          fault // "": nothing is wrong
	}{
		{"the first change", ofData, 12, changed, 20, 15, 20, nil, ""},
		{"a creation", ofData, 5, created, 10, 5, 5, nil, ""},
		{"a later one", ofData, 12, deleted, 40, 15, 15, nil, missed},
		{"none, and nothing shows it", ofData, 12, 0, 0, 19, 19, nil, ""},
		{"none, though a reply shows it", ofData, 12, 0, 0, 20, 0, nil, missed},
		{"behind a reply that shows it", ofData, 12, changed, 20, 20, 0, nil, late},
		{"behind a later event", ofData, 12, changed, 20, 15, 21, nil, disordered},
		{"of another type", ofData, 12, deleted, 20, 15, 15, nil, untrue},
		{"of another transaction", ofData, 12, changed, 21, 15, 15, nil, untrue},
		{"of before", ofData, 20, changed, 20, 20, 20, nil, doubled},
		{"a child", ofChildren, 12, members, 30, 20, 20, nil, ""},
		{"the end of a child before that of the node", ofChildren, 30, members, 40, 30, 30, nil, ""},
		{"the end of the node first", ofChildren, 30, deleted, 40, 30, 30, nil, missed},

		{"connection lost, nothing happened", ofData, 20, deleted, 40, 35, 35, lost(22, 35), ""},
		{"connection lost, set and gone", ofData, 12, deleted, 16, 15, 15, lost(15, 45), ""},
		{"connection lost, gone and back", ofData, 30, created, 50, 35, 35, lost(35, 55), missed},
		{"connection lost, gone and back, told as changed", ofData, 30, changed, 50, 35, 35, lost(35, 55), ""},
		{"connection lost, and the change forgotten", ofData, 12, deleted, 40, 25, 25, lost(15, 25), missed},
		{"connection lost, come and gone", ofData, 5, created, 50, 45, 45, lost(5, 45), ""},
		{"connection lost, behind the answer", ofData, 12, changed, 20, 25, 15, lost(15, 25), late},
		{"connection lost behind the change", ofData, 12, deleted, 40, 25, 25, lost(25, 45), missed},
		{"answer lost, told of some state", ofData, 12, deleted, 16, 15, 15, []window{{since: 15}, {15, 55, true}}, ""},
		{"answer lost, told what is not so", ofData, 12, deleted, 17, 15, 15, []window{{since: 15}, {15, 55, true}}, untrue},
		{"connection lost, children changed", ofChildren, 12, members, 30, 15, 15, lost(15, 35), ""},
		{"connection lost, children and node gone", ofChildren, 30, deleted, 36, 35, 35, lost(35, 45), ""},
		{"connection lost, node new without children", ofChildren, 30, members, 50, 35, 35, lost(35, 55), ""},
	} {
		a := &arming{scope: c.scope, path: "/r/n", as: "/n", zxid: c.armed, silentReply: c.reply, silentEvent: c.events}
		if c.kind != 0 {
			a.event = &client.Event{Zxid: c.zxid, Type: c.kind, Path: "/n"}
		}
		got := fault("")
		bad := story().judge(a, c.windows)
		if bad != nil {
			got = bad.fault
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q (%v)", c.name, got, c.want, bad)
		}
	}
}

func TestJudgeOfPersistentWatches(t *testing.T) {
	told := func(zxid client.Zxid, kind client.EventType, path string) client.Event {
		return client.Event{Zxid: zxid, Type: kind, Path: path}
	}
	gap := func(from, to client.Zxid) client.Event {
		return client.Event{Type: client.EventGap, From: from, Zxid: to, Path: "/r"}
	}
	created, set := told(10, client.EventCreated, "/r/n"), told(20, client.EventDataChanged, "/r/n")
	child := told(30, client.EventCreated, "/r/n/c")
	gone, goneToo := told(40, client.EventDeleted, "/r/n/c"), told(40, client.EventDeleted, "/r/n")
	nobody := told(15, client.EventDataChanged, "/r/n")
	again := told(50, client.EventCreated, "/r/n")
	for _, c := range []struct {
		name   string
		start  client.Zxid
		claims []claim
		events []client.Event
		want   []fault
	}{
		{"everything", 0, []claim{{6, 60, 0, 0}}, []client.Event{created, set, child, gone, goneToo, again}, nil},
		{"from a point on", 20, []claim{{4, 60, 0, 0}}, []client.Event{child, gone, goneToo, again}, nil},
		{"up to a point", 0, []claim{{2, 29, 0, 0}}, []client.Event{created, set}, nil},
		{"one missing", 0, []claim{{5, 60, 0, 0}}, []client.Event{created, child, gone, goneToo, again}, []fault{missed}},
		{"the last missing", 0, []claim{{5, 60, 0, 0}}, []client.Event{created, set, child, gone, goneToo}, []fault{missed}},
		{"half a transaction missing", 0, []claim{{5, 60, 0, 0}}, []client.Event{created, set, child, goneToo, again}, []fault{missed}},
		{"one twice", 0, []claim{{3, 25, 0, 0}}, []client.Event{created, set, set}, []fault{doubled}},
		{"two exchanged", 0, []claim{{3, 35, 0, 0}}, []client.Event{created, child, set}, []fault{disordered}},
		{"exchanged in a transaction", 30, []claim{{2, 45, 0, 0}}, []client.Event{goneToo, gone}, []fault{disordered}},
		{"one too much", 0, []claim{{3, 25, 0, 0}}, []client.Event{created, nobody, set}, []fault{untrue}},
		{"of before", 10, []claim{{2, 25, 0, 0}}, []client.Event{created, set}, []fault{doubled}},
		{"late", 0, []claim{{1, 20, 20, 0}, {2, 20, 20, 0}}, []client.Event{created, set}, []fault{late}},
		{"behind another watch", 0, []claim{{1, 20, 19, 25}, {2, 20, 25, 25}}, []client.Event{created, set}, []fault{disordered}},
		{"a gap", 0, []claim{{3, 60, 0, 0}}, []client.Event{created, gap(10, 40), again}, nil},
		{"a gap inside a transaction", 0, []claim{{5, 45, 0, 0}}, []client.Event{created, set, child, gone, gap(39, 40)}, nil},
		{"a gap that begins too late", 0, []claim{{3, 60, 0, 0}}, []client.Event{created, gap(20, 40), again}, []fault{missed}},
		{"a gap that ends too early", 0, []claim{{3, 60, 0, 0}}, []client.Event{created, gap(10, 30), again}, []fault{missed, missed}},
		{"a gap over what was told", 0, []claim{{5, 60, 0, 0}}, []client.Event{created, set, child, gap(10, 40), again}, []fault{wrong}},
		{"told what was in the gap", 0, []claim{{4, 60, 0, 0}}, []client.Event{created, gap(10, 40), child, again}, []fault{doubled}},
	} {
		s := &stream{scope: ofTree, path: "/r", start: c.start, floor: c.start, claims: c.claims, events: c.events}
		bad, _ := story().judgeStream(s)
		var got []fault
		for _, one := range bad {
			got = append(got, one.fault)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
			for _, one := range bad {
				t.Log(one.text)
			}
		}
	}
}

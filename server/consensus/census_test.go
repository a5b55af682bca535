package consensus

import (
	"os"
	"strings"
	"sync"
	"testing"
)

func TestALostDataDirectoryIsNoticedByTheOthers(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	for _, n := range nodes {
		submit(t, n, "booted "+string(rune('0'+n.cfg.ReplicaID)))
	}
	lost := nodes[2]
	lost.stop(t)
	if err := os.RemoveAll(lost.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, lost.open(), ReasonAmnesia, "server 3 has run before", "data was lost", "never used")
	submit(t, nodes[0], "the others go on")

	// The others restart too: what they know is in their log, and they say so when they have read it.
	for _, n := range nodes[:2] {
		n.stop(t)
	}
	startAll(t, nodes[:2])
	refusedFor(t, lost.open(), ReasonAmnesia, "server 3 has run before")
}

func TestAReplicaThatOnlyVotedIsRememberedToo(t *testing.T) {
	nodes := newCluster(t, 3, nil) // no machine has heard of anybody
	lost := nodes[2]
	waitFor(t, "server 3 to be heard", func() bool {
		return nodes[0].log.transport.hasHeard(3) || nodes[1].log.transport.hasHeard(3)
	})
	lost.stop(t)
	if err := os.RemoveAll(lost.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, lost.open(), ReasonAmnesia)
}

func TestAFirstStartWaitsForEveryMember(t *testing.T) {
	members := freeAddrs(t, 3)
	var nodes []*node
	for id := uint64(1); id <= 3; id++ {
		nodes = append(nodes, newNode(t, id, members))
	}
	interrupt := make(chan struct{})
	nodes[0].cfg.Interrupt = interrupt
	opened := make(chan error, 1)
	go func() { opened <- nodes[0].open() }()
	waitFor(t, "the progress line", func() bool { return strings.Contains(nodes[0].lines.String(), "waiting for every other member") })
	lines := nodes[0].lines.String()
	for _, w := range []string{"server 2 at " + members[2], "server 3 at " + members[3]} {
		if !strings.Contains(lines, w) {
			t.Errorf("the progress line does not name %s:\n%s", w, lines)
		}
	}
	close(interrupt)
	refusedFor(t, <-opened, ReasonInterrupted, members[2])
	nodes[0].cfg.Interrupt = nil
	startAll(t, nodes)
	submit(t, nodes[0], "together")
}

// Server 1 finishes its first start and is restarted before the others have finished theirs: it has a log, and cannot
// catch up without them, while they wait for its answer.
func TestAMemberRestartedDuringTheFirstStartOfTheOthersDoesNotBlockThem(t *testing.T) {
	members := freeAddrs(t, 3)
	var nodes []*node
	for id := uint64(1); id <= 3; id++ {
		nodes = append(nodes, newNode(t, id, members))
	}
	var others sync.WaitGroup
	interrupt := make(chan struct{})
	// Servers 2 and 3 are up just long enough to answer server 1; they never get as far as running.
	hold := make([]*transport, 2)
	for i, n := range nodes[1:] {
		hold[i] = freshMember(t, n.cfg)
	}
	nodes[0].start(t)
	for _, h := range hold {
		h.Close()
	}
	nodes[0].stop(t)
	for _, n := range nodes[1:] {
		n.cfg.Interrupt = interrupt
	}
	errs := make([]error, 2)
	for i, n := range nodes[1:] {
		others.Go(func() { errs[i] = n.open() })
	}
	nodes[0].start(t)
	others.Wait()
	close(interrupt)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	submit(t, nodes[0], "together after all")
	sameLedgers(t, nodes)
}

// A member that has a log but has not read it all says nothing final, whatever it knows so far.
func TestWhenACensusAnswerIsFinal(t *testing.T) {
	machine := newLedger()
	l := &Log{cfg: Config{ReplicaID: 1, Cluster: "c"}, machine: machine, leadership: newLeadership()}
	removed := map[uint64]struct{}{5: {}}
	l.transport = newTransport(nil, nil, false, newVetting(1, nil), nil, l.cfg.Log, nil)
	q := censusQuestion{replica: 3, cluster: "c"}
	check := func(when string, want censusAnswer, again bool) {
		t.Helper()
		want.replica, want.cluster = 1, "c"
		got := l.answerCensus(q)
		if got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
		state, err := judge(q, 1, "a:1", got)
		if (state != "") != again || (err != nil) != (got.knows || got.standing != standingUnknown) {
			t.Errorf("%s: judged %q, %v", when, state, err)
		}
	}
	check("first start", censusAnswer{fresh: true, final: true}, false)
	l.started.Store(true)
	check("log not replayed", censusAnswer{}, true)
	machine.Apply([]Entry{{Index: 1, Cmd: []byte("booted 3")}})
	check("log partly replayed", censusAnswer{knows: true}, false)
	q.replica = 4
	check("another replica", censusAnswer{}, true)
	l.ready.Store(true)
	check("log replayed, membership not read", censusAnswer{}, true)
	l.roster.newest.Store(&membership{joining: map[uint64]string{6: "f:1"}, removed: removed})
	l.transport.mark(4)
	check("heard of", censusAnswer{final: true, knows: true, standing: standingStranger}, false)
	q.replica = 5
	check("removed", censusAnswer{final: true, standing: standingRemoved}, false)
	q.replica = 6
	check("joining", censusAnswer{final: true, standing: standingJoining}, false)
	q.replica = 7
	check("unknown to a running cluster", censusAnswer{final: true, standing: standingStranger}, false)
	if got := l.answerCensus(censusQuestion{replica: 3, cluster: "other"}); got != (censusAnswer{replica: 1, cluster: "c"}) {
		t.Errorf("a question from another cluster: %+v", got)
	}
}

func TestMembersOfAnotherClusterOrUnderAnotherNumberAreRefused(t *testing.T) {
	members := freeAddrs(t, 2)
	n := newNode(t, 1, members)
	other := Config{ReplicaID: 2, RaftAddr: members[2], Cluster: "other", Members: members}
	h := freshMember(t, other)
	refusedFor(t, n.open(), ReasonCluster, `cluster "other"`, members[2])
	h.Close()

	other.Cluster, other.ReplicaID = "coxswain", 9
	defer freshMember(t, other).Close()
	refusedFor(t, n.open(), ReasonReplica, "server 9", "same list")
}

func TestCensusFramesRoundTrip(t *testing.T) {
	q := censusQuestion{replica: 1 << 60, cluster: "c"}
	if got, err := decodeQuestion(q.frame()[frameHeaderBytes:]); err != nil || got != q {
		t.Errorf("question %+v, %v", got, err)
	}
	for i := range 16 {
		a := censusAnswer{replica: 7, cluster: strings.Repeat("x", clusterNameMax), fresh: i&1 != 0, final: i&2 != 0, knows: i&4 != 0, joins: i&8 != 0,
			standing: standing(i % 5)}
		if got, err := decodeAnswer(a.frame()[frameHeaderBytes:]); err != nil || got != a {
			t.Errorf("answer %+v, %v", got, err)
		}
	}
	for _, b := range []string{"", "short", strings.Repeat("x", 600)} {
		if _, err := decodeQuestion([]byte(b)); err == nil {
			t.Errorf("question of %d bytes accepted", len(b))
		}
		if _, err := decodeAnswer([]byte(b)); err == nil {
			t.Errorf("answer of %d bytes accepted", len(b))
		}
	}
}

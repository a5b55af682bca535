package consensus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// newJoiner makes a node that will wait to be added to a cluster. Its Fatal is told to the returned channel.
func newJoiner(t *testing.T, id uint64, adjust func(*Config)) *node {
	t.Helper()
	n := newNode(t, id, map[uint64]string{id: freeAddrs(t, 1)[1]})
	n.cfg.Members, n.cfg.Join = nil, true
	if adjust != nil {
		adjust(&n.cfg)
	}
	return n
}

// recordFatal makes n's end visible instead of fatal.
func recordFatal(n *node) <-chan error {
	ended := make(chan error, 1)
	n.cfg.Fatal = func(err error) { ended <- err }
	return ended
}

// join starts n, has it added through by, registers it as a server would, and waits until it has its vote.
func join(t *testing.T, by, n *node) {
	t.Helper()
	opened := make(chan error, 1)
	go func() { opened <- n.open() }()
	waitFor(t, "the new server to wait", func() bool { return strings.Contains(n.lines.String(), "waiting to be added") })
	ctx, cancel := testContext()
	defer cancel()
	if err := by.log.AddMember(ctx, n.cfg.ReplicaID, n.cfg.RaftAddr); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatalf("server %d: %v", n.cfg.ReplicaID, err)
	}
	barrierOn(t, n)
	submit(t, n, fmt.Sprint("booted ", n.cfg.ReplicaID))
	waitFor(t, "the vote", func() bool { return by.log.Status().Members[n.cfg.ReplicaID] == n.cfg.RaftAddr })
}

// load writes through all nodes until stopped and remembers what was acknowledged.
type load struct {
	enough atomic.Bool
	wg     sync.WaitGroup
	mu     sync.Mutex
	acks   []string
}

func startLoad(t *testing.T, nodes ...*node) *load {
	l := new(load)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(l.wg.Wait)
	t.Cleanup(cancel)
	for _, n := range nodes {
		log, id := n.log, n.cfg.ReplicaID
		l.wg.Go(func() {
			for i := 0; !l.enough.Load(); i++ {
				cmd := fmt.Sprintf("server %d write %d", id, i)
				if log.Submit(ctx, []byte(cmd)) != nil {
					return
				}
				l.mu.Lock()
				l.acks = append(l.acks, cmd)
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acks)
}

// goesOn waits until more has been acknowledged.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	at := l.count()
	waitFor(t, "writes to go on", func() bool { return l.count() > at+20 })
}

// check ends the load, with no write left under way, and checks that all nodes have all that was acknowledged, in the same order.
func (l *load) check(t *testing.T, nodes ...*node) {
	t.Helper()
	l.enough.Store(true)
	l.wg.Wait()
	has := map[string]bool{}
	for _, cmd := range sameLedgers(t, nodes) {
		has[cmd] = true
	}
	for _, cmd := range l.acks {
		if !has[cmd] {
			t.Errorf("acknowledged %q is lost", cmd)
		}
	}
	t.Logf("%d writes acknowledged, none lost", len(l.acks))
}

func remove(t *testing.T, by *node, id uint64) {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	if err := by.log.RemoveMember(ctx, id); err != nil {
		t.Fatal(err)
	}
}

func TestAClusterGrowsFromOneToThreeUnderLoad(t *testing.T) {
	short := func(c *Config) { c.SnapshotEntries = 50 } // the new ones get a snapshot
	first := newNode(t, 1, freeAddrs(t, 1))
	short(&first.cfg)
	first.start(t)
	l := startLoad(t, first)
	waitFor(t, "a snapshot", func() bool { return first.log.stats.snapshotsCreated.Get() > 2 })
	second, third := newJoiner(t, 2, short), newJoiner(t, 3, short)
	join(t, first, second)
	l.goesOn(t)
	join(t, second, third)
	l.goesOn(t)
	all := []*node{first, second, third}
	l.check(t, all...)
	if second.machine.recoveries() == 0 {
		t.Error("server 2 was not sent a snapshot")
	}
	want := map[uint64]string{1: first.cfg.RaftAddr, 2: second.cfg.RaftAddr, 3: third.cfg.RaftAddr}
	for _, n := range all {
		waitFor(t, "the members to be known", func() bool { return maps.Equal(n.log.Status().Members, want) })
	}

	// They are members for good: they start without being told to join, and any two of them are enough.
	for _, n := range all {
		n.stop(t)
		n.cfg.Join = false
	}
	startAll(t, all)
	sameLedgers(t, all)
	for _, n := range all[1:] {
		if strings.Contains(n.lines.String(), "list of members differs") {
			t.Errorf("server %d warns of a list that it never had", n.cfg.ReplicaID)
		}
	}
	first.stop(t)
	submit(t, second, "without the first")
	submit(t, third, "without the first, too")
}

func TestRemovingAFollowerAndTheLeaderUnderLoad(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	ended := map[*node]<-chan error{}
	for _, n := range nodes { // recorded from now on
		n.stop(t)
		ended[n] = recordFatal(n)
	}
	startAll(t, nodes)
	leader := leaderOf(t, nodes)
	others := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n == leader })
	follower, last := others[0], others[1]
	l := startLoad(t, last)
	l.goesOn(t)

	remove(t, last, follower.cfg.ReplicaID)
	refusedFor(t, <-ended[follower], ReasonRemoved, "was removed", "--join")
	l.goesOn(t)
	ctx, cancel := testContext()
	defer cancel()
	if err := last.log.TransferLeadershipTo(ctx, leader.cfg.ReplicaID); err != nil {
		t.Fatal(err)
	}
	remove(t, last, leader.cfg.ReplicaID)
	refusedFor(t, <-ended[leader], ReasonRemoved)
	l.goesOn(t)
	l.check(t, last)
	if got := last.log.Status().Members; len(got) != 1 {
		t.Errorf("members %v", got)
	}
	refusedFor(t, last.log.RemoveMember(ctx, last.cfg.ReplicaID), ReasonLastMember, "last")
}

// A server that was down while it was removed is told so by the others when it comes back, with its data or without.
func TestARemovedServerCannotComeBack(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	for _, n := range nodes {
		submit(t, n, fmt.Sprint("booted ", n.cfg.ReplicaID))
	}
	gone := nodes[2]
	gone.stop(t)
	remove(t, nodes[0], 3)
	submit(t, nodes[0], "without server 3")

	ended := recordFatal(gone)
	gone.start(t)
	refusedFor(t, <-ended, ReasonRemoved, "server 3 was removed", "never used")
	gone.stop(t)

	if err := os.RemoveAll(gone.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the others to know", func() bool {
		return nodes[0].log.standing(3) == standingRemoved && nodes[1].log.standing(3) == standingRemoved
	})
	refusedFor(t, gone.open(), ReasonRemoved, "server 3 was removed")

	ctx, cancel := testContext()
	defer cancel()
	refusedFor(t, nodes[0].log.AddMember(ctx, 3, gone.cfg.RaftAddr), ReasonRemoved, "was a member before")
	refusedFor(t, nodes[0].log.RemoveMember(ctx, 3), ReasonRemoved, "removed already")
	submit(t, nodes[1], "undisturbed")
}

// A server loses its disk: it is refused, removed, and another one takes its place at the same address.
func TestALostServerIsReplacedUnderLoad(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	for _, n := range nodes {
		submit(t, n, fmt.Sprint("booted ", n.cfg.ReplicaID))
	}
	lost := nodes[1]
	lost.stop(t)
	l := startLoad(t, nodes[0], nodes[2])
	if err := os.RemoveAll(lost.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, lost.open(), ReasonAmnesia, "members remove 2")
	// Nor as one that joins: the cluster still counts on it and calls it.
	lost.cfg.Join = true
	refusedFor(t, lost.open(), ReasonAmnesia)
	l.goesOn(t)

	remove(t, nodes[0], 2)
	l.goesOn(t)
	fresh := newJoiner(t, 4, func(c *Config) { c.RaftAddr = lost.cfg.RaftAddr })
	join(t, nodes[2], fresh)
	l.goesOn(t)
	l.check(t, nodes[0], nodes[2], fresh)

	// The new one counts: with it and one other, the third may go.
	nodes[0].stop(t)
	submit(t, fresh, "two of three")
	submit(t, nodes[2], "the other of them")
}

// A founder that was down when a member was added must be able to answer that member when it leads: its log does not say yet
// who that is.
func TestAMemberThatMissedAnAdditionFollowsTheNewLeader(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	late := nodes[2]
	late.stop(t)
	fresh := newJoiner(t, 4, nil)
	join(t, nodes[0], fresh)
	ctx, cancel := testContext()
	defer cancel()
	if err := nodes[0].log.TransferLeadershipTo(ctx, 4); err != nil {
		t.Fatal(err)
	}
	late.start(t)
	sameLedgers(t, []*node{nodes[0], nodes[1], late, fresh})
	if _, ok := late.log.Status().Members[4]; !ok {
		t.Errorf("members %v", late.log.Status().Members)
	}
}

func TestChangesThatWouldBeWrongAreRefused(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	by := nodes[0]
	ctx, cancel := testContext()
	defer cancel()
	free := freeAddrs(t, 1)[1]
	waiting := newJoiner(t, 5, nil)
	interrupt := make(chan struct{})
	waiting.cfg.Interrupt = interrupt
	opened := make(chan error, 1)
	go func() { opened <- waiting.open() }()
	waitFor(t, "the new server to wait", func() bool { return strings.Contains(waiting.lines.String(), "members add 5="+waiting.cfg.RaftAddr) })

	for name, c := range map[string]struct {
		id     uint64
		addr   string
		reason Reason
		says   string
	}{
		"id 0":              {0, free, ReasonConfig, "from 1"},
		"a member":          {2, free, ReasonMember, nodes[1].cfg.RaftAddr},
		"the same member":   {2, nodes[1].cfg.RaftAddr, ReasonMember, "already"},
		"address taken":     {4, nodes[1].cfg.RaftAddr, ReasonAddress, "server 2"},
		"no address":        {4, "here", ReasonAddress, "host:port"},
		"every interface":   {4, "0.0.0.0:7182", ReasonAddress, "host:port"},
		"another machine":   {4, "192.0.2.1:7182", ReasonInsecure, "TLS"},
		"nobody there":      {4, free, ReasonUnreachable, "--join"},
		"somebody else":     {4, waiting.cfg.RaftAddr, ReasonUnreachable, "server 5"},
		"asked for by name": {5, nodes[2].cfg.RaftAddr, ReasonAddress, "server 3"},
	} {
		t.Run("add "+name, func(t *testing.T) {
			refusedFor(t, by.log.AddMember(ctx, c.id, c.addr), c.reason, c.says)
		})
	}
	refusedFor(t, by.log.RemoveMember(ctx, 9), ReasonUnknownMember, "no server 9", "1, 2, 3")
	refusedFor(t, by.log.RemoveMember(ctx, 1), ReasonSelf, "another server")
	refusedFor(t, by.log.TransferLeadershipTo(ctx, 9), ReasonUnknownMember, "voting")
	if got := by.log.Status(); len(got.Members) != 3 || len(got.Joining) != 0 {
		t.Errorf("refused changes changed the members: %v, joining %v", got.Members, got.Joining)
	}
	close(interrupt)
	refusedFor(t, <-opened, ReasonInterrupted, "no member has called")

	// One of three is down: to remove one of the two that run would stop the cluster.
	nodes[2].stop(t)
	refusedFor(t, by.log.RemoveMember(ctx, 2), ReasonQuorum, "1 of servers 1, 3", "need 2")
	// Two of three are down: nothing can be changed, and the caller learns why.
	nodes[1].stop(t)
	short, cancelShort := context.WithTimeout(t.Context(), 25*testTick)
	defer cancelShort()
	for _, err := range []error{by.log.RemoveMember(short, 3), by.log.AddMember(short, 4, free), by.log.TransferLeadershipTo(short, 3)} {
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "majority") {
			t.Errorf("without a quorum: %v", err)
		}
	}
}

func TestAServerThatIsToldAListButNotToJoinIsRefused(t *testing.T) {
	nodes := newCluster(t, 2, nil)
	for _, n := range nodes {
		waitFor(t, "the membership", func() bool { return n.log.standing(3) == standingStranger })
	}
	members := maps.Clone(nodes[0].cfg.Members)
	members[3] = freeAddrs(t, 1)[1]
	refusedFor(t, newNode(t, 3, members).open(), ReasonNotMember, "--join", "members add")
	submit(t, nodes[0], "undisturbed")
}

// What a member without a vote has lost harms nobody, but it cannot come back as it is.
func TestAJoiningServerIsAddedTwiceAndRemovedBeforeItVotes(t *testing.T) {
	first := newNode(t, 1, freeAddrs(t, 1))
	first.start(t)
	second := newJoiner(t, 2, nil)
	ended := recordFatal(second)
	opened := make(chan error, 1)
	go func() { opened <- second.open() }()
	waitFor(t, "the new server to wait", func() bool { return strings.Contains(second.lines.String(), "waiting to be added") })
	ctx, cancel := testContext()
	defer cancel()
	for range 2 {
		if err := first.log.AddMember(ctx, 2, second.cfg.RaftAddr); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	barrierOn(t, second)
	waitFor(t, "its standing", func() bool { return first.log.Status().Joining[2] == second.cfg.RaftAddr })
	refusedFor(t, first.log.TransferLeadershipTo(ctx, 2), ReasonUnknownMember, "not a voting member")
	// The machine has not heard of it, so it gets no vote, and the first is enough by itself.
	second.stop(t)
	submit(t, first, "alone")
	second.start(t)
	remove(t, first, 2)
	select {
	case err := <-ended:
		refusedFor(t, err, ReasonRemoved)
	case <-ctx.Done():
		t.Fatal("the removed server did not notice")
	}
	submit(t, first, "alone again")
}

func TestJudgingACall(t *testing.T) {
	q := censusQuestion{replica: 4, cluster: "c"}
	good := censusAnswer{replica: 1, cluster: "c", final: true, standing: standingJoining}
	for name, c := range map[string]struct {
		change func(*censusAnswer)
		again  bool
		reason Reason
	}{
		"added":             {func(*censusAnswer) {}, false, 0},
		"another cluster":   {func(a *censusAnswer) { a.cluster = "d" }, false, ReasonCluster},
		"not who he says":   {func(a *censusAnswer) { a.replica = 2 }, true, 0},
		"removed":           {func(a *censusAnswer) { a.standing = standingRemoved }, false, ReasonRemoved},
		"has a vote":        {func(a *censusAnswer) { a.standing = standingVoter }, false, ReasonAmnesia},
		"has run":           {func(a *censusAnswer) { a.knows = true }, false, ReasonAmnesia},
		"caller is behind":  {func(a *censusAnswer) { a.final = false }, true, 0},
		"caller is unaware": {func(a *censusAnswer) { a.standing = standingStranger }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := good
			c.change(&a)
			again, err := meeting{caller: 1, addr: "a:1", answer: a}.judge(q)
			if (again != "") != c.again {
				t.Errorf("again: %q", again)
			}
			if c.reason == 0 && err != nil {
				t.Error(err)
			} else if c.reason != 0 {
				refusedFor(t, err, c.reason)
			}
		})
	}
}

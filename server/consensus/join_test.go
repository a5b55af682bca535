package consensus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lni/dragonboat/v4/raftpb"
)

// A stranger's address is believed when he has answered there, and nobody can give one for somebody else.
func TestAStrangersAddressIsBelievedOnlyIfHeIsThere(t *testing.T) {
	replicaAt := func(id uint64) string {
		tr, _ := bareTransport(t, listen(t), nil, id, nil, func(censusQuestion) censusAnswer { return censusAnswer{replica: id} })
		return tr.listener.Addr().String()
	}
	two, three := replicaAt(2), replicaAt(3)
	to, in := bareTransport(t, listen(t), nil, 1, nil, nil)
	from, _ := bareTransport(t, listen(t), nil, 9, nil, nil)
	conn, err := from.GetConnection(t.Context(), to.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// says sends one message and returns the address that came with it.
	says := func(id uint64, addr string) string {
		t.Helper()
		m := message(raftpb.Heartbeat, "")
		m.From = id
		if err := conn.SendMessageBatch(raftpb.MessageBatch{SourceAddress: addr, Requests: []raftpb.Message{m}}); err != nil {
			t.Fatal(err)
		}
		return (<-in.batches).SourceAddress
	}
	idle := func() bool {
		to.mu.Lock()
		defer to.mu.Unlock()
		return len(to.asking) == 0
	}
	for _, lie := range []string{three, "127.0.0.1:1", "nonsense", ""} {
		for range 2 {
			if got := says(2, lie); got != "" {
				t.Errorf("replica 2 is believed to be at %q", got)
			}
			waitFor(t, "the question to be over", idle)
		}
	}
	if got := says(2, two); got != "" {
		t.Errorf("believed before it was asked: %q", got)
	}
	waitFor(t, "the answer", func() bool { return !to.vet.stranger(2) })
	if got := says(2, two); got != two {
		t.Errorf("replica 2 is not believed to be at %s, where it has answered", two)
	}
	if got := says(2, three); got != "" {
		t.Errorf("replica 2 is believed to have moved to %q", got)
	}
}

func TestJoiningOverTLS(t *testing.T) {
	ca := newAuthority(t, "peers")
	secure := func(c *Config) { c.TLS = ca.issue(t, t.TempDir(), "127.0.0.1") }
	first := newNode(t, 1, freeAddrs(t, 1))
	secure(&first.cfg)
	first.start(t)
	submit(t, first, "before")
	second := newJoiner(t, 2, secure)
	join(t, first, second)
	if got := sameLedgers(t, []*node{first, second}); got[0] != "before" {
		t.Errorf("machines have %q", got)
	}
}

// The member that added a server need not live until it has caught up.
func TestWhoeverLeadsGivesTheVote(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	fresh := newJoiner(t, 4, nil)
	opened := make(chan error, 1)
	go func() { opened <- fresh.open() }()
	waitFor(t, "the new server to wait", func() bool { return strings.Contains(fresh.lines.String(), "waiting to be added") })
	leader := leaderOf(t, nodes)
	ctx, cancel := testContext()
	defer cancel()
	if err := leader.log.AddMember(ctx, 4, fresh.cfg.RaftAddr); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	leader.stop(t)
	barrierOn(t, fresh)
	submit(t, fresh, fmt.Sprint("booted ", 4))
	waitFor(t, "the vote", func() bool { return fresh.log.Status().Members[4] != "" })
	leader.start(t)
	sameLedgers(t, append(nodes, fresh))
}

// A new server that waits and is stopped, or killed, has not joined: it waits again.
func TestWaitingToBeAddedCanBeInterrupted(t *testing.T) {
	n := newJoiner(t, 4, nil)
	for round := range 2 {
		interrupt := make(chan struct{})
		n.cfg.Interrupt = interrupt
		opened := make(chan error, 1)
		go func() { opened <- n.open() }()
		waitFor(t, "the new server to wait", func() bool { return strings.Count(n.lines.String(), "run coxswain members add") > round })
		close(interrupt)
		refusedFor(t, <-opened, ReasonInterrupted)
	}
}

package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/consensus"
	"github.com/coxswain-io/coxswain/server/consensus/modellog"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// cluster is the servers of a run, their log and the network of their clients. Servers are started and stopped by one goroutine
// at a time: the nemesis, and who waits for it.
type cluster struct {
	model *modellog.Cluster
	net   *network
	trace *trace
	truth *truth
	nodes []*node

	mu      sync.Mutex
	clients []*client.Client // that may hold a session
	wrong   []error
}

// node is one server, running or not.
type node struct {
	id    uint64
	clock *clock
	srv   *server.Server // nil: it is down
	lag   atomic.Int64   // nanoseconds for which it waits before it applies something
}

// calm is the weather without faults.
var calm = modellog.Rates{Delay: 2 * time.Millisecond, Election: 200 * time.Millisecond, SnapshotEntries: 200}

// newCluster starts n servers.
func newCluster(rng *rand.Rand, n int, tr *trace) (*cluster, error) {
	c := &cluster{
		model: modellog.New(rand.New(rand.NewPCG(rng.Uint64(), 1)), n, calm),
		net:   newNetwork(rand.New(rand.NewPCG(rng.Uint64(), 2)), tr), trace: tr, truth: newTruth(),
	}
	c.truth.expires, c.truth.broken = c.noneBelieves, c.violated
	for i := range n {
		c.nodes = append(c.nodes, &node{id: uint64(i + 1), clock: newClock()})
	}
	for _, node := range c.nodes {
		if err := c.start(node); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *cluster) addresses() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.addr())
	}
	return all
}

func (n *node) addr() string     { return fmt.Sprintf("server-%d:7181", n.id) }
func (n *node) raftAddr() string { return fmt.Sprintf("127.0.0.1:%d", 7280+n.id) }

// start starts a server that is down. It serves when the log says so, nobody waits for that.
func (c *cluster) start(n *node) error {
	members := map[uint64]string{}
	for _, other := range c.nodes {
		members[other.id] = other.raftAddr()
	}
	srv, err := server.Start(server.Config{
		DataDir: os.TempDir(), // nothing is written there: its free space is measured
		ID:      n.id, ClientAddr: n.addr(), RaftAddr: n.raftAddr(), Members: members,
		DiskWatermark: 1, Clock: n.clock,
		Listen: func(_, at string) (net.Listener, error) { return c.net.listen(n.id, at), nil },
		OpenLog: func(cfg consensus.Config, m consensus.Machine) (server.Log, error) {
			l, err := c.model.Open(cfg, &witness{Machine: m, node: n, truth: c.truth, trace: c.trace})
			if err != nil {
				return nil, err
			}
			return l, nil
		},
		Fatal: func(err error) { panic(fmt.Sprintf("server %d cannot go on: %v", n.id, err)) },
	})
	if err != nil {
		return fmt.Errorf("starting server %d: %w", n.id, err)
	}
	n.srv = srv
	c.trace.note("start", n.id)
	return nil
}

// crash ends a server as a loss of power does. Its clients' connections are reset.
func (c *cluster) crash(n *node) {
	c.trace.note("crash", n.id)
	c.model.Crash(n.id)
	c.net.cut(func(_ int, server uint64) bool { return server == n.id })
	c.stop(n)
}

// stop closes a server and waits for it.
func (c *cluster) stop(n *node) {
	_ = n.srv.Close() // of a server that has crashed it says so
	n.srv = nil
	c.trace.note("stopped", n.id)
}

// drain stops a server in an orderly way.
func (c *cluster) drain(n *node) {
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	c.trace.note("drain", n.id)
	_ = n.srv.Drain(ctx) // without a quorum nobody takes over; it is closed all the same
	c.stop(n)
}

// dial opens a session of client i, which the truth then watches over.
func (c *cluster) dial(ctx context.Context, i int, cfg client.Config) (*client.Client, error) {
	cfg.Servers = c.addresses()
	cfg.Name = fmt.Sprintf("client-%d", i)
	cfg.DialContext = func(ctx context.Context, _, at string) (net.Conn, error) {
		for _, n := range c.nodes {
			if n.addr() == at {
				return c.net.dial(ctx, i, n.id, at)
			}
		}
		return nil, fmt.Errorf("there is no server at %s", at)
	}
	cl, err := client.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.clients[:0]
	for _, old := range c.clients {
		if state, _ := old.State(); !state.Final() {
			kept = append(kept, old)
		}
	}
	c.clients = append(kept, cl)
	return cl, nil
}

// noneBelieves is P5: when the service ends a session because it has not heard of it, its client does not rely on it any more.
func (c *cluster) noneBelieves(id session.ID, zxid znode.Zxid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range c.clients {
		if info := cl.Session(); info.ID == id && info.Valid() {
			c.wrong = append(c.wrong, fmt.Errorf("P5: the service ends session %v by transaction %d while its client believes in it for another %v",
				id, zxid, info.ValidFor()))
		}
	}
}

// violated notes something that must not happen.
func (c *cluster) violated(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, err)
}

// violations returns what was noted.
func (c *cluster) violations() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong
}

// close stops everything and waits for it.
func (c *cluster) close() {
	for _, n := range c.nodes {
		if n.srv != nil {
			c.stop(n)
		}
	}
	c.model.Close()
	c.net.close()
}

package modellog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// Rates say how bad the network is, and how fast everything else. They can change at any time.
type Rates struct {
	// Delay is the mean time of a message (default 2 ms). Each has its own, so they overtake each other. What a replica does
	// alone, such as giving entries to its machine, takes a quarter of it on average.
	Delay time.Duration
	// Disk is the mean time of a write to the disk (default: a quarter of Delay).
	Disk time.Duration
	// Drop and Duplicate are the probabilities that a message is lost, and that it comes twice.
	Drop, Duplicate float64
	// Election is how long a follower hears nothing of the leader, at least, before it stands for election; at most it is
	// twice as long (default 200 ms). It should be many times Delay.
	Election time.Duration
	// SnapshotEntries is the number of entries between snapshots of a replica (0: only those that are asked for).
	SnapshotEntries uint64
}

func (r Rates) complete() Rates {
	if r.Delay <= 0 {
		r.Delay = delayDefault
	}
	if r.Disk <= 0 {
		r.Disk = r.Delay / ownShare
	}
	if r.Election <= 0 {
		r.Election = electionDefault
	}
	return r
}

// Cluster is a fixed set of replicas, the network between them and their disks. All methods may be called by any goroutine,
// but Crash and Close not by a machine: they call waiters at barriers, and Close waits for the machine.
type Cluster struct {
	mu       sync.Mutex // held for moments; nobody is called back under it
	rates    Rates
	replicas []*replica // by id, from 1
	blocked  map[[2]uint64]bool
	truth    []entry // all committed entries, from index 1 on
	closed   bool
	weak     weaknesses
}

// weaknesses are rules that can be left out, to show that the tests of this package notice.
type weaknesses struct {
	commitAlone      bool // the leader commits without waiting for others
	electAnyone      bool // who votes does not look at the candidate's log
	voteTwice        bool // who votes does not remember it
	confirmNothing   bool // the leader answers at a barrier without asking whether it still leads
	confirmOldTerm   bool // the leader answers at a barrier before it has committed in its term
	barrierUnapplied bool // a barrier is passed before the machine has got there
	ackUnsynced      bool // a follower acknowledges what is not on disk
	releaseEarly     bool // Submit returns when the entry is committed, not when it is applied
}

// replica is what outlives a crash: a place in the network and a disk.
type replica struct {
	id       uint64
	rng      *rand.Rand // of everything that this replica does: what others do at the same instant does not disturb it
	boots    uint64
	term     uint64 // the newest in which it has voted or followed; on disk at once
	tape     tape
	snapshot *snapshot
	paused   bool
	late     int      // how many times longer what is sent to it takes; 0: no longer
	held     []func() // messages and timers that wait for Resume
	running  *Log     // nil: down
}

// New makes a cluster of replicas 1, 2, …, none of which runs. All choices come from rng, which belongs to the cluster from
// now on. Inside a synctest bubble all time is the bubble's.
func New(rng *rand.Rand, replicas int, rates Rates) *Cluster {
	c := &Cluster{rates: rates.complete(), blocked: map[[2]uint64]bool{}}
	for i := range replicas {
		c.replicas = append(c.replicas, &replica{id: uint64(i + 1), rng: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))})
	}
	return c
}

// SetRates changes the rates of what is sent from now on.
func (c *Cluster) SetRates(rates Rates) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rates = rates.complete()
}

// Open starts a replica, for the first time or again. It returns when the newest snapshot of the replica's disk has been
// recovered; what comes after is applied when a leader is known. m must be empty. Of cfg it uses ReplicaID, Members,
// LeaderChanged and Fatal. There is no census: Open waits for nobody.
func (c *Cluster) Open(cfg consensus.Config, m consensus.Machine) (*Log, error) {
	c.mu.Lock()
	if c.closed || cfg.ReplicaID == 0 || cfg.ReplicaID > uint64(len(c.replicas)) {
		c.mu.Unlock()
		return nil, &consensus.Refusal{Reason: consensus.ReasonConfig, Detail: fmt.Sprintf("there is no replica %d in the model", cfg.ReplicaID)}
	}
	r := c.replicas[cfg.ReplicaID-1]
	if r.running != nil {
		c.mu.Unlock()
		return nil, &consensus.Refusal{Reason: consensus.ReasonLocked, Detail: fmt.Sprintf("replica %d runs already", r.id)}
	}
	r.boots++
	l := newLog(c, r, cfg, m)
	r.running = l // nobody else may open it; it takes no part yet
	from := r.snapshot
	c.mu.Unlock()
	if from != nil {
		if err := m.Recover(from.reader()); err != nil {
			err = &consensus.Refusal{Reason: consensus.ReasonSnapshot, Detail: "the snapshot cannot be recovered", Err: err}
			l.shut()
			l.cfg.Fatal(err)
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.over {
		return nil, consensus.ErrClosed // crashed or closed meanwhile
	}
	if from != nil {
		l.applied, l.commit = from.index, from.index
	}
	l.takePart()
	return l, nil
}

// Leader returns the replica that leads in the newest term; false if there is none. It may be cut off from the others.
func (c *Cluster) Leader() (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.leader(); l != nil {
		return l.disk.id, true
	}
	return 0, false
}

func (c *Cluster) leader() *Log {
	var newest *Log
	for _, r := range c.replicas {
		if l := r.running; l != nil && l.office != nil && (newest == nil || r.term > newest.disk.term) {
			newest = l
		}
	}
	return newest
}

// Committed returns all commands that were committed so far, in order, also those that no replica has in its log any more.
func (c *Cluster) Committed() []consensus.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []consensus.Entry
	for i, e := range c.truth {
		if e.cmd != nil {
			all = append(all, consensus.Entry{Index: uint64(i + 1), Cmd: slices.Clone(e.cmd)})
		}
	}
	return all
}

// Close closes what runs, and ends the network.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.closed = true
	var logs []*Log
	for _, r := range c.replicas {
		if r.running != nil {
			logs = append(logs, r.running)
		}
	}
	c.mu.Unlock()
	for _, l := range logs {
		l.Close()
	}
}

func (c *Cluster) quorum() int { return len(c.replicas)/2 + 1 }

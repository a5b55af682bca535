package consensus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lni/vfs"
	"github.com/rs/zerolog"
)

// TLSFiles are PEM files for the raft port. They are read again when they change; if the new ones cannot be used the
// old ones stay in use. Whoever holds a certificate of this CA can take part in the cluster: use a CA of its own, not
// the one that signs clients' certificates.
type TLSFiles struct {
	CA   string // certificates that sign the members' certificates
	Cert string // this server's certificate; its SANs must contain the host of RaftAddr
	Key  string // its private key
}

func (f TLSFiles) empty() bool { return f == TLSFiles{} }

// Config of a replica's log.
type Config struct {
	// DataDir holds everything that the replica must not forget. Made with mode 0700 if absent.
	DataDir string
	// ReplicaID is the replica's number, from 1. It belongs to the data directory for good and must never be used again
	// for another one.
	ReplicaID uint64
	// RaftAddr is host:port by which the other members reach this one, and where it listens. It cannot change.
	RaftAddr string
	// Members are the raft addresses of the first members by replica id, the same on each, this one among them. Used at
	// the first start only. Empty: this replica is a cluster of one.
	Members map[uint64]string
	// Join is for a replica that is to be added to a running cluster: its first start waits until a member, told by
	// [Log.AddMember], calls it, and Members is not used.
	Join bool
	// Cluster is the name of the cluster, up to 255 bytes (default "coxswain"). Members of another name are refused.
	Cluster string
	// TLS secures the raft port. Without it, only loopback addresses are allowed, unless InsecureRaft is set.
	TLS TLSFiles
	// InsecureRaft allows the raft port to be reached from other machines without TLS. Whoever reaches it can then
	// change anything.
	InsecureRaft bool
	// Tick is the unit of Raft's timeouts, whole milliseconds (default 20 ms): the heartbeat is 2, an election 10 to 20.
	// It must be the same on all members.
	Tick time.Duration
	// SnapshotEntries is the number of log entries between snapshots (default 20,000).
	SnapshotEntries uint64
	// Dial opens connections to other members' raft ports; TLS comes on top of it (default: plain TCP with keep-alive).
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Log receives log lines, also Dragonboat's. Dragonboat has one logger per process: with several logs open, its
	// lines go to the one opened last.
	Log zerolog.Logger
	// LeaderChanged is told each change of leader that this replica hears of; leader 0 means that there is none. Called
	// in order by one goroutine; must not block. May be nil.
	LeaderChanged func(leader, term uint64)
	// Fatal is called when the process must stop because the state can no longer be trusted, or because this replica was
	// removed from the cluster. It must not return.
	// Default: log and exit with status 1. Dragonboat itself panics when its files fail.
	Fatal func(error)
	// Interrupt, when closed, makes Open give up waiting for other members or for being added. May be nil.
	Interrupt <-chan struct{}

	medium medium // what DataDir is on; a test's if it is not nil
}

// complete checks the configuration and fills in defaults.
func (c Config) complete() (Config, error) {
	refuse := func(format string, args ...any) (Config, error) {
		return c, &Refusal{Reason: ReasonConfig, Detail: fmt.Sprintf(format, args...)}
	}
	if c.Cluster == "" {
		c.Cluster = "coxswain"
	}
	if c.Tick == 0 {
		c.Tick = tickDefault
	}
	if c.SnapshotEntries == 0 {
		c.SnapshotEntries = snapshotEntriesDefault
	}
	if c.LeaderChanged == nil {
		c.LeaderChanged = func(uint64, uint64) {}
	}
	if c.medium == nil {
		c.medium = hardDisk{vfs.Default}
	}
	if c.Fatal == nil {
		log := c.Log
		c.Fatal = func(err error) {
			log.Error().Err(err).Msg("cannot go on")
			os.Exit(1)
		}
	}
	if c.DataDir == "" {
		return refuse("no data directory is given")
	}
	if c.ReplicaID == 0 {
		return refuse("replica id 0 is not allowed: number the servers from 1")
	}
	if len(c.Cluster) > clusterNameMax {
		return refuse("the cluster's name has %d bytes, the limit is %d", len(c.Cluster), clusterNameMax)
	}
	if c.Tick < time.Millisecond || c.Tick%time.Millisecond != 0 {
		return refuse("tick %v: want whole milliseconds, at least one", c.Tick)
	}
	if !validAddr(c.RaftAddr) {
		return refuse("raft address %q: want host:port as the other servers reach it, with a fixed port", c.RaftAddr)
	}
	if c.Join {
		c.Members = nil
	} else if len(c.Members) == 0 {
		c.Members = map[uint64]string{c.ReplicaID: c.RaftAddr}
	}
	c.Members = maps.Clone(c.Members)
	seen := make(map[string]uint64, len(c.Members))
	for _, id := range slices.Sorted(maps.Keys(c.Members)) {
		addr := c.Members[id]
		if id == 0 || !validAddr(addr) {
			return refuse("member %d=%q: want an id from 1 and host:port", id, addr)
		}
		if other, ok := seen[addr]; ok {
			return refuse("members %d and %d have the same raft address %s", other, id, addr)
		}
		seen[addr] = id
	}
	if addr, ok := c.Members[c.ReplicaID]; !c.Join && !ok {
		return refuse("server %d is not among the members: give every server the same list, with its own id in it", c.ReplicaID)
	} else if !c.Join && addr != c.RaftAddr {
		return refuse("the members give server %d the raft address %s, but its own raft address is %s: make them equal", c.ReplicaID, addr, c.RaftAddr)
	}
	return c, c.checkExposure()
}

// checkExposure refuses plaintext beyond this machine.
func (c Config) checkExposure() error {
	if !c.TLS.empty() {
		if c.TLS.CA == "" || c.TLS.Cert == "" || c.TLS.Key == "" {
			return &Refusal{Reason: ReasonTLS, Detail: "TLS of the raft port needs all three files: CA, certificate and key"}
		}
		return nil
	}
	if c.InsecureRaft {
		return nil
	}
	if !loopback(c.RaftAddr) {
		return &Refusal{Reason: ReasonInsecure, Detail: fmt.Sprintf("raft address %s can be reached from other machines, and without TLS "+
			"whoever reaches it can change anything: give the TLS files of the raft port (or, on a network that you trust fully, --insecure-raft)", c.RaftAddr)}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Members)) {
		if !loopback(c.Members[id]) {
			return &Refusal{Reason: ReasonInsecure, Detail: fmt.Sprintf("member %d at %s is on another machine, and Raft without TLS can be read and "+
				"forged on the way: give the TLS files of the raft port (or, on a network that you trust fully, --insecure-raft)", id, c.Members[id])}
		}
	}
	return nil
}

// deploymentID is the number by which Dragonboat tells clusters apart.
func (c Config) deploymentID() uint64 {
	sum := sha256.Sum256([]byte(c.Cluster))
	return binary.BigEndian.Uint64(sum[:8]) | 1 // 0 would mean "any"
}

// raftDir is Dragonboat's own directory.
func (c Config) raftDir() string { return filepath.Join(c.DataDir, "raft") }

// validAddr reports whether others can be told to connect to addr.
func validAddr(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || len(addr) > 512 {
		return false
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// loopback reports whether addr certainly stays on this machine. A name other than localhost may mean another machine
// tomorrow.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

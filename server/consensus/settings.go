package consensus

import (
	"fmt"
	"os"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/raftio"
)

// shardID is the number of the one Raft group.
const shardID = 1

// strayFiles would silently change Dragonboat's constants if they lay in the working directory.
var strayFiles = []string{"dragonboat-soft-settings.json", "dragonboat-hard-settings.json"}

func checkStrayFiles() error {
	for _, name := range strayFiles {
		if _, err := os.Lstat(name); err == nil {
			return &Refusal{Reason: ReasonConfig, Detail: fmt.Sprintf("file %s in the working directory would change the consensus library's constants: "+
				"move it away or start elsewhere", name)}
		}
	}
	return nil
}

// hostConfig is the process's part of Dragonboat's configuration. What is recorded in the data directory and cannot
// change later: DeploymentID, the address, the log store, Engine.ExecShards and LogDB.Shards.
func (c Config) hostConfig(t *transport, l *Log) config.NodeHostConfig {
	logDB := config.GetTinyMemLogDBConfig()
	logDB.KVWriteBufferSize = logBufferBytes
	return config.NodeHostConfig{
		DeploymentID:        c.deploymentID(),
		NodeHostDir:         c.raftDir(),
		RTTMillisecond:      uint64(c.Tick.Milliseconds()),
		RaftAddress:         c.RaftAddr,
		RaftEventListener:   raftEvents{l},
		SystemEventListener: systemEvents{l},
		EnableMetrics:       true,
		MaxSendQueueSize:    queueBytesMax,
		MaxReceiveQueueSize: queueBytesMax,
		Expert: config.ExpertConfig{
			LogDBFactory:     thriftyLogs{partReadLogs{tan.Factory}},
			LogDB:            logDB,
			TransportFactory: t,
			FS:               newSegmentFS(c.medium),
			Engine:           config.EngineConfig{ExecShards: 4, CommitShards: 4, ApplyShards: 4, SnapshotShards: 4, CloseShards: 4},
		},
	}
}

// replicaConfig is the Raft group's part. PreVote must be the same on all members.
func (c Config) replicaConfig() config.Config {
	return config.Config{
		ReplicaID:               c.ReplicaID,
		ShardID:                 shardID,
		CheckQuorum:             true,
		PreVote:                 true,
		ElectionRTT:             electionTicks,
		HeartbeatRTT:            heartbeatTicks,
		SnapshotEntries:         c.SnapshotEntries,
		CompactionOverhead:      min(compactionOverhead, c.SnapshotEntries/4),
		OrderedConfigChange:     true,
		MaxInMemLogSize:         queueBytesMax,
		SnapshotCompressionType: config.Snappy,
		EntryCompressionType:    config.NoCompression,
		WaitReady:               true,
	}
}

// Dragonboat reports files that it cannot read by panics; at a start they become errors.

func startHost(c Config, hc config.NodeHostConfig) (host *dragonboat.NodeHost, err error) {
	defer recoverStart(c, &err)
	if err := checkHostFiles(c.raftDir()); err != nil {
		return nil, unreadableLog(c, err)
	}
	if err := cutSegments(c.raftDir()); err != nil {
		return nil, unreadableLog(c, err)
	}
	if err := checkManifests(c.raftDir()); err != nil {
		return nil, unreadableLog(c, err)
	}
	host, err = dragonboat.NewNodeHost(hc)
	if err != nil {
		err = unreadableLog(c, err)
	}
	return host, err
}

// startReplica starts the Raft group. first is its members if this is the start that founds it, join is for the first start of
// one that joins, joined for all of its starts.
func startReplica(c Config, host *dragonboat.NodeHost, first map[uint64]string, join, joined bool, l *Log) error {
	config := c.replicaConfig()
	// It comes without a vote. That it was given one is in its log; started as a voter it would refuse to read there that
	// it had none before.
	config.IsNonVoting = joined
	if err := host.StartConcurrentReplica(first, join, l.newReplica, config); err != nil {
		return unreadableLog(c, err)
	}
	return nil
}

func recoverStart(c Config, err *error) {
	if p := recover(); p != nil {
		*err = unreadableLog(c, fmt.Errorf("%v", p))
	}
}

func unreadableLog(c Config, err error) error {
	return &Refusal{Reason: ReasonLog, Detail: fmt.Sprintf("the log in %s cannot be used: check the disk and the permissions; if it is damaged, "+
		"bring the data directory back, or remove this server from the cluster and add a new one with an id that was never used", c.raftDir()), Err: err}
}

// raftEvents hears of leaders; Dragonboat calls it in order from one goroutine.
type raftEvents struct{ log *Log }

func (e raftEvents) LeaderUpdated(info raftio.LeaderInfo) {
	e.log.leadership.set(info.LeaderID, info.Term)
	e.log.cfg.LeaderChanged(info.LeaderID, info.Term)
}

// systemEvents hears of snapshots and of changes to the membership. Dragonboat's workers wait for each call.
type systemEvents struct{ log *Log }

func (e systemEvents) SnapshotRecovered(info raftio.SnapshotInfo) {
	if info.Index == 0 {
		return // a start without a snapshot
	}
	e.log.stats.snapshotsRecovered.Inc()
	e.log.raiseApplied(info.Index)
	e.log.cfg.Log.Info().Uint64("index", info.Index).Msg("state recovered from a snapshot")
}

func (e systemEvents) SnapshotCreated(info raftio.SnapshotInfo) {
	e.log.stats.snapshotsCreated.Inc()
	e.log.cfg.Log.Debug().Uint64("index", info.Index).Msg("snapshot written")
}

func (e systemEvents) SnapshotReceived(info raftio.SnapshotInfo) {
	e.log.cfg.Log.Info().Uint64("from", info.From).Msg("snapshot received: this replica was too far behind for the log")
}

func (e systemEvents) SendSnapshotStarted(info raftio.SnapshotInfo) {
	e.log.cfg.Log.Info().Uint64("to", info.ReplicaID).Msg("sending a snapshot to a replica that is too far behind for the log")
}

// NodeDeleted: this replica has read in the log that it was removed.
func (e systemEvents) NodeDeleted(raftio.NodeInfo) { e.log.roster.expel() }

func (e systemEvents) MembershipChanged(raftio.NodeInfo) { e.log.roster.touch() }

func (systemEvents) NodeHostShuttingDown()                       {}
func (systemEvents) NodeUnloaded(raftio.NodeInfo)                {}
func (systemEvents) NodeReady(raftio.NodeInfo)                   {}
func (systemEvents) ConnectionEstablished(raftio.ConnectionInfo) {}
func (systemEvents) ConnectionFailed(raftio.ConnectionInfo)      {}
func (systemEvents) SendSnapshotCompleted(raftio.SnapshotInfo)   {}
func (systemEvents) SendSnapshotAborted(raftio.SnapshotInfo)     {}
func (systemEvents) SnapshotCompacted(raftio.SnapshotInfo)       {}
func (systemEvents) LogCompacted(raftio.EntryInfo)               {}
func (systemEvents) LogDBCompacted(raftio.EntryInfo)             {}

package consensus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// Open starts a replica on a data directory, making both if this is the first start. It returns when the newest
// snapshot has been recovered; the log is replayed after that, see [Log.Ready]. At the first start of one of several
// members it waits until every other one has been reached, and with [Config.Join] until it has been added; see
// [Config.Interrupt].
//
// Whatever makes it unsafe to run is refused with a [*Refusal]. m must be empty.
func Open(cfg Config, m Machine) (*Log, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := checkStrayFiles(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, machine: m, leadership: newLeadership(), closing: make(chan struct{})}
	l.life, l.end = context.WithCancel(context.Background())
	l.roster.init()
	l.submissions.waiting = make(map[uint64]chan struct{})
	l.barrier.wake = make(chan struct{}, 1)
	l.stats = newStats(l)
	if l.dir, err = openDataDir(cfg.DataDir, cfg.medium); err != nil {
		l.end()
		return nil, err
	}
	if err := l.open(); err != nil {
		l.end()
		return nil, errors.Join(err, l.dir.close())
	}
	// The first barrier makes the log ready even if nobody else asks for one.
	l.running.Go(l.runBarrier)
	l.running.Go(l.runRoster)
	l.Barrier(make(onceWaiter, 1))
	return l, nil
}

func (l *Log) open() error {
	hostname, err := os.Hostname()
	if err != nil {
		return &Refusal{Reason: ReasonHostname, Detail: "the host's name, under which the log lies, cannot be found out", Err: err}
	}
	id, err := l.dir.readIdentity()
	if err != nil {
		return err
	}
	if id != nil {
		if err := id.check(l.cfg, hostname); err != nil {
			return err
		}
		if err := checkNewestSnapshot(l.cfg.raftDir()); err != nil {
			return err
		}
	}
	var creds *credentials
	if !l.cfg.TLS.empty() {
		if creds, err = newCredentials(l.cfg.TLS, l.cfg.Log); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", l.cfg.RaftAddr)
	if err != nil {
		return &Refusal{Reason: ReasonPort, Detail: fmt.Sprintf("raft port %s cannot be opened: "+
			"stop the program that uses it, or correct the address, which must be one of this host", l.cfg.RaftAddr), Err: err}
	}
	if id == nil {
		if err := l.dir.beginFirstStart(); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	if l.boot, err = l.dir.nextBoot(id == nil); err != nil {
		return errors.Join(err, listener.Close())
	}
	members := l.cfg.Members
	if id != nil {
		members = id.Members
	}
	l.founders, l.joins = len(members), len(members) == 0
	l.transport = newTransport(listener, creds, l.cfg.InsecureRaft, newVetting(l.cfg.ReplicaID, members), l.answerCensus, l.cfg.Log, l.stats)
	l.transport.self = censusQuestion{replica: l.cfg.ReplicaID, cluster: l.cfg.Cluster}
	if l.cfg.Dial != nil {
		l.transport.connect = l.cfg.Dial
	}
	l.transport.held.Store(true)
	if l.joins {
		l.transport.meetings = make(chan meeting)
	}
	l.started.Store(id != nil)
	l.detach = bridge.attach(l.cfg.Log)
	host, err := startHost(l.cfg, l.cfg.hostConfig(l.transport, l))
	if err != nil {
		l.detach()
		return errors.Join(err, l.transport.Close())
	}
	l.gate.Lock()
	l.host = host // others may be asking for the census already
	l.gate.Unlock()
	if err := l.start(id, hostname); err != nil {
		l.closeHost()
		l.detach()
		return err
	}
	return nil
}

// start runs the replica, after the census if it has never run.
func (l *Log) start(id *identity, hostname string) (err error) {
	defer recoverStart(l.cfg, &err)
	l.session = l.host.GetNoOPSession(shardID)
	if l.host.HasNodeInfo(shardID, l.cfg.ReplicaID) {
		l.transport.held.Store(false)
		if err := startReplica(l.cfg, l.host, nil, false, id.Joined, l); err != nil {
			return err
		}
		return l.dir.endFirstStart()
	}
	// Dragonboat has no log. Only an unfinished first start may look like that.
	starting, err := l.dir.has(startingName)
	if err != nil || !starting {
		return &Refusal{Reason: ReasonLog, Detail: fmt.Sprintf("the log in %s is gone although this server has run before: bring the data directory back, "+
			"or remove this server from the cluster and add a new one with an id that was never used", l.cfg.raftDir()), Err: err}
	}
	l.started.Store(false)
	if id == nil {
		fresh := l.cfg.identity(hostname)
		id = &fresh
	}
	if id.Joined {
		err = l.awaitCall()
	} else {
		err = l.runCensus(id.Members)
	}
	if err != nil {
		return err
	}
	if err := l.dir.writeIdentity(*id); err != nil {
		return err
	}
	l.started.Store(true)
	l.transport.held.Store(false)
	if err := startReplica(l.cfg, l.host, id.Members, id.Joined, id.Joined, l); err != nil {
		return err
	}
	return l.dir.endFirstStart()
}

package consensus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// thriftyLogs makes the log stores of a factory save only what Raft needs on disk. The name by which a data directory
// remembers its store stays that of the factory.
type thriftyLogs struct{ config.LogDBFactory }

// Create implements LogDBFactory.
func (f thriftyLogs) Create(host config.NodeHostConfig, busy config.LogDBCallback, dirs, walDirs []string) (raftio.ILogDB, error) {
	db, err := f.LogDBFactory.Create(host, busy, dirs, walDirs)
	if err != nil {
		return nil, err
	}
	if err := checkKnowsSnapshot(db, host.NodeHostDir, dirs[0]); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	log := newThriftyLog(db)
	log.home = dirs[0]
	return log, nil
}

// checkKnowsSnapshot refuses a log that does not know of the newest snapshot below raftDir. A snapshot without a flag was
// recorded in the log before, see snapshotFlag; a log that has lost the record has lost all behind it too, and Dragonboat
// would remove the snapshot. One that the log knows of and that still has its flag was not checked before, and is now, because
// a start will use it.
func checkKnowsSnapshot(db raftio.ILogDB, raftDir, home string) error {
	path, err := newestSnapshot(raftDir)
	if err != nil {
		return err
	}
	replicas, err := db.ListNodeInfo()
	if err != nil {
		return err
	}
	for _, r := range replicas {
		known, err := db.GetSnapshot(r.ShardID, r.ReplicaID)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("snapshot-%016X.gbsnap", known.Index)
		switch {
		case path != "" && name < filepath.Base(path):
			return fmt.Errorf("a log file is damaged: the log does not know of the snapshot %s", path)
		case known.Index > 0 && known.Filepath != "":
			file := moved(known.Filepath, home)
			if _, err := os.Lstat(filepath.Join(filepath.Dir(file), snapshotFlag)); err != nil {
				continue // without a flag it was checked
			}
			if err := checkSnapshotFile(file); err != nil {
				return damagedSnapshot(file, err)
			}
		}
	}
	return nil
}

// thriftyLog is a log store that does not save an update which only moves the commit index. It remembers that index, and
// whatever must be saved next carries it along. So the disk always holds what it would hold without this type if the
// process had died right after the newest save of entries, a snapshot, a term or a vote; package doc, # Choices, says why
// that is enough.
//
// It saves one thing at a time. tan writes a record and syncs its newest segment in two steps, and a save by another
// goroutine that starts a segment in between would leave the record in the old one, unsynced. So there is never more than
// one record that is not synced, which cutSegments relies on.
//
// Methods not declared here are the store's own: they touch no state.
type thriftyLog struct {
	raftio.ILogDB
	home string // the directory below which the replica's snapshots are; empty: where the log says

	mu sync.Mutex // held while anything is saved, and while entries are read
	// states are the newest states of the replicas: term and vote as on disk, the commit index perhaps newer. Guarded by mu.
	states map[raftio.NodeInfo]raftpb.State
	saves  []raftpb.Update // reused, empty between calls; guarded by mu
}

func newThriftyLog(db raftio.ILogDB) *thriftyLog {
	return &thriftyLog{ILogDB: db, states: make(map[raftio.NodeInfo]raftpb.State)}
}

// SaveRaftState implements ILogDB. Nothing of updates is changed or retained.
func (l *thriftyLog) SaveRaftState(updates []raftpb.Update, worker uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range updates {
		replica := raftio.GetNodeInfo(u.ShardID, u.ReplicaID)
		known := l.states[replica]
		if raftpb.IsEmptyState(u.State) { // it has not changed
			u.State = known
		} else {
			l.states[replica] = u.State
		}
		if len(u.EntriesToSave) > 0 || !raftpb.IsEmptySnapshot(u.Snapshot) || u.Term != known.Term || u.Vote != known.Vote {
			l.saves = append(l.saves, u)
		}
	}
	return l.save(worker)
}

// SaveSnapshots implements ILogDB. A snapshot of what the machine has applied may come before the update that says it is
// committed, which Dragonboat applies first and saves then. As a store with a commit index below its snapshot cannot be
// read again, both are saved in one record.
func (l *thriftyLog) SaveSnapshots(updates []raftpb.Update) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range updates {
		if raftpb.IsEmptySnapshot(u.Snapshot) {
			continue
		}
		replica := raftio.GetNodeInfo(u.ShardID, u.ReplicaID)
		state := l.states[replica]
		if !raftpb.IsEmptyState(state) {
			state.Commit = max(state.Commit, u.Snapshot.Index)
			l.states[replica] = state
		}
		l.saves = append(l.saves, raftpb.Update{ShardID: u.ShardID, ReplicaID: u.ReplicaID, State: state, Snapshot: u.Snapshot})
	}
	return l.save(snapshotWorker)
}

// snapshotWorker is the number of the step worker in whose name snapshots are saved. A worker's number stands for buffers
// that only one goroutine may use at a time, which mu sees to.
const snapshotWorker = 1

// save saves l.saves. After a failure it is unknown what the disk has, so nothing counts as saved any more.
func (l *thriftyLog) save(worker uint64) error {
	if len(l.saves) == 0 {
		return nil
	}
	err := l.ILogDB.SaveRaftState(l.saves, worker)
	clear(l.saves)
	l.saves = l.saves[:0]
	if err != nil {
		clear(l.states)
	}
	return err
}

// ReadRaftState implements ILogDB. It returns the newest state, saved or not.
func (l *thriftyLog) ReadRaftState(shard, replica, lastIndex uint64) (raftio.RaftState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	read, err := l.ILogDB.ReadRaftState(shard, replica, lastIndex)
	if err != nil {
		return read, err
	}
	id := raftio.GetNodeInfo(shard, replica)
	if newest, known := l.states[id]; known {
		read.State = newest
	} else if !raftpb.IsEmptyState(read.State) {
		l.states[id] = read.State
	}
	return read, nil
}

// GetSnapshot implements ILogDB. The log has the path at which the snapshot was written. The data directory may have been
// moved or brought back elsewhere since, and a leader that has to send a snapshot which is not there ends by a panic.
func (l *thriftyLog) GetSnapshot(shard, replica uint64) (raftpb.Snapshot, error) {
	snapshot, err := l.ILogDB.GetSnapshot(shard, replica)
	if err == nil && l.home != "" && snapshot.Filepath != "" {
		snapshot.Filepath = moved(snapshot.Filepath, l.home)
	}
	return snapshot, err
}

// moved is where a snapshot's file is now: snapshot-part-P/snapshot-S-R/snapshot-I/snapshot-I.gbsnap below home.
func moved(path, home string) string {
	const names = 4
	parts := strings.Split(filepath.ToSlash(path), "/")
	return filepath.Join(home, filepath.Join(parts[max(0, len(parts)-names):]...))
}

// IterateEntries implements ILogDB. tan reads on to the end of a file, and would call it damaged if another goroutine had
// just written half of a record there.
func (l *thriftyLog) IterateEntries(entries []raftpb.Entry, size, shard, replica, low, high, maxSize uint64) ([]raftpb.Entry, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ILogDB.IterateEntries(entries, size, shard, replica, low, high, maxSize)
}

// RemoveEntriesTo implements ILogDB. The entries are below a snapshot, which was saved with a commit index above them.
func (l *thriftyLog) RemoveEntriesTo(shard, replica, index uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ILogDB.RemoveEntriesTo(shard, replica, index)
}

// RemoveNodeData implements ILogDB.
func (l *thriftyLog) RemoveNodeData(shard, replica uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.states, raftio.GetNodeInfo(shard, replica))
	return l.ILogDB.RemoveNodeData(shard, replica)
}

// ImportSnapshot implements ILogDB. It replaces all there is of the replica, its term and vote too.
func (l *thriftyLog) ImportSnapshot(snapshot raftpb.Snapshot, replica uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.states, raftio.GetNodeInfo(snapshot.ShardID, replica))
	return l.ILogDB.ImportSnapshot(snapshot, replica)
}

// Close implements ILogDB. The commit index that was not saved is not needed, and to save it now would be dangerous: tan
// does not sync such a record, but syncs the index that points there, so that a power failure soon after would cost the
// term and the vote.
func (l *thriftyLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ILogDB.Close()
}

package consensus

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// remains are what Raft finds of a replica after a loss of power.
type remains struct {
	state    raftpb.State
	snapshot raftpb.Snapshot
	entries  []raftpb.Entry // behind the snapshot
}

// last is the index and the term of the last entry, by which an election is decided.
func (r remains) last() (term, index uint64) {
	if n := len(r.entries); n > 0 {
		return r.entries[n-1].Term, r.entries[n-1].Index
	}
	return r.snapshot.Term, r.snapshot.Index
}

// snapshotPlace is where the snapshots of the replica are, beside tan's directory.
func snapshotPlace(replica uint64) string {
	return fmt.Sprintf("snapshot-part-%d/snapshot-%d-%d", shardID, shardID, replica)
}

// newer reports whether r would win an election against other.
func (r remains) newer(other remains) bool {
	term, index := r.last()
	otherTerm, otherIndex := other.last()
	return cmp.Or(cmp.Compare(term, otherTerm), cmp.Compare(index, otherIndex)) > 0
}

// readRemains reads the log and the snapshot of a data directory as a start does.
func readRemains(dataDir string, replica uint64) (r remains, err error) {
	raft := filepath.Join(dataDir, "raft")
	if err := cutSegments(raft); err != nil {
		return r, err
	}
	if err := checkManifests(raft); err != nil {
		return r, err
	}
	if err := checkNewestSnapshot(raft); err != nil {
		return r, err
	}
	var home string // of tan: the directory above the one named tandb
	err = filepath.WalkDir(raft, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() && entry.Name() == "tandb" {
			home = filepath.Dir(path)
			return fs.SkipAll
		}
		return err
	})
	if err != nil || home == "" {
		return r, err
	}
	host := config.NodeHostConfig{NodeHostDir: raft, Expert: config.ExpertConfig{
		FS: newSegmentFS(newTracedDisk(new(trace), 0, dataDir)), LogDB: config.GetTinyMemLogDBConfig(),
	}}
	host.Expert.LogDB.KVWriteBufferSize = logBufferBytes
	db, err := thriftyLogs{partReadLogs{tan.Factory}}.Create(host, nil, []string{home}, []string{home})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.snapshot, err = db.GetSnapshot(shardID, replica); err != nil {
		return r, err
	}
	if r.snapshot.Index > 0 { // a start ends with a panic without it
		name := fmt.Sprintf("snapshot-%016X", r.snapshot.Index)
		if err := checkSnapshotFile(filepath.Join(home, snapshotPlace(replica), name, name+".gbsnap")); err != nil {
			return r, fmt.Errorf("the snapshot of which the log knows: %w", err)
		}
	}
	state, err := db.ReadRaftState(shardID, replica, r.snapshot.Index)
	if errors.Is(err, raftio.ErrNoSavedLog) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.state = state.State
	first, last := max(state.FirstIndex, r.snapshot.Index+1), state.FirstIndex+state.EntryCount
	if state.EntryCount > 0 && first < last {
		r.entries, _, err = db.IterateEntries(nil, 0, shardID, replica, first, last, 1<<30)
		if err == nil && uint64(len(r.entries)) != last-first {
			err = fmt.Errorf("%d of the entries from %d to %d are there", len(r.entries), first, last)
		}
	}
	return r, err
}

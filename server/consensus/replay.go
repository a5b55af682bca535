package consensus

import (
	"math"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// partReadLogs makes the log stores of a factory read at most replayBytesMax at once. At a start Dragonboat asks for all
// there is since the snapshot, up to 64 MiB at once; in parts the machine applies what was read while the next is being
// read, and not all of it is in memory together.
type partReadLogs struct{ config.LogDBFactory }

// Create implements LogDBFactory.
func (f partReadLogs) Create(host config.NodeHostConfig, busy config.LogDBCallback, dirs, walDirs []string) (raftio.ILogDB, error) {
	db, err := f.LogDBFactory.Create(host, busy, dirs, walDirs)
	if err != nil {
		return nil, err
	}
	return partReadLog{db}, nil
}

// partReadLog is a log store that is read in parts. All other methods are the store's own.
type partReadLog struct{ raftio.ILogDB }

// IterateEntries implements ILogDB. That there is more than was read is told by a number of bytes above bytesMax, as the
// store itself does; Dragonboat then leaves out the last entry, if it is not the only one.
func (l partReadLog) IterateEntries(entries []raftpb.Entry, bytes, shard, replica, low, high, bytesMax uint64) ([]raftpb.Entry, uint64, error) {
	if bytesMax <= replayBytesMax || bytesMax == math.MaxUint64 { // little, or really all
		return l.ILogDB.IterateEntries(entries, bytes, shard, replica, low, high, bytesMax)
	}
	had := uint64(len(entries))
	entries, bytes, err := l.ILogDB.IterateEntries(entries, bytes, shard, replica, low, high, replayBytesMax)
	if err == nil && uint64(len(entries))-had < high-low && bytes > replayBytesMax {
		bytes = bytesMax + 1
	}
	return entries, bytes, err
}

package consensus

import (
	"errors"
	"fmt"
	"io"

	"github.com/lni/dragonboat/v4/statemachine"
)

// replica is the Machine as Dragonboat sees it.
type replica struct {
	log *Log
	// Owned by Dragonboat's apply goroutine.
	entries []Entry
	mine    []uint64 // sequence numbers of this process's submissions among entries
}

func (l *Log) newReplica(uint64, uint64) statemachine.IConcurrentStateMachine {
	return &replica{log: l}
}

// Update implements IConcurrentStateMachine. It never fails: an error would end the process on every replica.
func (r *replica) Update(committed []statemachine.Entry) ([]statemachine.Entry, error) {
	l := r.log
	for _, e := range committed {
		from, cmd, ok := splitEntry(e.Cmd)
		if !ok {
			cmd = e.Cmd
		} else if from.replica == l.cfg.ReplicaID && from.boot == l.boot {
			r.mine = append(r.mine, from.seq)
		}
		r.entries = append(r.entries, Entry{Index: e.Index, Cmd: cmd})
	}
	l.machine.Apply(r.entries)
	if n := len(committed); n > 0 {
		l.raiseApplied(committed[n-1].Index)
	}
	for _, seq := range r.mine {
		l.submissions.applied(seq)
	}
	clear(r.entries)
	r.entries, r.mine = r.entries[:0], r.mine[:0]
	return committed, nil
}

// Lookup is not used: reads do not pass through Dragonboat.
func (r *replica) Lookup(any) (any, error) { return nil, errors.ErrUnsupported }

// PrepareSnapshot implements IConcurrentStateMachine.
func (r *replica) PrepareSnapshot() (any, error) { return r.log.machine.Snapshot() }

// SaveSnapshot implements IConcurrentStateMachine. Dragonboat panics on any error but the two of its own.
func (r *replica) SaveSnapshot(captured any, w io.Writer, _ statemachine.ISnapshotFileCollection, stop <-chan struct{}) error {
	snapshot := captured.(Snapshot)
	defer snapshot.Close()
	err := snapshot.WriteTo(w, stop)
	if err == nil {
		return nil
	}
	select {
	case <-stop:
		return statemachine.ErrSnapshotStopped
	default:
	}
	// The log goes on without this snapshot, and the next one may succeed: the disk may be full for a while.
	r.log.stats.snapshotsFailed.Inc()
	r.log.cfg.Log.Error().Err(err).Msg("snapshot could not be written; the log keeps growing until one succeeds: check the disk of the data directory")
	return statemachine.ErrSnapshotAborted
}

// RecoverFromSnapshot implements IConcurrentStateMachine. A state that cannot be recovered ends the process: running on
// without it would be running with wrong data.
func (r *replica) RecoverFromSnapshot(reader io.Reader, _ []statemachine.SnapshotFile, stop <-chan struct{}) error {
	err := r.recover(reader)
	if err == nil {
		return nil
	}
	select {
	case <-stop:
		return statemachine.ErrSnapshotStopped
	default:
	}
	path, findErr := newestSnapshot(r.log.cfg.raftDir())
	if findErr != nil || path == "" {
		path = "in " + r.log.cfg.raftDir()
	}
	err = damagedSnapshot(path, err)
	r.log.cfg.Fatal(err)
	return err
}

// recover turns the panic with which Dragonboat's reader reports a wrong checksum into an error.
func (r *replica) recover(reader io.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return r.log.machine.Recover(reader)
}

// Close implements IConcurrentStateMachine. The machine belongs to the caller of Open.
func (r *replica) Close() error { return nil }

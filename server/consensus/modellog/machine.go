package modellog

import (
	"bytes"
	"io"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// snapshot is a machine's state after an entry. Immutable.
type snapshot struct {
	index, term uint64
	state       []byte
}

// retained is what the bytes of a command become after Apply.
const retained = 0xDB

// reader reads the state, and is nothing but a Reader.
func (s *snapshot) reader() io.Reader { return io.MultiReader(bytes.NewReader(s.state)) }

// work makes the machine do the next thing there is to do, if it does nothing now. The caller holds Cluster.mu.
func (l *Log) work() {
	if l.working || l.over || l.install == nil && l.commit == l.applied && !l.wantSnapshot {
		return
	}
	l.working = true
	l.task(about(l.disk.rng, l.cluster.rates.Delay/ownShare), l.step)
}

// step uses the machine once. It alone calls Apply, Recover and Snapshot, and there is one step at a time.
func (l *Log) step() {
	c := l.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case l.over:
		return
	case l.disk.paused:
		l.disk.held = append(l.disk.held, func() { l.working = false; l.work() })
		return
	case l.install != nil:
		l.recover()
	case l.wantSnapshot:
		l.wantSnapshot = false
		l.capture()
	default:
		l.apply()
	}
	l.working = false
	l.pass()
	l.work()
}

// outside calls do without Cluster.mu, which the caller holds and has again afterwards, also if do ends the goroutine.
func (l *Log) outside(do func()) {
	l.cluster.mu.Unlock()
	defer l.cluster.mu.Lock()
	do()
}

// recover gives the machine a snapshot that came from the leader. Cluster.mu is given back meanwhile.
func (l *Log) recover() {
	s := l.install
	l.install = nil
	l.outside(func() {
		if err := l.machine.Recover(s.reader()); err != nil {
			l.shut()
			l.cfg.Fatal(&consensus.Refusal{Reason: consensus.ReasonSnapshot, Detail: "a snapshot of the leader cannot be recovered", Err: err})
		}
	})
	l.applied = s.index
}

// apply gives the machine some of the entries that it lacks. Cluster.mu is given back meanwhile.
func (l *Log) apply() {
	t := &l.disk.tape
	part := t.part(l.applied, min(int(l.commit-l.applied), 1+l.disk.rng.IntN(batchMax)))
	entries := make([]consensus.Entry, 0, len(part))
	for i, e := range part {
		if e.cmd != nil {
			entries = append(entries, consensus.Entry{Index: l.applied + 1 + uint64(i), Cmd: bytes.Clone(e.cmd)})
		}
	}
	l.outside(func() {
		if len(entries) > 0 {
			l.machine.Apply(entries)
		}
	})
	for _, e := range entries { // whoever retained a command must notice
		for i := range e.Cmd {
			e.Cmd[i] = retained
		}
	}
	clear(entries)
	if l.over {
		return
	}
	l.applied += uint64(len(part))
	for _, e := range part {
		l.release(e.from)
	}
	if every := l.cluster.rates.SnapshotEntries; every > 0 && l.applied-t.base >= every {
		l.wantSnapshot = true
	}
}

// capture has the machine capture its state, which is written a little later, while entries are applied. Cluster.mu is given
// back meanwhile.
func (l *Log) capture() {
	s := &snapshot{index: l.applied}
	s.term, _ = l.disk.tape.term(s.index)
	if l.snapshotting || s.index == l.disk.tape.base {
		return
	}
	l.snapshotting = true
	var captured consensus.Snapshot
	var err error
	l.outside(func() { captured, err = l.machine.Snapshot() })
	if err != nil {
		l.snapshotting = false
		l.cfg.Log.Error().Err(err).Msg("snapshot could not be taken")
		return
	}
	l.tasks.Add(1) // by a task, so Close has not stopped waiting
	time.AfterFunc(about(l.disk.rng, snapshotWrites*l.cluster.rates.Disk), func() {
		defer l.tasks.Done()
		l.write(s, captured)
	})
}

// write writes a snapshot to the disk. Only when it is whole it takes the place of the entries.
func (l *Log) write(s *snapshot, captured consensus.Snapshot) {
	var b bytes.Buffer
	err := captured.WriteTo(&b, l.closing)
	captured.Close()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	l.snapshotting = false
	if err != nil {
		l.cfg.Log.Error().Err(err).Msg("snapshot could not be written")
		return
	}
	s.state = b.Bytes()
	if r := l.disk; !l.over && s.index > r.tape.base {
		r.snapshot = s
		r.tape.forget(s.index, s.term)
	}
}

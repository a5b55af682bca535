// Package consensus keeps a log of commands that all replicas of a cluster apply in the same order, on top of Dragonboat,
// and is the only package that knows Dragonboat. A command is bytes; what it means is the [Machine]'s business.
//
//	         Submit(cmd)                            Barrier(w)
//	             │                                       │
//	      proposal, and another                  one ReadIndex at a time
//	      copy whenever the leader               for everybody who waits
//	      changes or says no                             │
//	             │                                       │
//	  ┌──────────▼────────────── Dragonboat ─────────────▼──────────┐        raft port
//	  │  Raft · log in tan, fsync before acknowledgement · snapshots │◀──▶ transport ◀──▶ other members
//	  └──────────┬──────────────────────────────────────────────────┘     frames, TLS,      │
//	             │ entries, in order, from one goroutine                  vetting        census
//	          Machine.Apply ──▶ Submit returns                                     "have I run before?
//	                                                                                what am I to you?"
//
//	data directory, mode 0700
//	  lock           held while a process runs on it
//	  identity.json  format, cluster, replica, host name, raft address, first members
//	  boot           number of starts
//	  boot.copy      the same: the number must never be smaller than it was, see nextBoot
//	  starting       only during a first start
//	  raft/          Dragonboat's
//
// # What holds
//
//   - When Submit has returned nil, a quorum has the command on disk and this replica's machine has applied it.
//   - A command may be applied several times: Submit proposes copies until one is applied. The machine must make that
//     harmless (sequence rule). What Submit is not sure of, it never calls failed; it waits.
//   - When a waiter's BarrierDone(nil) is called, this replica's machine holds all that was acknowledged to anybody
//     before the waiter came: a read of it is linearizable. No clock is involved.
//   - A replica never runs with a state that it cannot trust. [Open] refuses, with a [Refusal] that says what to do: a
//     data directory of another cluster, replica, host name, address or format; one in use; one whose log, identity or
//     snapshot is missing or damaged; an empty one for a replica that the other members know to have run before, or to
//     have removed.
//     Damage that shows later ends the process: [Config.Fatal], or a panic of Dragonboat.
//   - A start looks at the files before Dragonboat does, which takes some damage for a new log, or ignores it: the list of tan's
//     log files (checkManifests), the records in them (cutSegments), the newest snapshot, whether the log knows of it, and the
//     files with Dragonboat's own identity. What is left for later is a damaged record in a log file that was closed: tan finds it
//     by its checksum when it reads it.
//   - A sync that fails ends the process: what it has not written is lost, though another sync would say that all is well. What
//     was acknowledged before is there when it starts again.
//   - A data directory may be moved to another place on the same host. It belongs to the host's name and to the raft address.
//   - The raft port reads no more than a frame may have, allocates only for what has come, and hands to Dragonboat only
//     messages that a member may send; Dragonboat's own port does none of this. Without TLS it is not opened to other
//     machines unless that is asked for by name. With TLS, 1.3 only, both sides show a certificate of the peers' CA, and
//     the one that is dialled has the host of its address among its SANs.
//
// # Census
//
// A replica with an empty data directory that took part before has forgotten votes and entries it has promised to keep,
// and could undo what was acknowledged. So a first start as one of several members asks every other one over the raft
// port, and waits for all of them, before it promises anything. Members know from the machine's state and from whom they
// have heard since they started. A replica must therefore be made known to the machine before it serves anybody. For:
// needs nothing but the members themselves. Against: a cluster cannot be formed while one of its first members is down.
//
// # Membership
//
//	server 4 --join                       member                       leader
//	waits, empty     ◀── who are you? ──  AddMember(4)
//	                                      added without a vote
//	held             ◀────────────────────────────────────────────────  calls it
//	                 ─── what am I to you? ──────────────────────────▶
//	runs, catches up ◀────────────────────────────────────────────────  log or snapshot
//	                 ◀── have you caught up? ─────────────────────────  machine knows it
//	votes            ◀────────────────────────────────────────────────  gives it its vote
//
// A new member has no vote until it has caught up, so the cluster never waits for it; giving the vote is the leader's task,
// whoever that is by then. A replica with a vote is therefore always known to the machine, and one that joins runs only if
// its caller says that it has no vote and has never run. Changes name the one before them, so two at a time cannot both
// happen. RemoveMember asks the others first: it does not leave a cluster that could not go on. A removed replica reads of
// it in the log, or hears of no leader and asks; then it ends by [Config.Fatal], at once or after every start. Its id is
// refused for ever. A replica's address never changes, and is believed only after the replica has answered there.
//
// For: one command, which refuses most mistakes before anything has changed. Against: a cluster that has lost its majority
// cannot be changed, and a new server must be running before it is added.
//
// # Choices
//
// tan with small buffers: it is the smaller store on disk, and 16 x 256 KiB of buffers keep the idle heap below 10 MiB.
// Election after 10 to 20 ticks of 20 ms: faster ones fail under load on two cores. A heartbeat every other tick, five to
// an election: with ticks of half the length and twice as many heartbeats an idle server takes 3.3 % of a core instead of
// 1.9 %. An entry carries its origin (replica, boot, number) before the command, a few bytes, so that any copy releases its
// Submit; Dragonboat reports the fate of one proposal only, and not that of one lost with a leader.
//
// A connection to a member that has ended is made again by the transport, see messageLink: Dragonboat would wait for up to
// 1.5 seconds, and a member that was killed and started at once would hear of the leader that much later. For: a restart
// takes the time of the replay. Against: Raft is not told that the member is away, and makes messages for it that are lost.
//
// The log store saves no update that only moves the commit index, and fsyncs a write once on each replica instead of two or
// three times: see thriftyLog. What Raft must have on disk before it answers is the term, the vote and the entries; the
// commit index is volatile (figure 2 of the Raft paper): a replica that comes back learns it from the leader, and a leader
// finds it again with the first entry of its term. No message promises it. What is done because of it is volatile as well,
// the machine and the membership that the log has led to, but for snapshots, which therefore take it with them to the disk.
// Entries take it, too, and that is needed: an entry that changes the membership is proposed only when the change before
// it is known to be committed, and a replica that had the one without knowing the other could elect with a membership two
// changes old. So the disk is always as it would be after a crash a little earlier, right after the newest save.
// For: a third of a single writer's time, and less to write. Against: after a crash the last few entries are applied when a
// leader is known, not before.
//
// tan's log files have zeros on the disk ahead of the records, see segment, because a sync of blocks that the file has
// already writes no metadata: a record of 300 bytes is saved in 117 µs instead of 158, one of 4 KiB in 142 instead of 214, one
// of 64 KiB in 360 instead of 445; a single client's write takes 0.82 ms instead of 0.94 (medians of six interleaved rounds).
// The writer itself writes them, 256 KiB at a time, and the record's sync carries them; a spare file, filled beforehand,
// would help no sooner after a start, take more space and need a goroutine. Steps of 64 KiB and of 1 MiB could not be told
// from it. After a crash the zeros, and a last record that is torn, are cut off before tan looks; a broken record with whole
// ones behind it was synced, and the log is refused. For: nearly every sync is cheaper, and one in hundreds as slow as all
// were. Against: up to twice the bytes written when writes are few and small; and a log whose end was damaged or cut off later,
// not torn, cannot be told from one after a crash. That all of a log file is gone can: the first sync of one with records leaves a
// file 000123.used beside it.
//
// tan and not pebble, for speed: set of 100 bytes, three servers and the load on two cores, medians of four interleaved
// rounds. tan has both of the above; pebble could have neither, its factory is internal to Dragonboat.
//
//	clients           tan                  pebble
//	1                 1,185/s, 0.81 ms       878/s, 1.09 ms
//	64               15,086/s, 3.96 ms    10,469/s, 5.68 ms
//	256              28,762/s, 8.50 ms    23,994/s, 10.1 ms
//	64 x 16 callers  82,211/s, 11.5 ms    62,573/s, 13.8 ms
//
// On a full disk, seen with a file system of 700 MB that something else fills. Below the watermark writes are refused and
// reads go on with either; what the log still needs goes into the rest of tan's file, whose 64 MiB are reserved. Without
// that refusal the process ends when tan wants the next file and cannot reserve it. Neither can be counted on to start
// again: tan's first act is to reserve a file, so it is refused with "no space left on device"; pebble started on a disk
// that was full and idle, and was refused with a nil pointer dereference on one filled in mid-write. With room both started
// and took writes. So pebble is no safer there, it is only sometimes longer up.
//
// # Concurrency
//
// All methods of [Log] may be called by any goroutine. Machine.Apply, Snapshot and Recover are called one at a time by
// Dragonboat's goroutines; Snapshot.WriteTo and Booted concurrently with them. Close waits for every goroutine.
//
// # Disks
//
// All that must survive a loss of power is written through a medium: a test puts one in its place that traces each write and
// sync. From the trace it makes what a disk may hold when the power fails, at each sync: nothing that was not synced, or any of
// it, sector by sector; or all of it, as when the process is killed. On that it starts the servers again. testdata keeps what
// each format has written, down to a whole data directory, and every release must read it.
//
// # What it does not do
//
// It does not order Submits of several goroutines, batch commands, remember replies, or retry for ever on behalf of a
// caller whose context has ended. It does not remove a member by itself, however long that is down. It does not watch the
// disk: a full one makes Dragonboat panic, so whoever serves clients must stop writing before. One Raft group only.
package consensus

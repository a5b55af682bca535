// Package recipes is what people build on a coordination service, built: locks, elections, queues, membership, configuration.
// It stands on package client alone; whatever it does, a program could do itself, with the nodes that each type's documentation
// shows.
//
//	what you have                       what you want                                           type
//
//	one thing, many who want it         one at a time, in the order of asking                   Lock, ReentrantLock
//	                                    several things at once, all or none                     NewMultiLock
//	                                    one writes, or many read                                RWLock
//	                                    so many at a time                                       Semaphore
//	                                    for so long, whatever becomes of the process            Lease
//	                                    one leads, all know who                                 Election
//	something outside of the service    it refuses whoever has lost the lock                    FenceGate
//	processes that do a thing together  nobody begins before all may                            Barrier, DoubleBarrier
//	                                    all do it or nobody does                                TwoPhase
//	processes that come and go          who is there                                            Group
//	                                    who offers what, and is well                            Registry
//	                                    each part of the work has one owner                     Partitioner
//	work                                it is done in order, and nothing is lost                Queue
//	                                    a step is done once, whoever asks how often             Once
//	                                    not more than so much of it per second                  RateLimiter
//	a number                            everybody adds to it; everybody gets another one        Counter, Sequencer
//	a value, a configuration            read, compared and set; with versions and a way back    Value, Config
//	a subtree                           in memory, as of one zxid                               Cache
//
// # Holding
//
// Whoever has something has a [Hold]. Its context ends before the service can give the thing to somebody else; its fence, the
// zxid that created its node, is greater than that of every earlier holder; and what it commits is written while it holds, or
// not at all.
//
//	Acquire ──▶ Hold ──┬── Context()  work under it: right if clocks run at about the same rate
//	                   ├── Commit()   writes to the tree: right whatever clocks do
//	                   ├── Fence()    for everything else: a FenceGate, or the resource itself, refuses older ones
//	                   └── Release()  the context ends first, then somebody else may have it
//
// A lock without a fence is a hint: no service can keep a process that was paused from finishing the call that it was in the
// middle of. This is so for every lock service; here the tools against it are in the value that one holds.
//
// # Lines
//
// Locks, elections, semaphores and the consumers of a queue wait in a line: ephemeral, sequential children of one node, in the
// order of their numbers. Each watches the one ahead and nothing else, so whoever leaves wakes one. Getting in line and seeing
// that nobody else is there are one transaction, so what is free costs one write. Waiters read from the server at hand; their
// decisions stay right because that server has seen them get in line, and events come in the order of the log.
//
// # Sessions
//
// What is held, and every place in line, belongs to the session in which it was acquired. When the session ends all is over:
// holds with client.ErrSessionExpired as the cause, waits with it as their error. Nothing passes into the next session of a
// client with client.Config.Renew but what says so: Group and Registry come back, caches and other watches go on.
//
// A session that is handed over to another process ([client.Client.Export]) takes its nodes along. The next process goes on
// with a lock by [Lock.Resume], and with a membership or a service by joining or registering under the same name. Waits should
// have ended before: the place of one that had not is the next process's, which nobody there knows of (client.Client.Ephemerals
// lists it).
//
// # Invariants
//
//   - No hold's context is alive when the service gives what is held to somebody else. Two exceptions, which no lease can
//     cover: an operator kills the session (client.Client.KillSession), or somebody else deletes the node. The fence covers them.
//   - A call whose context ends leaves no node behind; if the service is not reached at that time, none when it is again.
//   - Every node that is deleted or written on behalf of a hold is guarded by its czxid: another one of the same name is never touched.
//   - No goroutine outlives its owner's Release, Close or Leave, except to take back what was being made when a context ended.
//   - No decision depends on another machine's clock.
//
// # What it does not do
//
// It sees nothing of what the processes do: a holder that hangs while its client goes on pinging keeps its lock. It does not
// prevent deadlocks of locks that are taken one after the other: [ExplainTree] and [Circles] find those of sessions that wait
// for each other, and [NewMultiLock] avoids them. Nodes that somebody moves elsewhere (MoveTree) stay, without their owners,
// until the sessions end.
package recipes

// Package storage tests what servers make of data directories that were damaged while nothing ran on them: a flipped bit, a
// file that is too short, a page of zeros, a file that is gone. It holds tests only.
//
//	write ──▶ stop one server ──▶ damage one file ──▶ start it ──▶ it refuses, and says what is wrong
//	  ▲                                                      └──▶ or it serves: all that was acknowledged, equal to the others
//	  └──────────────── its directory as it was before ◀──┘
//
// # Invariants
//
//   - A server never answers with anything but what was acknowledged, whatever file was damaged.
//   - A server that does not start says in its log why, or which file Dragonboat could not read.
//   - A cluster loses nothing because of one damaged server. A server that is alone loses nothing either: it serves all or
//     refuses. Only the end of the newest log file is different after a kill: damage there cannot be told from a record that a
//     loss of power has torn, and the writes at the very end are lost. Never one before another that is kept.
//
// The files, the places in them and the kinds of damage come from a seed. The servers are processes of a binary that takes a
// snapshot each few entries.
//
// # What it does not do
//
// Loss of power and failing syncs are tested in package consensus, where the disk can be replaced.
package storage

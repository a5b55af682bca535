// Package storms is the tests of what too many, too slow and too strange clients do to a cluster of real processes: nothing,
// to the others.
//
//	crowd: thousands of connections, byte by byte  ──▶ ┌──────────┐
//	                                                   │ 3 × serve│──▶ /proc: memory, descriptors; /status
//	steady: a few clients that check every answer  ──▶ └──────────┘
//
// The crowd speaks the protocol itself, right or wrong, as no client of ours would. Meanwhile the steady clients write and
// read at a fixed pace, and each checks each answer: that all of them are right, and none is missing, is what every test
// demands; how long they took is told.
//
// # What holds
//
//   - Everybody who behaves is served, whatever the others do, and whoever does not is answered with an error or cut off.
//   - Memory is bounded by a figure per connection, per watch or per byte of data, which stands in the test.
//   - A process goes on, or ends in an orderly way so that its cluster goes on: never something between.
//
// The ordinary run is small, for a machine that has other things to do: it judges answers and memory, never speed. With
// -storms.full the storms have their full size, and how much longer the steady clients wait than in a calm is judged too.
//
// # What it does not do
//
// It is not a measurement of what a cluster can carry: that is bench. Faults of machines, disks and networks are not here.
package storms

package session

import (
	"crypto/subtle"
	"strconv"
)

// ID names a session for ever: it is the zxid of its Open. 0 is no session.
type ID uint64

// String is the id in hexadecimal, as in 0x1f (Z-16).
func (id ID) String() string { return "0x" + strconv.FormatUint(uint64(id), 16) }

// Seq is the number of a write in its session, from 1.
type Seq uint64

// Server is the replica id of a server.
type Server uint64

// Boot numbers the starts of a server; each start has a higher one than the last.
type Boot uint64

// Attempt is the client's number of an attempt to attach its session; the one that opens it is 1.
type Attempt uint64

// Clock is cluster time in milliseconds since the cluster began. Only [Table.Advance] moves it.
type Clock int64

// Mono is a reading of the caller's own monotonic clock in milliseconds since a moment of its choice. It must go on while the
// process is stopped and while the machine is suspended, which Linux's CLOCK_MONOTONIC, and so Go's, does not: a clock that
// stands still is slow beyond any margin. Readings of different machines are never compared.
type Mono int64

// Secret is the SHA-256 of a session's password of 16 random bytes (Z-2). It never prints.
type Secret [32]byte

// String hides the secret.
func (Secret) String() string { return "[redacted]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[redacted]" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool { return subtle.ConstantTimeCompare(s[:], other[:]) == 1 }

package wire

import (
	"fmt"
	"io"
)

// PasswordBytes is the length of a session's password in bytes.
const PasswordBytes = 16

// Password proves that a client owns its session. A server draws it at random when it opens the session and keeps only
// its hash. It never prints: every format verb gives "[redacted]". The zero value means "no password".
type Password [PasswordBytes]byte

// redacted stands for a password wherever one would be printed.
const redacted = "[redacted]"

// IsZero reports whether there is no password.
func (p Password) IsZero() bool { return p == Password{} }

// String returns "[redacted]".
func (p Password) String() string { return redacted }

// GoString returns "[redacted]".
func (p Password) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, %x and %v of a surrounding struct included.
func (p Password) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, redacted)
}

// MarshalText gives "[redacted]", so that JSON loggers do not print it either.
func (p Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func appendPassword(dst []byte, p Password) []byte {
	if p.IsZero() {
		return AppendNil(dst)
	}
	return AppendBytes(dst, p[:])
}

func decodePassword(d *Decoder) (p Password) {
	if d.Nil() {
		return p
	}
	b := d.Bytes()
	if len(b) != PasswordBytes {
		d.Fail("a password of 16 bytes is expected")
		return p
	}
	return Password(b)
}

package client

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unique"

	"github.com/coxswain-io/coxswain/wire"
)

// A token is what one process gives to another, or to its own later self, as text: base64 of a version, the kind of the
// token, its fields in a fixed length, and a CRC-32C of all of it. The checksum finds what was cut or mistyped; it protects
// against nobody.

// tokenVersion is the form of the tokens that this package writes, and the only one that it reads.
const tokenVersion = 1

// tokenKind tells the tokens apart, so that one is not taken for another.
type tokenKind byte

const (
	handoverToken tokenKind = 'H'
	writeToken    tokenKind = 'W'
)

// tokenRim is the number of bytes around the fields: version, kind, checksum.
const tokenRim = 6

// secret is a session's password inside of a token. Fmt cannot be asked to hide what is in an unexported field of somebody's
// struct, but prints a pointer as an address; behind a second one, because with a verb that is not for pointers it prints what
// the first one points to. Equal passwords have the same pointers, so tokens can be compared. The zero value is the zero password.
type secret struct {
	handle unique.Handle[unique.Handle[wire.Password]]
}

func secretOf(p wire.Password) secret {
	if p == (wire.Password{}) {
		return secret{}
	}
	return secret{unique.Make(unique.Make(p))}
}

func (s secret) password() wire.Password {
	if s == (secret{}) {
		return wire.Password{}
	}
	return s.handle.Value().Value()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBadToken is the text of a [Handover] or a [WriteID] that was cut, changed, or never was one.
var ErrBadToken = errors.New("not a token of this kind")

// seal returns the text of a token with these fields.
func seal(kind tokenKind, fields []byte) []byte {
	raw := append([]byte{tokenVersion, byte(kind)}, fields...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return base64.RawURLEncoding.AppendEncode(nil, raw)
}

// unseal returns the fields of a token, which must have that many bytes. The error never shows the text: it is a secret.
func unseal(kind tokenKind, text []byte, fieldBytes int) ([]byte, error) {
	if want := base64.RawURLEncoding.EncodedLen(tokenRim + fieldBytes); len(text) != want {
		return nil, fmt.Errorf("%w: it has %d characters, expected %d; was it cut?", ErrBadToken, len(text), want)
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(raw) != tokenRim+fieldBytes {
		return nil, fmt.Errorf("%w: it has characters that no token has", ErrBadToken)
	}
	body, sum := raw[:len(raw)-4], binary.BigEndian.Uint32(raw[len(raw)-4:])
	switch {
	case crc32.Checksum(body, castagnoli) != sum:
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrBadToken)
	case body[0] != tokenVersion:
		return nil, fmt.Errorf("%w: it is of version %d, this client reads %d", ErrBadToken, body[0], tokenVersion)
	case tokenKind(body[1]) != kind:
		return nil, fmt.Errorf("%w: it is one of another kind", ErrBadToken)
	}
	return body[2:], nil
}

package consensus

import "encoding/binary"

// entryFormat is the first byte of every entry.
const entryFormat = 1

// origin says which Submit wrote an entry. With it a replica recognises any copy of its own submission when it applies
// it, also one whose proposal it has long given up; Dragonboat can only tell the fate of the newest.
type origin struct {
	replica, boot, seq uint64
}

// appendEntry appends an entry: the format, the origin as three uvarints, the command.
func appendEntry(b []byte, o origin, cmd []byte) []byte {
	b = append(b, entryFormat)
	b = binary.AppendUvarint(b, o.replica)
	b = binary.AppendUvarint(b, o.boot)
	b = binary.AppendUvarint(b, o.seq)
	return append(b, cmd...)
}

// splitEntry returns the origin and the command, which shares b's memory; false if b is not an entry.
func splitEntry(b []byte) (o origin, cmd []byte, ok bool) {
	if len(b) == 0 || b[0] != entryFormat {
		return origin{}, nil, false
	}
	b = b[1:]
	for _, field := range []*uint64{&o.replica, &o.boot, &o.seq} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return origin{}, nil, false
		}
		*field, b = v, b[n:]
	}
	return o, b, true
}

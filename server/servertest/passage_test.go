package servertest

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/coxswain-io/coxswain/wire"
)

// TestPiecesAreTheStream: whatever a peer sends, frames or not, whole or cut short, is passed on byte by byte as it came; what
// are frames is known as such.
func TestPiecesAreTheStream(t *testing.T) {
	frame := wire.AppendGoodbye(nil, wire.CodeDraining, "moving")
	large := append([]byte{0, 16, 0, 0}, make([]byte, 1<<20)...)
	for _, c := range []struct {
		name   string
		stream []byte
		frames int
	}{
		{"nothing", nil, 0},
		{"two frames", append(bytes.Clone(frame), frame...), 2},
		{"a large frame", append(bytes.Clone(large), frame...), 2},
		{"a frame cut short", append(bytes.Clone(frame), frame[:len(frame)-1]...), 1},
		{"a length cut short", append(bytes.Clone(frame), 0, 0), 1},
		{"no frames", []byte("GET / HTTP/1.1\r\n\r\n"), 0},
		{"an empty frame", append([]byte{0, 0, 0, 0}, frame...), 0},
	} {
		for _, src := range []io.Reader{bytes.NewReader(c.stream), iotest.HalfReader(bytes.NewReader(c.stream)), iotest.DataErrReader(bytes.NewReader(c.stream))} {
			var passed []byte
			frames, framed := 0, true
			for {
				var p piece
				p, framed = readPiece(src, framed)
				passed = append(passed, p.bytes...)
				if p.frame {
					frames++
				}
				if p.end {
					break
				}
			}
			if !bytes.Equal(passed, c.stream) || frames != c.frames {
				t.Errorf("%s: %d of %d bytes were passed on, %d frames known; want %d", c.name, len(passed), len(c.stream), frames, c.frames)
			}
		}
	}
}

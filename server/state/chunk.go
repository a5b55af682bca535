package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/coxswain-io/coxswain/wire"
)

// A snapshot is a magic and chunks. A chunk is
//
//	length  uint32 big-endian  of the values, 1 to snapshotChunkBytesMax
//	crc     uint32 big-endian  CRC-32C of the values
//	values  whole msgpack arrays, one after the other
//
// and a chunk of length 0 with crc 0 ends the stream. So damage is found before anything is decoded, and nothing is
// allocated for a length that the stream does not fill.

const snapshotMagic = "CXSNAP\r\n" // the line ending shows a copy that was taken in text mode

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const chunkHeadBytes = 8

// chunkWriter collects values and writes them in chunks. The first error of w sticks.
type chunkWriter struct {
	w   io.Writer
	buf []byte
	err error
}

func newChunkWriter(w io.Writer) *chunkWriter {
	c := &chunkWriter{w: w, buf: make([]byte, chunkHeadBytes, snapshotChunkBytes+snapshotChunkBytes/4)}
	_, c.err = io.WriteString(w, snapshotMagic)
	return c
}

// begin starts a value of so many fields, the first of which is its section; the rest is appended to what it returns,
// which end takes.
func (c *chunkWriter) begin(fields int, section uint64) []byte {
	return wire.AppendUint(wire.AppendArray(c.buf, fields), section)
}

func (c *chunkWriter) end(buf []byte) {
	c.buf = buf
	if len(c.buf) >= snapshotChunkBytes {
		c.flush()
	}
}

func (c *chunkWriter) flush() {
	values := c.buf[chunkHeadBytes:]
	if len(values) == 0 {
		return
	}
	binary.BigEndian.PutUint32(c.buf, uint32(len(values)))
	binary.BigEndian.PutUint32(c.buf[4:], crc32.Checksum(values, castagnoli))
	if c.err == nil {
		_, c.err = c.w.Write(c.buf)
	}
	c.buf = c.buf[:chunkHeadBytes]
}

func (c *chunkWriter) close() error {
	c.flush()
	if c.err == nil {
		_, c.err = c.w.Write(make([]byte, chunkHeadBytes))
	}
	return c.err
}

// readChunks reads a stream of chunks to its end and gives each value to visit, which must decode exactly one.
func readChunks(r io.Reader, visit func(*wire.Decoder) error) error {
	head := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, head); err != nil {
		return short(err)
	}
	if string(head) != snapshotMagic {
		return &Damaged{"it does not begin like a snapshot"}
	}
	var values []byte
	for {
		if _, err := io.ReadFull(r, head[:chunkHeadBytes]); err != nil {
			return short(err)
		}
		length, crc := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		switch {
		case length == 0 && crc == 0:
			return nil
		case length == 0 || length > snapshotChunkBytesMax:
			return &Damaged{fmt.Sprintf("a chunk of %d bytes", length)}
		}
		var err error
		if values, err = readGrowing(r, values[:0], int(length)); err != nil {
			return short(err)
		}
		if crc32.Checksum(values, castagnoli) != crc {
			return &Damaged{"the checksum of a chunk does not match"}
		}
		d := wire.NewDecoder(values)
		for len(d.Rest()) > 0 {
			if err := visit(&d); err != nil {
				return err
			}
		}
	}
}

// readGrowing reads n bytes into buf, which grows with what has arrived and not with what was announced.
func readGrowing(r io.Reader, buf []byte, n int) ([]byte, error) {
	for len(buf) < n {
		step := min(n-len(buf), max(snapshotChunkBytes, len(buf)))
		from := len(buf)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[from:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// short makes the end of the file in the wrong place a damage.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Damaged{"it ends too early"}
	}
	return err
}

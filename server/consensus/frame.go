package consensus

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// frameKind says what a frame carries.
type frameKind uint8

const (
	frameMessages frameKind = 1 // a batch of Raft messages, as Dragonboat encodes it
	frameChunk    frameKind = 2 // one piece of a snapshot
	frameQuestion frameKind = 3 // a census question
	frameAnswer   frameKind = 4 // the answer to it, on the same connection
)

// bytesMax is the limit of a payload of this kind; 0 for kinds that do not exist.
func (k frameKind) bytesMax() int {
	switch k {
	case frameMessages:
		return frameBytesMax
	case frameChunk:
		return chunkBytesMax
	case frameQuestion, frameAnswer:
		return censusBytesMax
	}
	return 0
}

// frameHeaderBytes: magic "CXR" and version 1, kind, three zero bytes, payload length (uint32), CRC-32C of the twelve
// bytes before it and the payload. Numbers are little-endian.
const frameHeaderBytes = 16

var (
	frameMagic = [4]byte{'C', 'X', 'R', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// frameError says how a frame breaks the format; the connection it came on is closed.
type frameError string

func (e frameError) Error() string { return "raft port: " + string(e) }

// sealFrame fills in the header of a frame whose first frameHeaderBytes bytes are free and whose payload is complete.
func sealFrame(frame []byte, kind frameKind) {
	copy(frame, frameMagic[:])
	frame[4], frame[5], frame[6], frame[7] = byte(kind), 0, 0, 0
	binary.LittleEndian.PutUint32(frame[8:], uint32(len(frame)-frameHeaderBytes))
	binary.LittleEndian.PutUint32(frame[12:], frameSum(frame[:12], frame[frameHeaderBytes:]))
}

func frameSum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// frameReader reads frames. Whatever a header declares, all it allocates for a frame is growBytes plus four times the
// bytes received, half of that at any one time.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
	// begun is called when a header has been accepted, with the number of bytes still to come. May be nil.
	begun func(payloadBytes int)
}

// next returns the next frame's kind and payload, which is valid until the following call. io.EOF means a clean end
// between frames.
func (f *frameReader) next() (frameKind, []byte, error) {
	if cap(f.buf) > keepBytes {
		f.buf = nil
	}
	var head [frameHeaderBytes]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, err
	}
	if [4]byte(head[:4]) != frameMagic {
		return 0, nil, frameError(fmt.Sprintf("bytes %x are not the start of a frame of this version", head[:4]))
	}
	kind, length := frameKind(head[4]), binary.LittleEndian.Uint32(head[8:])
	if head[5]|head[6]|head[7] != 0 || kind.bytesMax() == 0 {
		return 0, nil, frameError(fmt.Sprintf("unknown frame kind %x", head[4:8]))
	}
	if length == 0 || uint64(length) > uint64(kind.bytesMax()) {
		return 0, nil, frameError(fmt.Sprintf("payload of %d bytes, allowed are 1 to %d", length, kind.bytesMax()))
	}
	if f.begun != nil {
		f.begun(int(length))
	}
	if err := f.fill(int(length)); err != nil {
		return 0, nil, err
	}
	if frameSum(head[:12], f.buf) != binary.LittleEndian.Uint32(head[12:]) {
		return 0, nil, frameError("checksum does not match")
	}
	return kind, f.buf, nil
}

// fill reads length bytes into buf.
func (f *frameReader) fill(length int) error {
	f.buf = f.buf[:0]
	for len(f.buf) < length {
		if cap(f.buf) == len(f.buf) {
			grown := make([]byte, len(f.buf), min(length, max(growBytes, 2*cap(f.buf))))
			copy(grown, f.buf)
			f.buf = grown
		}
		have := len(f.buf)
		f.buf = f.buf[:min(cap(f.buf), length)]
		n, err := io.ReadFull(f.r, f.buf[have:])
		f.buf = f.buf[:have+n]
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// FrameTooLarge reports a frame above the reader's limit which the reader has swallowed: the request in it can be
// answered (see [PeekHeader]) and the connection goes on.
type FrameTooLarge struct {
	Length uint32 // of the body, in bytes
	Limit  int    // the limit that it broke, in bytes
	Head   []byte // the first bytes of the body, at most FrameHeadBytes; a copy
}

// Error implements error.
func (e *FrameTooLarge) Error() string {
	return fmt.Sprintf("frame of %d bytes: the limit is %d", e.Length, e.Limit)
}

// emptyReadsMax is how many reads in a row may bring nothing before a reader counts as broken.
const emptyReadsMax = 100

// FrameReader cuts a byte stream into frames. It holds one buffer of [FrameBufferBytes]; a larger frame gets a buffer
// that grows with the bytes received, never with the length declared, and that is dropped afterwards if it is larger than
// [FrameBufferKeepMax], or with the next frame that does not need it. It is not safe for use from two goroutines.
type FrameReader struct {
	src   io.Reader
	limit int

	buf   []byte // what has been read from src and not consumed is buf[r:w]
	r, w  int
	large []byte // body of the last frame, if that did not fit in buf
}

// NewFrameReader returns a reader of the frames of src whose bodies have at most limit bytes.
func NewFrameReader(src io.Reader, limit int) *FrameReader {
	return &FrameReader{src: src, limit: limit, buf: make([]byte, FrameBufferBytes)}
}

// SetLimit changes the limit, in bytes, for the frames that follow: it grows from [HelloFrameMax] when a session is
// attached.
func (f *FrameReader) SetLimit(limit int) { f.limit = limit }

// Next returns the body of the next frame, waiting for it; it is valid until the next call. Errors: io.EOF where a frame
// would begin, io.ErrUnexpectedEOF inside one, [*FrameTooLarge] (the stream is at the next frame and Next may be called
// again), [*Malformed] for an empty frame or one above [DiscardMax], and what src returns. After any error but FrameTooLarge
// the stream is unusable.
func (f *FrameReader) Next() ([]byte, error) {
	if cap(f.large) > FrameBufferKeepMax {
		f.large = nil
	}
	if err := f.fill(frameHeadBytes); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(f.buf[f.r:])
	switch {
	case length == 0:
		return nil, &Malformed{Detail: "an empty frame"}
	case length > DiscardMax:
		return nil, &Malformed{Detail: fmt.Sprintf("a frame of %d bytes, more than %d: not a peer of this protocol", length, DiscardMax)}
	case uint64(length) > uint64(f.limit):
		return nil, f.discard(length)
	case int(length) > len(f.buf)-frameHeadBytes:
		return f.readLarge(int(length))
	}
	f.large = nil
	if err := f.fill(frameHeadBytes + int(length)); err != nil {
		return nil, insideFrame(err)
	}
	body := f.buf[f.r+frameHeadBytes : f.r+frameHeadBytes+int(length)]
	f.r += frameHeadBytes + int(length)
	return body, nil
}

// Complete reports whether [FrameReader.Next] can answer without reading from the source: a whole frame, or a length that
// is refused, is in the buffer. Whoever writes replies uses it to write them together.
func (f *FrameReader) Complete() bool {
	if f.w-f.r < frameHeadBytes {
		return false
	}
	length := binary.BigEndian.Uint32(f.buf[f.r:])
	return length > DiscardMax || uint64(f.w-f.r-frameHeadBytes) >= uint64(length)
}

// fill reads until n bytes (at most len(buf)) are buffered.
func (f *FrameReader) fill(n int) error {
	if f.r == f.w {
		f.r, f.w = 0, 0
	}
	if len(f.buf)-f.r < n {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	for f.w-f.r < n {
		got, err := f.read(f.buf[f.w:])
		f.w += got
		switch {
		case got > 0: // an error that came with bytes comes again without them
		case err == io.EOF && f.w > f.r:
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

// read reads at least one byte, or fails.
func (f *FrameReader) read(p []byte) (int, error) {
	for range emptyReadsMax {
		if n, err := f.src.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// readLarge reads a body that does not fit in buf. The buffer at most doubles what has been received, and the last
// step stops at the length itself.
func (f *FrameReader) readLarge(length int) ([]byte, error) {
	f.r += frameHeadBytes
	if f.large == nil {
		f.large = make([]byte, 0, min(length, 2*FrameBufferBytes))
	}
	body := append(f.large[:0], f.buf[f.r:f.w]...) // less than length: it did not fit in buf
	f.r = f.w
	for len(body) < length {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(length, 2*cap(body)))
			copy(grown, body)
			body = grown
		}
		got, err := f.read(body[len(body):min(cap(body), length)])
		body = body[:len(body)+got]
		if got == 0 {
			return nil, insideFrame(err)
		}
	}
	f.large = body
	return body, nil
}

// discard swallows a body above the limit, keeping its head.
func (f *FrameReader) discard(length uint32) error {
	head := frameHeadBytes + min(int(length), FrameHeadBytes)
	if err := f.fill(head); err != nil {
		return insideFrame(err)
	}
	e := &FrameTooLarge{Length: length, Limit: f.limit, Head: append([]byte(nil), f.buf[f.r+frameHeadBytes:f.r+head]...)}
	f.r += frameHeadBytes
	for left := int(length); left > 0; {
		if f.r == f.w {
			if err := f.fill(1); err != nil {
				return insideFrame(err)
			}
		}
		n := min(left, f.w-f.r)
		f.r += n
		left -= n
	}
	return e
}

// insideFrame turns a plain end of the stream into one in the middle of a frame.
func insideFrame(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

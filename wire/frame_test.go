package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func frameOf(body []byte) []byte {
	dst, mark := BeginFrame(nil)
	return EndFrame(append(dst, body...), mark)
}

func TestFramesFollowEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 100_000
		var stream []byte
		var bodies [][]byte
		for range rapid.IntRange(0, 12).Draw(t, "frames") {
			size := rapid.OneOf(rapid.IntRange(1, 64), rapid.IntRange(FrameBufferBytes-8, FrameBufferBytes+8), rapid.IntRange(1, 2*limit)).Draw(t, "size")
			body := bytes.Repeat([]byte{byte(len(bodies) + 1)}, size)
			bodies = append(bodies, body)
			stream = append(stream, frameOf(body)...)
		}
		cut := rapid.IntRange(1, 40_000).Draw(t, "bytes per read")
		r := NewFrameReader(&chunks{stream, cut}, limit)
		for i, want := range bodies {
			got, err := r.Next()
			var tooLarge *FrameTooLarge
			switch {
			case len(want) <= limit && (err != nil || !bytes.Equal(got, want)):
				t.Fatalf("frame %d of %d bytes: got %d bytes, %v", i, len(want), len(got), err)
			case len(want) > limit && (!errors.As(err, &tooLarge) || int(tooLarge.Length) != len(want) || !bytes.Equal(tooLarge.Head, want[:FrameHeadBytes])):
				t.Fatalf("frame %d of %d bytes: %v", i, len(want), err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// chunks gives at most n bytes per read, and its end together with the last of them.
type chunks struct {
	left []byte
	n    int
}

func (c *chunks) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), c.n)], c.left)
	c.left = c.left[n:]
	if len(c.left) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func TestCompleteTellsWhetherNextHasToRead(t *testing.T) {
	stream := append(frameOf([]byte("first")), frameOf([]byte("second"))...)
	r := NewFrameReader(&chunks{append(stream, frameOf(make([]byte, 100))[:50]...), len(stream) + 50}, FrameMax)
	if r.Complete() {
		t.Error("complete before anything was read")
	}
	if _, err := r.Next(); err != nil || !r.Complete() {
		t.Errorf("the second frame is not known to be there, %v", err)
	}
	if b, err := r.Next(); string(b) != "second" || err != nil || r.Complete() {
		t.Errorf("%q, %v, and half a frame counts as complete: %v", b, err, r.Complete())
	}
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("the end inside a frame: %v", err)
	}
}

func TestStreamsThatEndInsideAFrame(t *testing.T) {
	for _, size := range []int{1, FrameBufferBytes - 4, FrameBufferBytes, 3 * FrameBufferBytes, HelloFrameMax + 1} {
		frame := frameOf(make([]byte, size))
		for _, n := range []int{1, 3, 4, 5, size / 2, size + 3} {
			if n == 0 || n >= len(frame) {
				continue
			}
			for _, limit := range []int{FrameMax, HelloFrameMax} {
				r := NewFrameReader(bytes.NewReader(frame[:n]), limit)
				if b, err := r.Next(); err != io.ErrUnexpectedEOF || b != nil {
					t.Errorf("%d of %d bytes: %v", n, len(frame), err)
				}
			}
		}
	}
}

func TestFramesThatNoPeerSends(t *testing.T) {
	for name, length := range map[string]uint32{"empty": 0, "beyond what is discarded": DiscardMax + 1, "2 GiB": 1 << 31, "4 GiB": 1<<32 - 1, "an HTTP request": 0x47455420} {
		r := NewFrameReader(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, length), 1, 2, 3)), FrameMax)
		var malformed *Malformed
		if _, err := r.Next(); !errors.As(err, &malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFrameAboveTheLimitLeavesTheStreamUsable(t *testing.T) {
	r := Request{Kind: Ping, Xid: 3}
	stream := AppendRequest(frameOf(bytes.Repeat([]byte{7}, FrameMax+1)), &r)
	reader := NewFrameReader(bytes.NewReader(stream), FrameMax)
	var tooLarge *FrameTooLarge
	if _, err := reader.Next(); !errors.As(err, &tooLarge) || tooLarge.Limit != FrameMax || len(tooLarge.Head) != FrameHeadBytes {
		t.Fatalf("got %v", err)
	}
	var got Request
	if body, err := reader.Next(); err != nil || DecodeRequest(body, &got) != nil || got.Xid != 3 {
		t.Errorf("the next request: %+v, %v", got, err)
	}
}

func TestLimitGrowsAfterTheHandshake(t *testing.T) {
	body := make([]byte, HelloFrameMax+1)
	reader := NewFrameReader(bytes.NewReader(append(frameOf(body), frameOf(body)...)), HelloFrameMax)
	var tooLarge *FrameTooLarge
	if _, err := reader.Next(); !errors.As(err, &tooLarge) {
		t.Fatalf("before: %v", err)
	}
	reader.SetLimit(FrameMax)
	if b, err := reader.Next(); err != nil || len(b) != len(body) {
		t.Errorf("after: %d bytes, %v", len(b), err)
	}
}

func TestLargeBuffersAreKeptForLargeFramesOnly(t *testing.T) {
	page, small := frameOf(make([]byte, PageBytesMax)), frameOf([]byte("small"))
	r := NewFrameReader(bytes.NewReader(slices.Concat(page, page, small, frameOf(make([]byte, FrameMax)), small)), FrameMax)
	var buffers []*byte
	for _, length := range []int{PageBytesMax, PageBytesMax, 5, FrameMax, 5} {
		b, err := r.Next()
		if err != nil || len(b) != length {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		buffers = append(buffers, &b[0])
		if length == 5 && r.large != nil {
			t.Errorf("a buffer of %d bytes is kept", cap(r.large))
		}
	}
	if buffers[0] != buffers[1] {
		t.Error("the second of two pages had a buffer of its own")
	}
}

func TestErrorsOfTheSourceComeThrough(t *testing.T) {
	broken := errors.New("connection reset")
	r := NewFrameReader(io.MultiReader(bytes.NewReader(frameOf([]byte("whole"))), iotest.ErrReader(broken)), FrameMax)
	if b, err := r.Next(); string(b) != "whole" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := r.Next(); err != broken {
		t.Errorf("got %v", err)
	}
	for _, size := range []int{5, 2 * FrameBufferBytes} {
		r = NewFrameReader(io.MultiReader(bytes.NewReader(frameOf(make([]byte, size))[:4]), silent{}), FrameMax)
		if _, err := r.Next(); err != io.ErrNoProgress {
			t.Errorf("a source that brings nothing: %v", err)
		}
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// Lengths are promises of the peer. What is received is what may be allocated.
func TestLengthIsNotTrustedForAllocation(t *testing.T) {
	for _, sent := range []int{0, 1, 100, 20_000, 100_000} {
		input := append(binary.BigEndian.AppendUint32(nil, FrameMax), make([]byte, sent)...)
		withinBound(t, len(input), func() {
			if _, err := NewFrameReader(bytes.NewReader(input), FrameMax).Next(); err != io.ErrUnexpectedEOF {
				t.Errorf("%d bytes sent: %v", sent, err)
			}
		})
	}
}

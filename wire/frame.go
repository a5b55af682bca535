package wire

import "encoding/binary"

// frameHeadBytes is the size of the length in front of a frame's body.
const frameHeadBytes = 4

// FrameMark is the place of a frame that has been begun and not ended.
type FrameMark int

// BeginFrame appends the place of a frame's length; the body follows.
func BeginFrame(dst []byte) ([]byte, FrameMark) {
	return append(dst, 0, 0, 0, 0), FrameMark(len(dst))
}

// EndFrame fills in the length of the frame that [BeginFrame] began: everything appended since is its body.
func EndFrame(dst []byte, mark FrameMark) []byte {
	binary.BigEndian.PutUint32(dst[mark:], uint32(len(dst)-int(mark)-frameHeadBytes))
	return dst
}

// FrameBytes returns the size, in bytes, of the body that has been appended since [BeginFrame].
func FrameBytes(dst []byte, mark FrameMark) int { return len(dst) - int(mark) - frameHeadBytes }

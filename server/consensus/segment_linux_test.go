package consensus

import (
	"syscall"
	"testing"

	"github.com/lni/vfs"
)

func TestASegmentReservesItsRoom(t *testing.T) {
	s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	defer s.close()
	var stat syscall.Stat_t
	if err := syscall.Stat(newestSegment(t, s.dir), &stat); err != nil {
		t.Fatal(err)
	}
	if got := stat.Blocks * 512; got < segmentBytes {
		t.Errorf("%d bytes are reserved, want %d", got, segmentBytes)
	}
}

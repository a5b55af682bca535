package consensus

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestALogThatIsReadInPartsIsReplayedWhole(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	for i := range 9 { // a part ends within commands, between them, and holds one that is larger than it may be
		size := []int{replayBytesMax / 3, 100, 2 * replayBytesMax}[i%3]
		submit(t, n, strconv.Itoa(i)+strings.Repeat("x", size))
	}
	want := n.machine.list()
	n.stop(t)
	n.start(t)
	barrierOn(t, n)
	if got := n.machine.list(); len(want) != 9 || !slices.Equal(got, want) {
		t.Errorf("%d commands were acknowledged, %d replayed, or others", len(want), len(got))
	}
}

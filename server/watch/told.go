package watch

import (
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Told is one event for one watcher.
type Told struct {
	Event wire.Event // without Stat and Data; Watch is 0 for one-shot watches

	// Node is the node right after the change, if the watch's Options ask for its stat or its data and there is one: nil
	// for Deleted, ChildrenChanged and Gap. It may be kept.
	Node    *znode.Node
	Options wire.WatchOptions
}

// Bytes is about how long the event's frame will be.
func (t *Told) Bytes() int {
	n := toldBytes + len(t.Event.Path)
	if t.Node != nil && t.Options&wire.WithData != 0 {
		n += len(t.Node.Data())
	}
	return n
}

package process_test

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// observer is a client that watches.
type observer struct {
	c        *client.Client
	line     *line
	views    []string      // roots of its views, each an ancestor of some paths
	patience time.Duration // between two looks at a watch, at most
	renews   bool

	replies, events atomic.Uint64 // the newest zxid of a reply, and of an event
	kills           int
}

func (o *observer) replied(z client.Zxid) { raise(&o.replies, uint64(z)) }
func (o *observer) heard(z client.Zxid)   { raise(&o.events, uint64(z)) }

func raise(at *atomic.Uint64, to uint64) {
	for old := at.Load(); old < to && !at.CompareAndSwap(old, to); old = at.Load() {
	}
}

// newest returns the zxids of the newest reply and the newest event that the client has received, as far as its users know.
func (o *observer) newest() (reply, event client.Zxid) {
	return client.Zxid(o.replies.Load()), client.Zxid(o.events.Load())
}

// view returns the client, or a view of it in which path has another name.
func (o *observer) view(rng *rand.Rand, path string) (*client.Client, string) {
	root := o.views[rng.IntN(len(o.views))]
	if rest, ok := strings.CutPrefix(path, root); ok && rest != "" && rest[0] == '/' && rng.IntN(4) == 0 {
		view, err := o.c.Chroot(root)
		if err != nil {
			panic(err) // the path is a legal one
		}
		return view, rest
	}
	return o.c, path
}

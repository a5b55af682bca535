package servertest_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/coxswain-io/coxswain/client"
)

// register is a node that all callers set, whatever its version, and read.
type register struct {
	path string

	mu    sync.Mutex
	top   moment           // the newest that anybody was answered
	acked map[int64]string // data by version, of acknowledged sets
	read  map[int64]string // likewise, of reads
}

// moment is a version of a node, and the transaction that made it.
type moment struct {
	version int64
	zxid    client.Zxid
}

// newest returns the newest that anybody was answered until now.
func (r *register) newest() moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.top
}

// was notes an answer that shows the node.
func (r *register) was(stat client.Stat, data string, written bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if stat.Version > r.top.version {
		r.top = moment{stat.Version, stat.Mzxid}
	}
	if !written {
		if other, known := r.read[stat.Version]; known && other != data {
			return fmt.Errorf("%s was read in version %d with %q and with %q", r.path, stat.Version, other, data)
		}
		r.read[stat.Version] = data
		return nil
	}
	if other, known := r.acked[stat.Version]; known {
		return fmt.Errorf("version %d of %s was acknowledged to two sets, of %q and %q", stat.Version, r.path, other, data)
	}
	r.acked[stat.Version] = data
	return nil
}

// judge checks that each version was acknowledged to exactly one set, and read as that had written it.
func (r *register) judge(ctx context.Context, c *client.Client) error {
	node, err := c.Get(ctx, r.path)
	if err != nil {
		return err
	}
	if node.Stat.Version != int64(len(r.acked)-1) || string(node.Data) != r.acked[node.Stat.Version] {
		return fmt.Errorf("%s has version %d with %q, but %d sets were acknowledged, the newest with %q",
			r.path, node.Stat.Version, node.Data, len(r.acked)-1, r.acked[node.Stat.Version])
	}
	for version, data := range r.read {
		if acked, known := r.acked[version]; !known || acked != data {
			return fmt.Errorf("version %d of %s was read with %q, and acknowledged %v to a set of %q", version, r.path, data, known, acked)
		}
	}
	return nil
}

// counter is a node that callers count up by transactions that depend on its version.
type counter struct {
	path string
	held atomic.Int64 // transactions whose condition has held
}

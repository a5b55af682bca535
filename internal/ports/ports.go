package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const (
	// firstPort to lastPort are below what Linux (from 32768) and most others (from 49152) give out by themselves, and above
	// most services.
	firstPort, lastPort = 10_000, 31_999

	// blockPorts is the size of a block: many clusters for one process, and blocks for many processes.
	blockPorts = 250
	blocks     = (lastPort + 1 - firstPort) / blockPorts
)

// own is the block of this process.
var own struct {
	sync.Mutex
	claim net.Listener // on the block's first port, never closed; nil: no block yet
	first int
	turn  int // from 0 to blockPorts-2: of the port behind the first one whose turn is next
}

// Free returns n different addresses 127.0.0.1:port on which nobody listens now, and which no other process that calls Free
// is given while this one runs. It listens on each for a moment, and waits for nothing but other calls. It is an error if
// fewer than n ports of this process's block are free, or if other processes have all blocks. Any number of goroutines may
// call it.
func Free(n int) ([]string, error) {
	own.Lock()
	defer own.Unlock()
	if own.claim == nil {
		// In random order: processes do not queue for the same blocks, and one that follows another does not get its ports.
		if err := claim(rand.Perm(blocks)); err != nil {
			return nil, err
		}
	}
	var addrs []string
	failure := errors.New("a block has no more")
	for tries := 0; len(addrs) < n; tries++ {
		if tries == blockPorts-1 {
			return nil, fmt.Errorf("%d free ports are wanted, %d of those from %d to %d are: %w", n, len(addrs), own.first+1, own.first+blockPorts-1, failure)
		}
		l, err := listen(own.first + 1 + own.turn)
		own.turn = (own.turn + 1) % (blockPorts - 1)
		if err != nil {
			failure = err
			continue
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// claim takes the first block in order that no other process has. The caller holds the lock.
func claim(order []int) error {
	var failure error
	for _, i := range order {
		first := firstPort + i*blockPorts
		if own.claim, failure = listen(first); failure == nil {
			own.first = first
			return nil
		}
	}
	return fmt.Errorf("other processes have all ports from %d to %d: %w", firstPort, lastPort, failure)
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

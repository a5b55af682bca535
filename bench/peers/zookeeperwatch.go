package main

import (
	"context"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// zkWatches are the watches of one client. ZooKeeper's server has one for each path and connection, and forgets it with its event;
// so all who watch the same path share one here, and it is set again once for all of them.
type zkWatches struct {
	running sync.WaitGroup
	mu      sync.Mutex // held also while the first one of a path is set
	byPath  map[string]*zkWatch
}

type zkWatch struct {
	conn      *zk.Conn
	path      string
	seen      int32           // the version that was read when it was set last
	events    <-chan zk.Event // has one event, always: of a change, or of the client's end
	listeners []chan struct{}
}

// Watch ends with the client, and also if the connection is lost while the watch is set again.
func (c *zkClient) Watch(_ context.Context, path string) (<-chan struct{}, error) {
	all := &c.watches
	all.mu.Lock()
	defer all.mu.Unlock()
	told := make(chan struct{}, 1)
	if w := all.byPath[path]; w != nil {
		w.listeners = append(w.listeners, told)
		return told, nil
	}
	w := &zkWatch{conn: c.conn, path: path, listeners: []chan struct{}{told}}
	if err := w.set(); err != nil {
		return nil, err
	}
	all.byPath[path] = w
	all.running.Go(func() { all.follow(w) })
	return told, nil
}

func (w *zkWatch) set() error {
	_, stat, events, err := w.conn.GetW(w.path)
	if err == nil {
		w.seen, w.events = stat.Version, events
	}
	return err
}

// follow tells of each event and sets the watch again. What happened in between shows in the version.
func (a *zkWatches) follow(w *zkWatch) {
	defer a.end(w)
	for {
		if e := <-w.events; e.Err != nil || e.Type == zk.EventNodeDeleted {
			return
		}
		a.tell(w)
		<-time.After(rearmAfter)
		told := w.seen + 1
		if err := w.set(); err != nil {
			return
		}
		if w.seen > told {
			a.tell(w)
		}
	}
}

func (a *zkWatches) tell(w *zkWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, told := range w.listeners {
		select {
		case told <- struct{}{}:
		default: // a change that has not been taken yet stands for this one
		}
	}
}

func (a *zkWatches) end(w *zkWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byPath, w.path)
	for _, told := range w.listeners {
		close(told)
	}
}

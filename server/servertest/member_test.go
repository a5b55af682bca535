package servertest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// member is one client of a workload: one session, with several callers that share its connection.
type member struct {
	work    *workload
	client  *client.Client
	queue   string // parent of the sequential nodes
	callers []*caller
	calling sync.WaitGroup

	watch *client.PersistentWatch // nil: none
	told  told                    // owned by the goroutine that follows the watch, until it has ended

	mu    sync.Mutex
	zxid  client.Zxid      // the highest of all answers
	seen  map[string]int64 // version of registers, the highest of all answers
	names []string         // of acknowledged sequential nodes
	ephem int              // how many of them are ephemeral
}

// seenUntil returns what the client was answered until now.
func (m *member) seenUntil(path string) (client.Zxid, int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.zxid, m.seen[path]
}

// answered notes the zxid of an answer to a call that was made when the client had seen before.
func (m *member) answered(zxid, before client.Zxid) error {
	m.work.calls.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.zxid = max(m.zxid, zxid)
	if zxid < before {
		return fmt.Errorf("an answer of zxid %d, to a call that was made after one of %d had come", zxid, before)
	}
	return nil
}

// call makes a call and checks what holds for all of them.
func (m *member) call(what string, f func(zxid *client.Zxid) error) error {
	before, _ := m.seenUntil("")
	var zxid client.Zxid
	err := f(&zxid)
	if err == nil {
		err = m.answered(zxid, before)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// saw notes that the client has seen a version of a register.
func (m *member) saw(path string, version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[path] = max(m.seen[path], version)
}

// made notes a sequential node.
func (m *member) made(path string, ephemeral bool) {
	m.work.nodes.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names = append(m.names, strings.TrimPrefix(path, m.queue+"/"))
	if ephemeral {
		m.ephem++
	}
}

// judge checks what only this client has written, closes it, and returns how many ephemeral nodes have gone with it.
func (m *member) judge(ctx context.Context) (ephemerals int, err error) {
	names, stat, err := m.client.Children(ctx, m.queue)
	if err != nil {
		return 0, err
	}
	slices.Sort(m.names)
	if !slices.Equal(names, m.names) || stat.Cversion != int64(len(names)) {
		return 0, fmt.Errorf("%s has %d children after %d changes, %d creates were acknowledged",
			m.queue, len(names), stat.Cversion, len(m.names))
	}
	own, err := m.client.Ephemerals(ctx, m.work.root)
	if err != nil || len(own) != m.ephem {
		return 0, fmt.Errorf("%d ephemeral nodes, %d were acknowledged (%w)", len(own), m.ephem, err)
	}
	for _, l := range m.callers {
		if err := l.judge(ctx); err != nil {
			return 0, err
		}
	}
	if m.watch != nil {
		m.watch.Close()
	}
	return m.ephem, m.client.Close(ctx)
}

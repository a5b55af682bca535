package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

const (
	// readPrefix begins the names of those who want a lock together with others who read.
	readPrefix = "read-"

	// sharedMark begins the data of a node that was made to have a lock alone and has it together with readers now. What
	// follows is its label. A node's data say so only if they were set after its creation: a label may be any text.
	sharedMark = "shared\n"
)

// RWLock is a lock that either one process has alone, to write, or any number of processes together, to read. They get it in
// the order in which they asked: readers who ask one behind the other have it together, and a reader who asks behind a writer
// waits for that one, also while the lock is with readers. So no writer waits for readers that come later, and none waits
// for ever.
//
//	/locks/a/read-0000000003     has it
//	/locks/a/read-0000000004     has it too
//	/locks/a/lock-0000000005     a writer, waits for 4, then for 3
//	/locks/a/read-0000000006     waits for 5
//
// It shares its line with [Lock]: a Lock of the same path is a writer, and one who only writes may use that. A writer watches
// whoever is directly ahead, a reader the nearest writer ahead. So the end of a reader wakes one process at most, and that of
// a writer only those who have the lock then.
//
// A writer may become a reader without letting other writers in between, see [WriteHold.Downgrade]. A reader cannot become
// a writer: two that tried would wait for each other for ever. Who has read and must write releases, asks for the lock as a
// writer, and reads again.
//
// It guarantees what [Hold] does. Readers have the lock at the same time, so a resource that checks fences must not turn away a
// reader because of another reader's greater one: what counts there is the greatest of a writer. [LockDelay] delays for lost
// writers only.
//
// The cost is that of a Lock: one write to take it while nobody else is in line, and one to release it. Its counterparts are
// Curator's InterProcessReadWriteLock, which is reentrant besides, and kazoo's ReadLock and WriteLock, which have no downgrade.
//
// An RWLock is stateless: all methods may be called from any goroutine, and a process that has the lock and asks again stands in
// line like everybody else. If it waits for itself then, that is for ever.
type RWLock struct {
	lock *Lock
}

// NewRWLock returns the lock of a path, which need not exist. It does not ask the service. A label is stored for readers too.
func NewRWLock(c *client.Client, path string, options ...LockOption) *RWLock {
	return &RWLock{NewLock(c, path, options...)}
}

// Write waits until the lock is this caller's alone. Errors are those of [Lock.Acquire].
func (l *RWLock) Write(ctx context.Context) (*WriteHold, error) {
	return l.written(l.lock.Acquire(ctx))
}

// TryWrite is Write that does not wait for anybody: if the lock is held or waited for it fails with [ErrHeld].
func (l *RWLock) TryWrite(ctx context.Context) (*WriteHold, error) {
	return l.written(l.lock.TryAcquire(ctx))
}

func (l *RWLock) written(h *Hold, err error) (*WriteHold, error) {
	if err != nil {
		return nil, err
	}
	return &WriteHold{Hold: h, label: l.lock.settings.data}, nil
}

// Read waits until the lock is this caller's, alone or together with other readers. Errors are those of [Lock.Acquire].
func (l *RWLock) Read(ctx context.Context) (*Hold, error) {
	h, err := l.read(ctx, true)
	return h, failed("lock", l.lock.name(), err)
}

// TryRead is Read that does not wait for anybody: if a writer has the lock or waits for it, it fails with [ErrHeld].
func (l *RWLock) TryRead(ctx context.Context) (*Hold, error) {
	if err := l.writing(ctx); err != nil {
		return nil, failed("lock", l.lock.name(), err)
	}
	h, err := l.read(ctx, false) // somebody may have come meanwhile
	return h, failed("lock", l.lock.name(), err)
}

func (l *RWLock) read(ctx context.Context, wait bool) (*Hold, error) {
	c, settings := l.lock.c, l.lock.settings
	entered, err := enter(ctx, c, l.lock.paths, readPrefix, settings.data)
	if err != nil {
		return nil, err
	}
	p := entered.places[0]
	if !entered.alone {
		err = p.waitFor(ctx, c, nearestWriter, func(path string, own **client.Watch) (bool, error) {
			return p.awaitShared(ctx, c, path, own, wait)
		})
	}
	if err == nil && settings.delay > 0 {
		err = l.lock.settle(ctx, entered.places, wait, true)
	}
	var h *Hold
	if err == nil {
		h, err = certain(ctx, c, "lock", l.lock.name(), entered.places)
	}
	if err != nil {
		withdraw(ctx, c, entered.places)
		return nil, err
	}
	return h, nil
}

// writing looks, without getting in line, whether a reader would have to wait.
func (l *RWLock) writing(ctx context.Context) error {
	fresh := client.AtLevel(client.Linearizable)
	names, _, err := l.lock.c.Children(ctx, l.lock.name(), fresh)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		return err
	}
	writer, err := nearestWriter(inLine(names))
	if err != nil || writer == "" {
		return err
	}
	n, err := l.lock.c.Get(ctx, join(l.lock.name(), writer), fresh)
	switch {
	case errors.Is(err, client.ErrNoNode): // it has just left; who else is there will be seen in line
		return nil
	case err == nil && !shared(n.Data, n.Stat):
		return errWriting
	}
	return err
}

var errWriting = fmt.Errorf("%w: a writer is ahead", ErrHeld)

// nearestWriter waits for the nearest one ahead that is no reader. Who is ahead of that one is not waited for when it has
// become a reader: it had the lock alone before.
func nearestWriter(ahead []string) (string, error) {
	for _, name := range slices.Backward(ahead) {
		if !strings.HasPrefix(name, readPrefix) {
			return name, nil
		}
	}
	return "", nil
}

// awaitShared waits for a writer to leave, or to become a reader: it returns true if it has. If wait is false it fails with
// [ErrHeld] rather than wait.
func (p place) awaitShared(ctx context.Context, c *client.Client, path string, own **client.Watch, wait bool) (bool, error) {
	var w *client.Watch
	n, err := c.Get(ctx, path, local, client.WithWatch(&w))
	switch {
	case errors.Is(err, client.ErrNoNode):
		return false, nil
	case err != nil:
		return false, err
	case shared(n.Data, n.Stat):
		w.Close()
		return true, nil
	case !wait:
		w.Close()
		return false, errWriting
	}
	return false, p.either(ctx, w, own)
}

// shared reports whether a writer's node says that it has become a reader.
func shared(data []byte, stat client.Stat) bool {
	return stat.Version > 0 && bytes.HasPrefix(data, []byte(sharedMark))
}

// WriteHold is what a writer holds: nobody else has the lock, until [WriteHold.Downgrade]. Everything else is as for [Hold].
type WriteHold struct {
	*Hold
	label []byte
}

// Downgrade makes the writer a reader, and returns when the readers that wait directly behind it may have the lock too. There is no
// moment at which another writer could have got it: what was written is still so. The hold stays what it is, with its node,
// its place in line and its fence, and is released as before. Calling it again has no effect.
//
// Errors: [ErrLost] and [ErrReleased], as for [Hold.Commit]; client.ErrTooLarge if the label leaves no room for seven bytes. If ctx
// ends it fails with its cause, and the hold may be either; then Downgrade can be called again.
func (h *WriteHold) Downgrade(ctx context.Context) error {
	// The node stays, because the fence of a new one would be above those of writers who wait already.
	share := client.SetOp(h.Path(), append([]byte(sharedMark), h.label...))
	var err error
	if len(h.marks) > 0 { // its loss delays nobody from now on
		unmark := client.DeleteOp(join(h.marks[0].line, markName), client.IfData(h.nodes[0].mark()))
		if _, err = h.Commit(ctx, share, unmark); err == nil || !raced(err) {
			return failed("downgrade", h.path, err)
		}
	}
	_, err = h.Commit(ctx, share)
	return failed("downgrade", h.path, err)
}

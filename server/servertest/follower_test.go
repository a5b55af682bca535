package servertest_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// told is what a recursive persistent watch has told.
type told struct {
	zxid     client.Zxid
	versions map[string]int64 // of each node that is there by the events
	count    int64
	gaps     int
}

// lastNode is created when all is done: its event is the last.
func (w *workload) lastNode() string { return w.root + "/last" }

// follow takes the events of the member's watch until the last one, and checks that they follow each other: created, then
// each version once, then deleted. Behind a gap nothing can be said, so it ends there.
func (m *member) follow(ctx context.Context) error {
	t := &m.told
	t.versions = map[string]int64{m.work.root: 0}
	for {
		select {
		case event, open := <-m.watch.C():
			switch err := m.work.failed(); {
			case !open && err != nil: // the client was closed because of it
				return err
			case !open:
				return fmt.Errorf("the watch has ended: %w", m.watch.Err())
			}
			if err := t.take(&event); err != nil || t.gaps > 0 || event.Path == m.work.lastNode() {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("the watch has not told the last change: %w", ctx.Err())
		}
	}
}

func (t *told) take(e *client.Event) error {
	t.count++
	if e.Zxid < t.zxid {
		return fmt.Errorf("an event of zxid %d came after one of %d", e.Zxid, t.zxid)
	}
	t.zxid = e.Zxid
	version, there := t.versions[e.Path]
	switch {
	case e.Type == client.EventGap:
		t.gaps++
	case e.Type == client.EventCreated && !there:
		t.versions[e.Path] = 0
	case e.Type == client.EventDataChanged && there && e.Stat.Version == version+1:
		t.versions[e.Path]++
	case e.Type == client.EventDeleted && there:
		delete(t.versions, e.Path)
	default:
		return fmt.Errorf("%v of %s with version %d in zxid %d was told; before, it was there: %v, in version %d",
			e.Type, e.Path, e.Stat.Version, e.Zxid, there, version)
	}
	return nil
}

// complete checks that everything was told that the service has acknowledged.
func (t *told) complete(w *workload) error {
	if t.gaps > 0 {
		return nil
	}
	for _, r := range w.registers {
		if told, acked := t.versions[r.path], r.newest().version; told != acked {
			return fmt.Errorf("the watch has told %d versions of %s, acknowledged were %d", told, r.path, acked)
		}
	}
	for _, m := range w.members {
		for _, l := range m.callers {
			if told := t.versions[l.chain]; told != l.version {
				return fmt.Errorf("the watch has told %d versions of %s, acknowledged were %d", told, l.chain, l.version)
			}
		}
		for _, name := range m.names {
			if _, there := t.versions[m.queue+"/"+name]; !there {
				return fmt.Errorf("the watch has not told that %s/%s was created", m.queue, name)
			}
		}
	}
	return nil
}

package process_test

import (
	endian "encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// bug is a wrong that a line does to the events of its client, to find out whether the checker finds it.
type bug string

const (
	none    bug = "none"
	swallow bug = "swallow" // an event is not delivered
	double  bug = "double"  // an event is delivered twice
	swap    bug = "swap"    // two neighbouring events of different transactions are exchanged
	hold    bug = "hold"    // an event is delivered behind the next reply
)

// bugOneIn is how many events there are to one that is chosen for a bug, and bugPause how long what comes too late is late. Two
// of the bugs need a fitting neighbour too, which not every event has.
var bugOneIn = map[bug]int{swallow: 10, double: 10, swap: 2, hold: 2}

const bugPause = 5 * time.Millisecond

// tap is one connection. Its reading side hands on whole frames, unless it is to break or to commit a bug.
type tap struct {
	net.Conn
	line *line

	// owned by the reader
	frames   *wire.FrameReader
	welcomed bool
	ready    []byte // for the client
	late     []byte // for the client, after a pause
	broken   bool
	newest   client.Zxid // of the last frame if it was an event, else 0
	replied  client.Zxid // by a reply, the newest
	told     client.Zxid // by an event that was not late already, the newest

	greeted bool // owned by the writer

	// guarded by line.mu
	plan      cut
	left      int              // frames until then
	restoring map[wire.Xid]int // SetWatches requests that are not answered: index in line.restores
	adding    map[wire.Xid][]wire.WatchID
	adds      map[wire.WatchID]bool // that are in adding
}

var errCut = errors.New("cut by the test")

func (t *tap) Close() error {
	t.line.mu.Lock()
	delete(t.line.live, t)
	t.line.mu.Unlock()
	return t.Conn.Close()
}

func (t *tap) Read(p []byte) (int, error) {
	for len(t.ready) == 0 {
		switch {
		case t.broken:
			_ = t.Conn.Close()
			return 0, errCut
		case len(t.late) > 0:
			<-time.After(bugPause)
			t.ready, t.late = t.late, nil
			continue
		}
		t.ready = t.ready[:0]
		body, err := t.frames.Next()
		if err != nil {
			return 0, err
		}
		if err := t.take(body); err != nil {
			return 0, err
		}
		for !t.broken && len(t.late) == 0 && t.frames.Complete() && len(t.ready) < len(p) {
			if body, err = t.frames.Next(); err == nil {
				err = t.take(body)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, t.ready)
	t.ready = t.ready[n:]
	return n, nil
}

// put hands a frame on to the client.
func put(dst, body []byte) []byte {
	dst, mark := wire.BeginFrame(dst)
	return wire.EndFrame(append(dst, body...), mark)
}

// take decides what becomes of a frame from the server.
func (t *tap) take(body []byte) error {
	if !t.welcomed {
		t.welcomed = true
		t.ready = put(t.ready, body)
		return nil
	}
	f, err := wire.DecodeServerFrame(body)
	if err != nil {
		return err
	}
	if t.breaks(&f) {
		t.broken = true
		if t.plan == inside {
			frame := put(nil, body)
			t.ready = append(t.ready, frame[:len(frame)/2]...)
		}
		return nil
	}
	if t.newest = 0; f.Kind == wire.EventFrame {
		t.newest = f.Zxid
		return t.spoil(&f, body)
	}
	t.check(&f)
	t.ready = put(t.ready, body)
	return nil
}

// check holds the order of what the client gets against the rule: replies and events come in the order of their transactions,
// an event before a reply of the same (W-9). What is told of the past, before the answer to the request that asks for it, is
// behind the times.
func (t *tap) check(f *wire.ServerFrame) {
	l := t.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Kind != wire.EventFrame {
		if i, ok := t.restoring[f.Xid]; ok {
			l.restores[i].state, l.restores[i].answered = f.Zxid, f.Code == wire.CodeOK
			delete(t.restoring, f.Xid)
		}
		for _, id := range t.adding[f.Xid] {
			delete(t.adds, id)
		}
		delete(t.adding, f.Xid)
		t.replied = max(t.replied, f.Zxid)
		return
	}
	l.frames++
	if e := &f.Event; e.Watch == 0 && len(t.restoring) > 0 || t.adds[e.Watch] {
		return
	} else if complaint := fmt.Sprintf("%v of zxid %v for %s, watch %d", e.Type, e.Zxid, e.Path, e.Watch); e.Zxid <= t.replied {
		l.found = append(l.found, &violation{late, fmt.Sprintf("%s, sent behind a reply of zxid %v", complaint, t.replied)})
	} else if e.Zxid < t.told {
		l.found = append(l.found, &violation{disordered, fmt.Sprintf("%s, sent behind an event of zxid %v", complaint, t.told)})
	}
	t.told = max(t.told, f.Zxid)
}

// breaks reports whether the connection breaks in front of it or in it.
func (t *tap) breaks(f *wire.ServerFrame) bool {
	l := t.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.plan != whole && t.plan != halfSent {
		t.left--
		if t.left <= 0 && (t.plan != torn || f.Kind == wire.EventFrame && f.Zxid == t.newest) {
			l.cut[t.plan]++
			return true
		}
	}
	return false
}

// spoil hands on an event, or commits the line's bug with it.
func (t *tap) spoil(f *wire.ServerFrame, body []byte) error {
	l := t.line
	l.mu.Lock()
	chosen := l.bug != none && l.rng.IntN(bugOneIn[l.bug]) == 0
	l.mu.Unlock()
	switch {
	case !chosen:
		t.check(f)
		t.ready = put(t.ready, body)
		return nil
	case l.bug == swallow:
		l.committed()
		return nil
	case l.bug == double:
		l.committed()
		t.check(f)
		t.ready = put(put(t.ready, body), body)
		return nil
	}
	frame := put(nil, body)
	if len(t.ready) > 0 && !t.frames.Complete() { // what is ready must not wait for its neighbour
		t.check(f)
		t.ready = append(t.ready, frame...)
		return nil
	}
	next, err := t.frames.Next()
	if err != nil {
		return err
	}
	g, err := wire.DecodeServerFrame(next)
	if err != nil {
		return err
	}
	if l.bug == swap && g.Kind == wire.EventFrame && g.Zxid != f.Zxid || l.bug == hold && g.Kind == wire.Reply && g.Zxid >= f.Zxid {
		l.committed()
		t.check(&g)
		t.check(f)
		t.ready, t.late = put(t.ready, next), frame
		return nil
	}
	t.check(f)
	t.ready = append(t.ready, frame...)
	return t.take(next)
}

// Write sends on what the client sends, which is whole frames, and notes its SetWatches requests.
func (t *tap) Write(p []byte) (int, error) {
	l := t.line
	for rest := p; len(rest) >= 4; {
		n := 4 + int(endian.BigEndian.Uint32(rest))
		if t.greeted {
			t.sends(rest[4:n])
		}
		t.greeted = true
		rest = rest[n:]
	}
	l.mu.Lock()
	breaks := t.plan == halfSent
	if breaks {
		l.cut[halfSent]++
	}
	l.mu.Unlock()
	if breaks {
		_, _ = t.Conn.Write(p[:len(p)/2])
		_ = t.Conn.Close()
		return 0, errCut
	}
	return t.Conn.Write(p)
}

func (t *tap) sends(body []byte) {
	if kind, _, _, _, ok := wire.PeekHeader(body); !ok || kind != wire.SetWatches && kind != wire.AddWatches {
		return
	}
	var r wire.Request
	if err := wire.DecodeRequest(body, &r); err != nil {
		panic(err) // the client's encoder is broken
	}
	t.line.mu.Lock()
	defer t.line.mu.Unlock()
	if r.Kind == wire.SetWatches {
		t.restoring[r.Xid] = len(t.line.restores)
		t.line.restores = append(t.line.restores, window{since: r.Since})
		return
	}
	for _, spec := range r.WatchList {
		t.adding[r.Xid] = append(t.adding[r.Xid], spec.ID)
		t.adds[spec.ID] = true
	}
}

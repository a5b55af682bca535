package client

// backlog holds the events of one persistent watch for which its channel has no room, in order. It is bounded: past the bound
// the newest part is one gap, which grows until it is the next to be told. Whoever is told of it reads anew, and what happens
// until then is no loss to him.
type backlog struct {
	events []Event
	bytes  int
	gap    bool // the last event is a gap made here, and the pump has not taken it up
}

// size is what an event counts for in the bounds of backlogs.
func (e *Event) size() int { return eventBytes + len(e.Path) + len(e.Data) }

// put tells the user of the watch an event: at once if the channel has room and nothing waits in front of it. The caller holds
// mu.
func (w *PersistentWatch) put(e Event) {
	if w.pump != nil {
		w.keep(&e)
		return
	}
	select {
	case w.events <- e:
		w.mark(&e)
	default:
		w.keep(&e)
		w.client.streams.serve(w)
	}
}

// mark notes that an event was put into the channel; the caller holds mu.
func (w *PersistentWatch) mark(e *Event) {
	w.marks[w.sent%eventsBuffer] = before(e)
	w.sent++
}

// keep puts an event into the backlog, or into the gap at its end; the caller holds mu.
func (w *PersistentWatch) keep(e *Event) {
	b, all := &w.backlog, &w.client.streams.backlogBytes
	full := len(b.events) >= backlogEventsMax || b.bytes+e.size() > backlogBytesMax || *all+e.size() > backlogsBytesMax
	if !b.gap && !full {
		b.events = append(b.events, *e)
		b.bytes += e.size()
		*all += e.size()
		return
	}
	w.position.reached(e.Zxid) // what is still to come of the transaction belongs to the gap
	if b.gap {
		b.events[len(b.events)-1].Zxid = e.Zxid
		return
	}
	gap := Event{Type: EventGap, Path: w.root.out(w.path), Zxid: e.Zxid, From: before(e)}
	b.events = append(b.events, gap)
	b.bytes += gap.size()
	*all += gap.size()
	b.gap = true
}

// shift takes the first event out of the backlog; the caller holds mu.
func (w *PersistentWatch) shift() {
	b := &w.backlog
	size := b.events[0].size()
	b.bytes -= size
	w.client.streams.backlogBytes -= size
	b.events[0] = Event{}
	if b.events = b.events[1:]; len(b.events) == 0 {
		b.events, b.gap = nil, false
	}
}

// offer moves into the channel what has room there, and gets the next event ready for the pump to send. It reports false when
// nothing is left; if the watch has ended its channel is closed then, and it needs no pump any more. The caller is the pump and
// holds mu.
func (w *PersistentWatch) offer() bool {
	b := &w.backlog
	if w.dropping && len(b.events) > 0 {
		w.position.complete = before(&b.events[0]) // what is dropped was not told
	}
	for len(b.events) > 0 {
		if w.dropping {
			w.shift()
			continue
		}
		select {
		case w.events <- b.events[0]:
			w.mark(&b.events[0])
			w.shift()
		default:
			w.offered = b.events[0]
			b.gap = b.gap && len(b.events) > 1
			return true
		}
	}
	w.pump, w.offered = nil, Event{}
	if w.ended {
		close(w.events)
	}
	return false
}

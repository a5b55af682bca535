package main

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// watches are those of the shell's session: one-shot ones that have not fired, and persistent ones. While a command is carried
// out nobody reads from them, so that their events come out before the answer that shows the change, as the service delivers
// them; between commands relay prints them as they come.
type watches struct {
	list   []watch
	silent bool // printwatches off
}

// source is what watches of either kind have.
type source interface {
	C() <-chan client.Event
	Err() error
	Close()
}

// watch is a watch, what removewatches knows it by, and where its events are to be printed.
type watch struct {
	source
	kind   watchKind
	path   string
	values bool // its events bring data
	out    *output
}

// watchKind is what a watch looks at.
type watchKind uint8

const (
	dataWatch       watchKind = iota // one-shot: the node itself
	childWatch                       // one-shot: its children
	persistentWatch                  // both, again and again
	recursiveWatch                   // it and all below, again and again
)

// occurrence is an event that was taken from a watch, or the end of the watch.
type occurrence struct {
	watch watch
	event client.Event
	ended bool
}

// room is nil if another watch may be set.
func (w *watches) room() error {
	if len(w.list) >= watchesMax {
		return fmt.Errorf("this shell has %d watches, which is its limit: removewatches drops some, connect all", len(w.list))
	}
	return nil
}

// watching keeps a watch that a read has set; nil is none.
func (c *call) watching(w *client.Watch, kind watchKind) {
	if w != nil {
		c.shell.watches.list = append(c.shell.watches.list, watch{source: w, kind: kind, path: c.args[0], out: c.out})
	}
}

// forget drops all watches without a word: their session was closed on purpose.
func (w *watches) forget() { w.list = nil }

// drain prints the events that have come.
func (s *shell) drain() { s.tell(s.collect(nil)) }

// collect takes all events that have come, to those already taken, and forgets the watches that have ended.
func (s *shell) collect(taken []occurrence) []occurrence {
	s.watches.list = slices.DeleteFunc(s.watches.list, func(w watch) bool {
		p, persistent := w.source.(*client.PersistentWatch)
		crowded := persistent && len(w.C()) == cap(w.C())
		over := w.take(&taken)
		if crowded && !over {
			over = s.takeRest(w, p, &taken)
		}
		return over
	})
	return taken
}

// take takes what is in the channel, and reports whether the watch is over.
func (w watch) take(taken *[]occurrence) bool {
	for {
		select {
		case e, ok := <-w.C():
			*taken = append(*taken, occurrence{w, e, !ok})
			if !ok || w.kind < persistentWatch {
				return true
			}
		default:
			return false
		}
	}
}

// takeRest takes what had no room in the channel of a persistent watch and follows as there is some, and reports whether the
// watch is over. Its end shows in the watch's zxid only, and somewhat late: so it is looked at again and again.
func (s *shell) takeRest(w watch, p *client.PersistentWatch, taken *[]occurrence) bool {
	again := time.NewTicker(restEvery)
	defer again.Stop()
	giveUp := time.After(restMax)
	for known := s.known(); p.Zxid() < known; {
		select {
		case e, ok := <-w.C():
			if *taken = append(*taken, occurrence{w, e, !ok}); !ok {
				return true
			}
		case <-again.C:
		case <-giveUp:
			return false // the rest is printed later
		}
	}
	return w.take(taken)
}

// known is a transaction not older than any that was shown, of which all events have come; 0 if the server does not tell
// quickly.
func (s *shell) known() (z client.Zxid) {
	if s.client == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), knownMax)
	defer cancel()
	if _, _, err := s.client.Exists(ctx, "/", client.AtLevel(client.Session), client.WithZxid(&z)); err != nil {
		return 0
	}
	return z
}

// relay prints events as they come, and what becomes of the session, until stop is closed. above does the printing.
func (s *shell) relay(stop <-chan struct{}, above func(print func())) {
	for {
		cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(stop)}}
		changed := s.stateChanged(above)
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(changed)})
		for _, w := range s.watches.list {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(w.C())})
		}
		const first = 2 // the index of the first watch
		i, value, ok := reflect.Select(cases)
		switch {
		case i == 0:
			return
		case i >= first:
			w := s.watches.list[i-first]
			event, _ := value.Interface().(client.Event)
			if w.kind < persistentWatch || !ok {
				s.watches.list = slices.Delete(s.watches.list, i-first, i-first+1)
			}
			taken := s.collect([]occurrence{{w, event, !ok}})
			if !s.watches.silent {
				above(func() { s.tell(taken) })
			}
		}
	}
}

// await relays until every watch has fired or ctx ends; it is what a single command with -w does.
func (s *shell) await(ctx context.Context) error {
	for len(s.watches.list) > 0 {
		w := s.watches.list[0]
		select {
		case e, ok := <-w.C():
			s.watches.list = s.watches.list[1:]
			if !ok {
				return w.Err()
			}
			s.tell([]occurrence{{w, e, false}})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// tell prints events in the order of their transactions, and of a watch that has ended without one why.
func (s *shell) tell(taken []occurrence) {
	if s.watches.silent {
		return
	}
	slices.SortStableFunc(taken, func(a, b occurrence) int { return cmp.Compare(a.place(), b.place()) })
	for _, o := range taken {
		r := newEventRecord(o.event, o.watch.values)
		if o.ended {
			r = &eventRecord{Event: eventFields{Type: "Ended", Path: o.watch.persistentPath()}, Reason: o.watch.Err().Error()}
		}
		if err := o.watch.out.give(r); err != nil {
			o.watch.out.complain("cox: %v\n", err)
		}
	}
}

// place is where it comes among others: ends behind all events.
func (o *occurrence) place() client.Zxid {
	if o.ended {
		return ^client.Zxid(0)
	}
	return o.event.Zxid
}

// persistentPath is the path of a persistent watch, "" of another, whose read told it.
func (w *watch) persistentPath() string {
	if w.kind < persistentWatch {
		return ""
	}
	return w.path
}

type eventRecord struct {
	Event  eventFields `json:"event"`
	Reason string      `json:"reason,omitempty"` // of a watch that ended without an event

	bare   bool // printed by watch, which prints nothing else
	values bool
	event  client.Event
}

type eventFields struct {
	Type string `json:"type"`
	Path string `json:"path,omitempty"`
	Zxid string `json:"zxid,omitempty"`
	From string `json:"from,omitempty"` // of a Gap
	*dataRecord
	Stat *statRecord `json:"stat,omitempty"`
}

// newEventRecord is an event as it is shown; values says that it has brought data.
func newEventRecord(e client.Event, values bool) *eventRecord {
	r := &eventRecord{Event: eventFields{Type: e.Type.String(), Path: e.Path, Zxid: e.Zxid.String()}, event: e}
	if e.Type == client.EventGap {
		r.Event.From = e.From.String()
	}
	if r.values = values && (e.Type == client.EventCreated || e.Type == client.EventDataChanged); r.values {
		data := newDataRecord(e.Data)
		r.Event.dataRecord, r.Event.Stat = &data, newStatRecord(e.Stat)
	}
	return r
}

func (r *eventRecord) text(o *output) {
	e := r.Event
	switch {
	case r.Reason != "" && e.Path != "":
		o.printf("WATCHER:: the watch of %s has ended: %s\n", e.Path, r.Reason)
		return
	case r.Reason != "":
		o.printf("WATCHER:: a watch has ended: %s\n", r.Reason)
		return
	case r.bare:
		o.printf("%-15s  %s  %s", e.Type, e.Zxid, e.Path)
	default:
		o.printf("WATCHER:: %s %s (zxid %s)", e.Type, e.Path, e.Zxid)
	}
	if r.values {
		o.printf(" = %s", string(r.event.Data))
	}
	if e.From != "" {
		o.printf(": what has happened since %s is not known, read again", e.From)
	}
	o.printf("\n")
}

// stateChanged tells, in the interactive shell, what has become of the session since the last call, and returns a channel
// that is closed at its next change.
func (s *shell) stateChanged(above func(print func())) <-chan struct{} {
	if s.mode != interactive || s.client == nil {
		return nil
	}
	state, changed := s.client.State()
	if state == s.told {
		return changed
	}
	s.told = state
	above(func() {
		switch state {
		case client.Suspended:
			s.out.printf("session suspended: the connection to %s is lost, looking for a server\n", s.server())
		case client.Connected:
			s.out.printf("session connected to %s\n", s.server())
		case client.Expired:
			s.out.printf("session expired: its ephemeral nodes and watches are gone; connect opens a new one\n")
		}
		_ = s.out.stdout.Flush() // the terminal is gone: the next line read says so
	})
	return changed
}

package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// watches are those of the shell's session that have not fired. While a command is carried out nobody reads from them, so
// that their events come out before the answer that shows the change, as the service delivers them; between commands
// relay prints them as they come.
type watches struct {
	list   []watch
	silent bool // printwatches off
}

// watch is a watch and where its event is to be printed.
type watch struct {
	*client.Watch
	out *output
}

// room is nil if another watch may be set.
func (w *watches) room() error {
	if len(w.list) >= watchesMax {
		return fmt.Errorf("this shell has %d watches, which is its limit: connect drops them all", len(w.list))
	}
	return nil
}

// watching keeps a watch that a read has set; nil is none.
func (c *call) watching(w *client.Watch) {
	if w != nil {
		c.shell.watches.list = append(c.shell.watches.list, watch{w, c.out})
	}
}

// forget drops all watches without a word: their session was closed on purpose.
func (w *watches) forget() { w.list = nil }

// drain prints the events that have come.
func (s *shell) drain() {
	s.watches.list = slices.DeleteFunc(s.watches.list, func(w watch) bool {
		select {
		case e, ok := <-w.C():
			s.fired(w, e, ok)
			return true
		default:
			return false
		}
	})
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
			s.watches.list = slices.Delete(s.watches.list, i-first, i-first+1)
			event, _ := value.Interface().(client.Event)
			above(func() { s.fired(w, event, ok) })
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
			s.fired(w, e, ok)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// fired prints an event, or if there is none why the watch has ended.
func (s *shell) fired(w watch, e client.Event, ok bool) {
	if s.watches.silent {
		return
	}
	var err error
	if ok {
		err = w.out.give(&eventRecord{Event: eventFields{e.Type.String(), e.Path, e.Zxid.String()}})
	} else {
		err = w.out.give(&eventRecord{Event: eventFields{Type: "Ended"}, Reason: w.Err().Error()})
	}
	if err != nil {
		w.out.complain("cox: %v\n", err)
	}
}

type eventRecord struct {
	Event  eventFields `json:"event"`
	Reason string      `json:"reason,omitempty"` // of a watch that ended without an event
}

type eventFields struct {
	Type string `json:"type"`
	Path string `json:"path,omitempty"`
	Zxid string `json:"zxid,omitempty"`
}

func (r *eventRecord) text(o *output) {
	if r.Reason != "" {
		o.printf("WATCHER:: a watch has ended: %s\n", r.Reason)
		return
	}
	o.printf("WATCHER:: %s %s (zxid %s)\n", r.Event.Type, r.Event.Path, r.Event.Zxid)
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

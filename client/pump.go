package client

import (
	"reflect"
	"slices"
	"sync"
)

// pump is a goroutine that sends the backlogs of persistent watches into their channels, each as its user takes the events, so
// that a slow one holds up neither the others nor the connection. There is none while nothing waits, and one for up to
// pumpWatchesMax watches otherwise: the time of one round grows with their number.
type pump struct {
	client *core
	wake   chan struct{} // the watches, or what is to be done with them, have changed
	round  sync.Cond     // of Client.mu: the pump has looked at all its watches

	// owned by the pump's goroutine
	ready []*PersistentWatch   // those with an offered event
	cases []reflect.SelectCase // of ready, in the same order, and one for wake
	moved *PersistentWatch     // its offered event was sent, which the backlog does not know yet

	watches []*PersistentWatch // guarded by Client.mu
}

// rouse makes the pump look at its watches again.
func (p *pump) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// serve gives a watch that has a backlog to a pump. The caller holds mu.
func (s *streams) serve(w *PersistentWatch) {
	i := slices.IndexFunc(s.pumps, func(p *pump) bool { return len(p.watches) < pumpWatchesMax })
	if i < 0 {
		i = len(s.pumps)
		p := &pump{client: w.client, wake: make(chan struct{}, 1), round: sync.Cond{L: &w.client.mu}}
		s.pumps = append(s.pumps, p)
		s.pumping.Go(p.run)
	}
	w.pump = s.pumps[i]
	w.pump.watches = append(w.pump.watches, w)
	w.pump.rouse()
}

func (p *pump) run() {
	for p.next() {
		p.send()
	}
}

// next prepares the sending of one event of each watch, and reports whether there is anything to send. If not, the pump is
// forgotten and its goroutine ends.
func (p *pump) next() bool {
	c := p.client
	c.mu.Lock()
	defer c.mu.Unlock()
	defer p.round.Broadcast()
	if w := p.moved; w != nil {
		w.mark(&w.offered)
		w.shift()
		p.moved = nil
	}
	p.watches = slices.DeleteFunc(p.watches, func(w *PersistentWatch) bool { return !w.offer() })
	if len(p.watches) == 0 {
		c.streams.pumps = slices.DeleteFunc(c.streams.pumps, func(other *pump) bool { return other == p })
		return false
	}
	clear(p.ready)
	p.ready = append(p.ready[:0], p.watches...)
	return true
}

// send sends the offered event of one watch, as soon as one of their channels has room, or returns because of a wake.
func (p *pump) send() {
	if len(p.ready) == 1 { // the usual case, without reflection
		select {
		case p.ready[0].events <- p.ready[0].offered:
			p.moved = p.ready[0]
		case <-p.wake:
		}
		return
	}
	clear(p.cases)
	p.cases = p.cases[:0]
	for _, w := range p.ready {
		p.cases = append(p.cases, reflect.SelectCase{
			Dir: reflect.SelectSend, Chan: reflect.ValueOf(w.events), Send: reflect.ValueOf(&w.offered).Elem(),
		})
	}
	p.cases = append(p.cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.wake)})
	if i, _, _ := reflect.Select(p.cases); i < len(p.ready) {
		p.moved = p.ready[i]
	}
}

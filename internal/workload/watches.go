package workload

import (
	"context"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// shot is a one-shot watch.
type shot struct {
	watch  *client.Watch
	stream history.Stream
}

// shoots makes a read that sets a one-shot watch.
func (w *worker) shoots(ctx context.Context) error {
	p := w.plan(w.draw.read())
	most := shotsMax
	if w.run.cfg.Watchful {
		most = watchfulShotsMax
	}
	p.shot = len(w.session.shots) < most
	return w.call(ctx, 0, p)
}

// collect takes what one-shot watches have told. Those that have ended are done with.
func (w *worker) collect() {
	s := w.session
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := s.shots[:0]
	for _, shot := range s.shots {
		seen := s.seen // before the channel is looked at
		if shot.take(w.run.cfg.Now()) {
			w.streams = append(w.streams, shot.ended(seen))
		} else {
			waiting = append(waiting, shot)
		}
	}
	s.shots = waiting
}

// take takes the event, or the end without one, if it has come.
func (s *shot) take(now int64) bool {
	select {
	case event, ok := <-s.watch.C():
		if ok {
			s.stream.Told = append(s.stream.Told, history.Told{At: now, Event: event})
		} else if err := s.watch.Err(); err != nil {
			s.stream.Told = append(s.stream.Told, history.Told{At: now, Ended: err})
		}
		return true
	default:
		return false
	}
}

// ended returns all that the watch has told, when a read that had returned before had seen the given zxid.
func (s *shot) ended(seen client.Zxid) history.Stream {
	s.stream.Upto = max(seen, s.stream.From)
	return s.stream
}

// flow is a persistent watch, with the goroutine that takes its events.
type flow struct {
	watch  *client.PersistentWatch
	stream history.Stream // Told belongs to the goroutine until it has ended
	stood  bool           // Upto is set
}

// follows sets a persistent watch, on the whole tree, on a part of it, or on one node. Some begin behind what was read last.
func (w *worker) follows(ctx context.Context) error {
	s := w.session
	if len(s.flows) == streamsMax {
		return nil
	}
	f := &flow{stream: history.Stream{Client: w.numbers[0], Path: w.draw.hot(), Persistent: true}}
	var options []client.WatchOption
	if w.draw.chance(60) {
		f.stream.Recursive = true
		options = append(options, client.Recursive())
		if w.draw.chance(50) {
			f.stream.Path = w.run.top
		}
	}
	since := w.draw.chance(50) && s.seen > 0
	if since {
		options = append(options, client.Since(s.seen))
	}
	waiting, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	watch, err := s.client.AddWatch(waiting, f.stream.Path, options...)
	if err != nil {
		_, unexpected := fateOf(err)
		return unexpected
	}
	f.watch = watch
	if f.stream.From = s.seen; !since {
		f.stream.From = watch.Zxid() // nothing was taken yet: it begins there, or nothing has happened in between
	}
	s.flows = append(s.flows, f)
	now := w.run.cfg.Now
	s.flowing.Go(func() {
		for event := range watch.C() {
			f.stream.Told = append(f.stream.Told, history.Told{At: now(), Event: event})
		}
		if err := watch.Err(); !is(err, client.ErrClosed) {
			f.stream.Told = append(f.stream.Told, history.Told{At: now(), Ended: err})
		}
	})
	return nil
}

// stand notes how far the watches are and closes them, before something closes them that drops what they have.
func (w *worker) stand() {
	w.collect()
	s := w.session
	for _, f := range s.flows {
		if !f.stood {
			f.stream.Upto, f.stood = f.watch.Zxid(), true
			f.watch.Close()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, shot := range s.shots {
		w.streams = append(w.streams, shot.ended(s.seen))
		shot.watch.Close()
	}
	s.shots = nil
}

// ended returns all that the watch has told, after its goroutine has ended.
func (f *flow) ended() history.Stream {
	if !f.stood {
		f.stream.Upto, f.stood = f.watch.Zxid(), true
	}
	return f.stream
}

// upTo reports whether the watches of the session have told everything up to a zxid.
func (s *session) upTo(mark client.Zxid) bool {
	if len(s.shots) > 0 && s.seen < mark {
		return false
	}
	for _, f := range s.flows {
		if !f.stood && f.watch.Zxid() < mark {
			return false
		}
	}
	return true
}

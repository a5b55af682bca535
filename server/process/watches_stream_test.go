package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// stream is one persistent or recursive watch from its registration to its end, and all it has told.
type stream struct {
	scope scope
	path  string // as the service names it
	root  string // of the view in which it was set: "" or a path
	stats bool
	data  bool

	// What happened behind start is told. Without Since it is not known exactly: it is not before floor then.
	start, floor client.Zxid
	events       []client.Event
	claims       []claim
	err          error // why it ended, unless because it was closed
}

// claim is what the watch said about itself ([client.PersistentWatch.Zxid]) when so many events had been taken: every event
// up to zxid is among them. A reply and an event of these zxids had come.
type claim struct {
	taken                 int
	zxid, replied, events client.Zxid
}

// follow opens a watch, since a zxid unless it is 0, and takes what it tells until it has had so many events, or, if their number
// is limited, chance ends it. It returns where another one is to go on. When final is closed it waits until everything up to last
// is told.
func (o *observer) follow(ctx context.Context, rng *rand.Rand, s *stream, since client.Zxid, most int,
	final <-chan struct{}, last *client.Zxid,
) (client.Zxid, error) {
	view, as := o.c, s.path
	if s.root != "" {
		var err error
		if view, err = o.c.Chroot(s.root); err != nil {
			return 0, err
		}
		if as = s.path[len(s.root):]; as == "" {
			as = "/"
		}
	}
	var opts []client.WatchOption
	if s.scope == ofTree {
		opts = append(opts, client.Recursive())
	}
	switch {
	case s.data:
		opts = append(opts, client.WithNode())
	case s.stats:
		opts = append(opts, client.WithNodeStat())
	}
	s.floor = o.c.LastZxid()
	if since != 0 {
		opts = append(opts, client.Since(since))
		s.floor = since
	}
	w, err := view.AddWatch(ctx, as, opts...)
	if err != nil {
		return 0, err
	}
	if s.start = since; since == 0 {
		s.start = w.Zxid()
		s.claims = append(s.claims, claim{zxid: s.start})
	}
	for ending := (<-chan struct{})(final); ; {
		for taking := true; taking; {
			select {
			case e, ok := <-w.C():
				if !ok {
					s.err = w.Err()
					return 0, nil
				}
				s.events = append(s.events, e)
				o.heard(e.Zxid)
			default:
				taking = false
			}
		}
		reply, event := o.newest()
		c := claim{len(s.events), w.Zxid(), reply, event}
		if n := len(s.claims); n > 0 && s.claims[n-1].taken == c.taken {
			s.claims[n-1] = c
		} else {
			s.claims = append(s.claims, c)
		}
		if ending == nil && c.zxid >= *last || len(s.events) >= most || most < math.MaxInt && ending != nil && rng.IntN(50) == 0 {
			w.Close()
			if rng.IntN(2) == 0 {
				for e := range w.C() {
					s.events = append(s.events, e)
				}
			}
			return c.zxid, nil
		}
		pause := o.patience
		if rng.IntN(200) == 0 { // a lazy one: the rest waits in the client
			select {
			case <-time.After(o.patience):
			case <-ctx.Done():
			}
		}
		select {
		case e, ok := <-w.C():
			if !ok {
				s.err = w.Err()
				return 0, nil
			}
			s.events = append(s.events, e)
			o.heard(e.Zxid)
		case <-ending:
			ending = nil
			pause = 10 * time.Millisecond
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if ending == nil { // make the client hear of what is there
			var z client.Zxid
			if _, _, err := o.c.Exists(ctx, s.path, client.WithZxid(&z)); err == nil {
				o.replied(z)
			} else if !errors.Is(err, client.ErrSessionExpired) {
				return 0, err
			}
		}
	}
}

// out is what the service calls a path of the stream's view.
func (s *stream) out(path string) string {
	switch {
	case s.root == "":
		return path
	case path == "/":
		return s.root
	}
	return s.root + path
}

// judgeStream holds what a persistent watch has told against the truth: they must be equal from its start on, in order, but
// for gaps, which must say what is missing.
func (h *history) judgeStream(s *stream) (all []*violation, gaps int) {
	if len(s.events) > 0 && s.events[0].Zxid <= s.start && s.events[0].Type != client.EventGap && s.floor < s.start {
		s.start = max(s.floor, s.events[0].Zxid-1) // it began earlier than was known
	}
	line := behind(h.line(s.scope, s.path), s.start)
	complain := func(kind fault, t *told, format string, args ...any) {
		text := fmt.Sprintf("%v watch on %s since zxid %v", s.scope, s.path, s.start)
		if t != nil {
			text += fmt.Sprintf(", %v of zxid %v for %s", t.kind, t.zxid, t.path)
		}
		all = append(all, &violation{kind, text + ": " + fmt.Sprintf(format, args...)})
	}
	const (
		open = iota
		had
		skipped
	)
	fate := make([]uint8, len(line))
	i := 0 // everything before it was told or skipped
	claims := s.claims
	for k := range s.events {
		for ; len(claims) > 0 && claims[0].taken <= k; claims = claims[1:] {
			c := &claims[0]
			if i < len(line) && line[i].zxid <= c.zxid && s.tells(s.events[k:], &line[i]) {
				if line[i].zxid <= c.replied {
					complain(late, &line[i], "still untold when the watch claimed %v, and a reply of %v had come", c.zxid, c.replied)
				} else {
					complain(disordered, &line[i], "still untold when the watch claimed %v, and an event of %v had come", c.zxid, c.events)
				}
			}
		}
		e := &s.events[k]
		if e.Type == client.EventGap {
			gaps++
			if i < len(line) && line[i].zxid <= e.From {
				complain(missed, &line[i], "a gap from %v to %v does not cover it", e.From, e.Zxid)
			}
			if i > 0 && fate[i-1] == had && line[i-1].zxid > e.From+1 {
				complain(wrong, &line[i-1], "it was told, and a gap from %v to %v says that it was not", e.From, e.Zxid)
			}
			for ; i < len(line) && line[i].zxid <= e.Zxid; i++ {
				fate[i] = had
			}
			continue
		}
		path := s.out(e.Path)
		j := i
		for j < len(line) && line[j].zxid <= e.Zxid && !(fate[j] == open && line[j].is(e, path)) {
			j++
		}
		switch {
		case j < len(line) && line[j].is(e, path):
			for ; i < j; i++ {
				fate[i] = skipped
			}
			fate[j] = had
			i = j + 1
			if why := s.wrongNode(line[j].of, e); why != "" {
				complain(wrong, &line[j], "%s", why)
			}
			continue
		}
		switch at := has(line, e, path); {
		case at < 0 && has(h.line(s.scope, s.path), e, path) >= 0:
			complain(doubled, nil, "told %v of zxid %v for %s, which was before its start", e.Type, e.Zxid, path)
		case at < 0:
			complain(untrue, nil, "told %v of zxid %v for %s, and there was no such change", e.Type, e.Zxid, path)
		case fate[at] == skipped:
			fate[at] = had
			complain(disordered, &line[at], "told behind %v", s.events[k-1].Zxid)
		default:
			complain(doubled, &line[at], "told again")
		}
	}
	end := client.Zxid(0)
	if n := len(s.claims); n > 0 {
		end = s.claims[n-1].zxid
	}
	for j := range line {
		if fate[j] == skipped || fate[j] == open && line[j].zxid <= end {
			complain(missed, &line[j], "not told; the watch said that it had told up to %v", end)
		}
	}
	if s.err != nil {
		complain(ended, nil, "%v", s.err)
	}
	return all, gaps
}

// tells reports whether one of the events is t.
func (s *stream) tells(events []client.Event, t *told) bool {
	return slices.ContainsFunc(events, func(e client.Event) bool { return t.is(&e, s.out(e.Path)) })
}

// wrongNode tells what is wrong with the data and the stat of an event; empty if nothing is.
func (s *stream) wrongNode(c *fact, e *client.Event) string {
	bears := e.Type == client.EventCreated || e.Type == client.EventDataChanged
	switch data := bears && s.data; {
	case data && !bytes.Equal(e.Data, c.data):
		return fmt.Sprintf("brings data %.60q, it had %.60q", e.Data, c.data)
	case !data && e.Data != nil:
		return fmt.Sprintf("brings data %.60q, which nobody wants", e.Data)
	}
	switch stat := bears && (s.data || s.stats); {
	case stat && c.stat != nil && e.Stat != *c.stat:
		return fmt.Sprintf("brings stat %+v, it had %+v", e.Stat, *c.stat)
	case stat && e.Stat.Mzxid != e.Zxid:
		return fmt.Sprintf("brings stat %+v, which is not of this change", e.Stat)
	case !stat && e.Stat != client.Stat{}:
		return fmt.Sprintf("brings stat %+v, which nobody wants", e.Stat)
	}
	return ""
}

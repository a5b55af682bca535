package process_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// arming is one one-shot watch: when it was set, what came, and up to when nothing had come.
type arming struct {
	scope scope
	path  string      // as the service names it
	as    string      // as the view names it in which it was set
	zxid  client.Zxid // of the reply that set it
	event *client.Event
	ended error // it has ended without an event

	// Nothing was in the channel when the client had received a reply, or an event, of these.
	silentReply, silentEvent client.Zxid

	// Found by the judge: a connection broke while it was set; and the server's answer on the next one was lost, so that what
	// was told there is not known exactly.
	resumed, lax bool
}

// watchOnce sets a one-shot watch, waits for its event and notes what it saw. Now and then it reads. When final is closed it
// reads once more, which shows everything, and gives up.
func (o *observer) watchOnce(ctx context.Context, rng *rand.Rand, path string, final <-chan struct{}) (*arming, error) {
	view, as := o.view(rng, path)
	a := &arming{path: path, as: as}
	var w *client.Watch
	set := []client.ReadOption{client.WithWatch(&w), client.WithZxid(&a.zxid), client.AtLevel(client.Session)}
	if rng.IntN(8) == 0 {
		set[2] = client.AtLevel(client.Linearizable)
	}
	var err error
	switch rng.IntN(3) {
	case 0:
		_, err = view.Get(ctx, as, set...)
	case 1:
		_, _, err = view.Exists(ctx, as, set...)
	default:
		a.scope = ofChildren
		_, _, err = view.Children(ctx, as, set...)
	}
	if errors.Is(err, client.ErrNoNode) {
		a.scope = ofData
		_, _, err = view.Exists(ctx, as, set...)
	}
	if err != nil {
		return nil, err
	}
	o.replied(a.zxid)
	for level, ended := client.Session, false; ; {
		reply, event := o.newest()
		select {
		case e, ok := <-w.C():
			a.saw(o, w, e, ok)
			return a, nil
		default:
			a.silentReply, a.silentEvent = max(a.silentReply, reply), max(a.silentEvent, event)
		}
		if ended {
			return a, nil
		}
		select {
		case e, ok := <-w.C():
			a.saw(o, w, e, ok)
			return a, nil
		case <-final:
			level, ended = client.Linearizable, true
		case <-time.After(upTo(rng, o.patience)):
		}
		var z client.Zxid
		_, _, err := view.Exists(ctx, as, client.AtLevel(level), client.WithZxid(&z))
		switch {
		case err == nil:
			o.replied(z)
		case errors.Is(err, client.ErrSessionExpired):
			ended = false // once more, in the next session; the watch has ended with the old one
		default:
			return nil, err
		}
	}
}

// saw notes what came out of a watch's channel.
func (a *arming) saw(o *observer, w *client.Watch, e client.Event, ok bool) {
	if !ok {
		a.ended = w.Err()
		return
	}
	a.event = &e
	o.heard(e.Zxid)
}

// judge holds a one-shot watch against the truth. The windows are those of its client.
func (h *history) judge(a *arming, windows []window) *violation {
	all := h.line(a.scope, a.path)
	pos := a.zxid // nothing has happened between the arming and here that it should have told
	for _, w := range windows {
		later := behind(all, pos)
		if len(later) == 0 || later[0].zxid <= w.since {
			break // it was due before the connection broke
		}
		first := &later[0]
		switch {
		case !w.answered && w.since < pos, w.answered && w.state <= pos:
			continue // before the arming
		case !w.answered:
			a.resumed, a.lax = true, true
			if a.event != nil && h.plausible(a, pos, w.since) {
				return nil
			}
			continue
		case first.zxid > w.state:
			continue
		}
		due := w.state
		a.resumed = true
		if a.event != nil && first.is(a.event, a.pathOf()) {
			return a.timely(first, due)
		}
		if caught, fires := h.caughtUp(a, pos, &w); fires {
			if a.event != nil && caught.is(a.event, a.pathOf()) {
				return a.timely(&caught, due)
			}
			return a.mismatch(all, &caught, due)
		}
		pos = w.state
	}
	later := behind(all, pos)
	if len(later) == 0 {
		if a.event != nil {
			return a.groundless(all)
		}
		return nil
	}
	if a.event != nil && later[0].is(a.event, a.pathOf()) {
		return a.timely(&later[0], later[0].zxid)
	}
	return a.mismatch(all, &later[0], later[0].zxid)
}

// pathOf makes the path of the truth comparable to the event's, which is the view's.
func (a *arming) pathOf() string {
	if a.event != nil && a.event.Path == a.as {
		return a.path
	}
	return "another path than " + a.as
}

// timely judges an event that is the right one: it must have been there before a reply or an event that came later.
func (a *arming) timely(t *told, due client.Zxid) *violation {
	switch {
	case a.lax:
	case due <= a.silentReply:
		return a.violates(late, t, "not there when a reply of zxid %v had come", a.silentReply)
	case due < a.silentEvent:
		return a.violates(disordered, t, "not there when an event of zxid %v had come", a.silentEvent)
	}
	return nil
}

// mismatch judges a watch that has not got the event it should have.
func (a *arming) mismatch(all []told, want *told, due client.Zxid) *violation {
	switch {
	case a.event == nil && (a.ended != nil || due > a.silentReply):
		if a.ended != nil && !errors.Is(a.ended, client.ErrSessionExpired) {
			return a.violates(ended, want, "%v", a.ended)
		}
		return nil
	case a.event == nil:
		return a.violates(missed, want, "nothing came, and a reply of zxid %v did", a.silentReply)
	case a.event.Zxid <= a.zxid || has(all, a.event, a.pathOf()) < 0:
		return a.groundless(all)
	}
	return a.violates(missed, want, "the next one came instead")
}

// groundless judges an event that no change behind the arming has caused.
func (a *arming) groundless(all []told) *violation {
	if has(all, a.event, a.pathOf()) >= 0 {
		return a.violates(doubled, nil, "its change was before the watch was set")
	}
	return a.violates(untrue, nil, "there was no such change")
}

// caughtUp returns what rule W-13 gives a watch in a window, if anything.
func (h *history) caughtUp(a *arming, pos client.Zxid, w *window) (told, bool) {
	is := h.at(a.path, w.state)
	switch was := a.scope == ofChildren || h.at(a.path, pos).there; {
	case !was:
		return told{zxid: is.czxid, kind: client.EventCreated, path: a.path}, is.there
	case !is.there:
		return told{zxid: w.since + 1, kind: client.EventDeleted, path: a.path}, true
	case a.scope == ofChildren:
		return told{zxid: is.pzxid, kind: client.EventChildrenChanged, path: a.path}, is.pzxid > w.since
	}
	return told{zxid: is.mzxid, kind: client.EventDataChanged, path: a.path}, is.mzxid > w.since
}

// plausible reports whether rule W-13 gives a watch its event for some state behind since: the answer was lost, and with it
// for which.
func (h *history) plausible(a *arming, pos, since client.Zxid) bool {
	if a.event.Type == client.EventDeleted && a.event.Zxid == since+1 {
		for _, t := range behind(h.line(ofData, a.path), since) {
			if t.kind == client.EventDeleted {
				return a.event.Path == a.as
			}
		}
		return false
	}
	w := window{since: since, state: a.event.Zxid}
	t, fires := h.caughtUp(a, pos, &w)
	return fires && a.event.Zxid > since && t.is(a.event, a.pathOf())
}

func (a *arming) violates(kind fault, want *told, format string, args ...any) *violation {
	text := fmt.Sprintf("%v watch on %s, set at zxid %v", a.scope, a.path, a.zxid)
	if want != nil {
		text += fmt.Sprintf(", is due %v of zxid %v", want.kind, want.zxid)
	}
	if a.event != nil {
		text += fmt.Sprintf(", got %v of zxid %v for %s", a.event.Type, a.event.Zxid, a.event.Path)
	}
	return &violation{kind, text + ": " + fmt.Sprintf(format, args...)}
}

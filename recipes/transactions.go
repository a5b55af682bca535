package recipes

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// transactions reads a persistent watch transaction by transaction. An event proves only that all before its transaction has come;
// that its own has come completely is proved by an event of a later one, or by an answer to anything.
type transactions struct {
	c     *client.Client
	path  string // of the watch
	watch *client.PersistentWatch
	ahead *client.Event // was taken, and belongs to the next transaction
}

// next returns all events of the next transaction that has any, or a gap alone. If the watch has ended it fails with why, and what
// had come of a transaction that may have more events is not told. Nor is it if a gap has the rest of it.
func (t *transactions) next(ctx context.Context) ([]client.Event, error) {
	first, err := t.take(ctx)
	if err != nil || first.Type == client.EventGap {
		return []client.Event{first}, err
	}
	events := []client.Event{first}
	for {
		select {
		case e, open := <-t.watch.C():
			switch {
			case !open:
				return nil, t.watch.Err()
			case e.Type == client.EventGap && e.From < first.Zxid:
				return []client.Event{e}, nil
			case e.Zxid != first.Zxid || e.Type == client.EventGap:
				t.ahead = &e
				return events, nil
			}
			events = append(events, e)
		default:
			if t.watch.Zxid() >= first.Zxid {
				return events, nil
			}
			// The answer comes behind everything that it shows.
			if _, _, err := t.c.Exists(ctx, t.path, local); err != nil && !again(ctx, t.c, err) {
				return nil, err
			}
		}
	}
}

func (t *transactions) take(ctx context.Context) (client.Event, error) {
	if e := t.ahead; e != nil {
		t.ahead = nil
		return *e, nil
	}
	select {
	case e, open := <-t.watch.C():
		if !open {
			return e, t.watch.Err()
		}
		return e, nil
	case <-ctx.Done():
		return client.Event{}, ended(ctx)
	}
}

// again reports whether a read that has failed with err is to be made again by somebody who has all the time: its session has
// ended and is followed by another (Config.Renew), or the list took longer than the servers remember. An error of ctx, whatever
// its cause, is none of these.
func again(ctx context.Context, c *client.Client, err error) bool {
	state, _ := c.State()
	return ctx.Err() == nil && !state.Final() && (errors.Is(err, client.ErrSessionExpired) || errors.Is(err, client.ErrCompacted))
}

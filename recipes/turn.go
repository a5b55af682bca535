package recipes

import (
	"context"
	"errors"
	"strconv"

	"github.com/coxswain-io/coxswain/client"
)

// turn is somebody's place in the queue of a semaphore, on the way to permits.
type turn struct {
	place
	alone bool   // nobody else was in the queue
	of    string // path of the semaphore
	n     int    // permits that it wants
	asked int    // how many there are, as the user says; 0: as the service says
	limit limit
}

// limit is the number of permits of a semaphore.
type limit struct {
	permits int         // 0: what the node holds is no number
	mzxid   client.Zxid // as of
}

func limitOf(data []byte, stat client.Stat) limit { return limit{permitsOf(data), stat.Mzxid} }

// await returns the permits when they are granted, and the place is gone then. If wait is false it fails with [ErrHeld] rather
// than wait. If it fails the place is there.
func (t *turn) await(ctx context.Context, c *client.Client, wait bool) (place, error) {
	if err := t.possible(); err != nil {
		return place{}, err
	}
	if !t.alone {
		by := predecessor
		if !wait {
			by = nobody
		}
		if err := t.wait(ctx, c, by); err != nil {
			return place{}, err
		}
	}
	// At the head. Whoever was ahead has left, with or without permits: this server has seen that, and so it shows all that were
	// granted. There can only become fewer of them, and the watch tells when.
	var own, changed *client.Watch
	defer func() { closeWatch(own); closeWatch(changed) }()
	for {
		var released *client.Watch
		out, err := permitsOut(ctx, c, t.of, local, client.WithWatch(&released))
		if err == nil && t.n <= t.limit.permits-out {
			closeWatch(released)
			permit, err := t.grant(ctx, c)
			if !errors.Is(err, errResized) {
				return permit, err
			}
			if err := t.look(ctx, c, client.AtLevel(client.Linearizable)); err != nil {
				return place{}, err
			}
			continue
		}
		if err == nil && !wait {
			err = heldPermits(out, t.limit.permits)
		}
		if err == nil {
			err = t.change(ctx, c, released, &own, &changed)
		}
		closeWatch(released)
		if err != nil {
			return place{}, err
		}
	}
}

// change returns when permits were released, or their number is another, or something has happened to the place. It sets the
// two watches that are nil, and sets them to nil when they have fired.
func (t *turn) change(ctx context.Context, c *client.Client, released *client.Watch, own, changed **client.Watch) error {
	if err := t.guard(ctx, c, own); err != nil {
		return err
	}
	if *changed == nil {
		before := t.limit
		if err := t.look(ctx, c, local, client.WithWatch(changed)); err != nil || t.limit != before {
			return err
		}
	}
	select {
	case _, fired := <-released.C():
		if !fired {
			return released.Err()
		}
	case _, fired := <-(*own).C():
		if !fired {
			return (*own).Err()
		}
		*own = nil
	case _, fired := <-(*changed).C():
		if !fired {
			return (*changed).Err()
		}
		*changed = nil
	case <-ctx.Done():
		return ended(ctx)
	}
	return nil
}

// look reads the number of permits again, and fails if there will never be enough of them.
func (t *turn) look(ctx context.Context, c *client.Client, options ...client.ReadOption) error {
	n, err := c.Get(ctx, t.of, options...)
	if errors.Is(err, client.ErrNoNode) {
		return t.lost(c) // its parent is
	} else if err != nil {
		return err
	}
	t.limit = limitOf(n.Data, n.Stat)
	return t.possible()
}

// errResized is the error of a grant that counted with another number of permits than there are.
var errResized = errors.New("the number of permits has changed")

// grant exchanges the place for permits.
func (t *turn) grant(ctx context.Context, c *client.Client) (place, error) {
	permits := join(t.of, permitsName)
	exchange := func(ctx context.Context) (place, error) {
		results, err := c.Multi(ctx,
			client.CheckOp(t.of, client.IfMzxid(t.limit.mzxid)),
			t.remove(),
			client.CreateOp(join(permits, permitPrefix), []byte(strconv.Itoa(t.n)), client.Ephemeral(), client.Sequential(), client.ContainerParents()))
		if err != nil {
			return place{}, err
		}
		return newPlace(permits, results[2]), nil
	}
	permit, err := obtain(ctx, exchange, func(ctx context.Context, permit place) error { return takeBack(ctx, c, []node{permit.node}) })
	if refused, ok := errors.AsType[*client.Error](err); ok && raced(err) {
		switch refused.Index {
		case 0:
			err = errResized
		case 1:
			err = t.lost(c)
		}
	}
	return permit, err
}

// possible fails if there will never be enough permits, unless somebody changes their number.
func (t *turn) possible() error {
	switch {
	case t.limit.permits == 0:
		return &PermitsError{Asked: t.asked}
	case t.n > t.limit.permits:
		return tooMany(t.n, t.limit.permits)
	}
	return nil
}

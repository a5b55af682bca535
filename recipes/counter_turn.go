package recipes

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// counterTurn is the place of a process in the line of those who were overtaken at a counter. Nothing depends on it but that each
// gets through.
type counterTurn struct {
	had   bool   // it was taken, for this write
	place *place // it still is
}

// terms returns on which further conditions a write depends, and what is done with it: who has not been in line must not overtake
// those who are, and who is leaves it. Who has waited for too long goes past it.
func (t *counterTurn) terms(line string) (others, then []client.Op) {
	switch {
	case t.place != nil:
		return nil, []client.Op{t.place.remove()}
	case !t.had:
		return []client.Op{client.AbsentOp(line)}, nil
	}
	return nil, nil
}

// take gets in line and waits until the turn has come, or the time for that is over. The line is made with the place, and nothing
// above it: if the counter is not there any more, neither is anybody who could be in the way.
func (t *counterTurn) take(ctx context.Context, c *client.Client, line string) error {
	t.had = true
	results, err := c.Multi(ctx,
		client.CreateOp(line, nil, client.Container(), client.IfAbsent()),
		client.CreateOp(join(line, turnPrefix), nil, client.Ephemeral(), client.Sequential()),
		client.GetOp(line))
	if errors.Is(err, client.ErrNoNode) {
		return nil
	} else if err != nil {
		return err
	}
	p := newPlace(line, results[1])
	if t.place = &p; results[2].Stat.NumChildren == 1 {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, counterTurnMax)
	defer cancel()
	switch err := p.wait(short, c, predecessor); {
	case errors.Is(err, ErrLost):
		t.place = nil
	case err != nil && short.Err() == nil:
		return err
	}
	return nil
}

// leave gives the place back if it was not used.
func (t *counterTurn) leave(ctx context.Context, c *client.Client) {
	if t.place != nil {
		withdraw(ctx, c, []place{*t.place})
	}
}

package recipes

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// Barrier holds back any number of processes until somebody lifts it.
//
//	/barriers/import    persistent: the barrier is raised while it is there
//
// Raising and lifting cost a write each, waiting a read and one watch on the node: lifting wakes everybody who waits, which is
// what it is for.
//
// What it guarantees: Wait returns only if the barrier was down at some moment after Wait was called; and it does return
// when the barrier was lifted, also if somebody raises it again at once. What it cannot: keep anybody behind it who does not
// ask. It belongs to nobody: if the process that has raised it dies it stays, and anybody may lift it.
//
// It is Curator's DistributedBarrier. A Barrier is stateless, all methods may be called from any goroutine, and waiting goes
// on over reconnects and, with client.Config.Renew, over the end of a session.
type Barrier struct {
	c    *client.Client
	path string
}

// NewBarrier returns the barrier at path, whose parents need not exist. It does not ask the service.
func NewBarrier(c *client.Client, path string) *Barrier { return &Barrier{c: c, path: path} }

// Raise raises the barrier, if it is not raised already. Errors: ctx's cause, those of [client.Client.Create].
func (b *Barrier) Raise(ctx context.Context) error {
	_, _, err := b.c.Create(ctx, b.path, nil, client.IfAbsent(), client.ContainerParents())
	return failed("raise", b.path, err)
}

// Lift lifts the barrier, if it is raised: everybody who waits goes on. Errors: ctx's cause, client.ErrSessionExpired,
// client.ErrNotEmpty if somebody has put nodes below it.
func (b *Barrier) Lift(ctx context.Context) error {
	err := b.c.Delete(ctx, b.path)
	if errors.Is(err, client.ErrNoNode) {
		return nil
	}
	return failed("lift", b.path, err)
}

// Wait returns nil at once if the barrier is not raised, and otherwise when it has been lifted. If ctx ends first it fails
// with its cause. Other errors: the end of the session without client.Config.Renew.
func (b *Barrier) Wait(ctx context.Context) error {
	return failed("wait", b.path, awaitAbsence(ctx, b.c, b.path, 0))
}

// awaitAbsence returns nil when the node at path is not there, or is another one than czxid has created, or than was found there
// first if czxid is 0.
func awaitAbsence(ctx context.Context, c *client.Client, path string, czxid client.Zxid) error {
	for {
		var w *client.Watch
		stat, there, err := c.Exists(ctx, path, client.AtLevel(client.Linearizable), client.WithWatch(&w))
		if again(ctx, c, err) {
			continue
		}
		if err != nil {
			return err
		}
		if czxid == 0 {
			czxid = stat.Czxid
		}
		if !there || stat.Czxid != czxid {
			w.Close()
			return nil
		}
		// Whether it was an event or, with the session, the end of the watch: the next read tells how it stands, or why not.
		select {
		case <-w.C():
		case <-ctx.Done():
			w.Close()
			return ended(ctx)
		}
	}
}

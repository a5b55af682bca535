package consensus

import (
	"context"
	"net"
	"time"

	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// messageLink carries messages to one member. It implements IConnection. Dragonboat opens and closes it, and uses it from
// one goroutine.
//
// When its connection ends it makes another one by itself, and what it is given until then is lost, which Raft expects of
// a network. An error would make Dragonboat wait for 0.25 to 1.5 seconds before it connects again: for so long a member
// that was started again would not hear of the leader.
type messageLink struct {
	t      *transport
	ctx    context.Context // Dragonboat's, see transport.link
	target string
	link   *link // nil: there is no connection

	tried time.Time     // when a connection was last made or attempted
	pause time.Duration // from then until the next attempt
}

// GetConnection implements ITransport.
func (t *transport) GetConnection(ctx context.Context, target string) (raftio.IConnection, error) {
	l := &messageLink{t: t, ctx: ctx, target: target}
	if err := l.connect(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *messageLink) connect() error {
	defer func() { l.tried = time.Now() }() // at the end: an attempt itself may take longer than a pause
	fresh, err := l.t.link(l.ctx, l.target)
	if err != nil {
		return err
	}
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.t.closed {
		fresh.unhook()
		fresh.conn.Close()
		return net.ErrClosed
	}
	l.t.links[l.target]++
	l.link = fresh
	// Nothing ever comes back on it but its end. To notice that at once, not at the next message, keeps a message
	// from being written into a connection that nobody reads any more.
	l.t.running.Go(func() {
		var b [1]byte
		fresh.conn.Read(b[:])
		fresh.conn.Close()
	})
	return nil
}

// SendMessageBatch writes batch as one frame with one write. It is not retained. Without a connection it is lost; errors
// are those after which another connection would be of no use.
func (l *messageLink) SendMessageBatch(batch raftpb.MessageBatch) error {
	for attempt := 0; ; attempt++ {
		if l.link != nil {
			err := l.link.send(frameMessages, batch.SizeUpperLimit(), &batch)
			if err == nil || err == errTooLarge {
				return err
			}
			l.disconnect()
		}
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if attempt > 0 || !l.reconnect() {
			return nil
		}
	}
}

// reconnect makes another connection if it is time to try. It reports whether there is one.
func (l *messageLink) reconnect() bool {
	if time.Since(l.tried) < l.pause {
		return false
	}
	l.pause = min(max(2*l.pause, reconnectAfter), reconnectAfterMax)
	err := l.connect()
	if err != nil {
		l.t.unreachable(l.target, err)
	}
	return err == nil
}

func (l *messageLink) disconnect() {
	if time.Since(l.tried) > reconnectAfterMax {
		l.pause = 0 // it has held
	}
	l.link.unhook()
	l.link.conn.Close()
	l.link = nil
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.t.links[l.target]--; l.t.links[l.target] == 0 {
		delete(l.t.links, l.target)
	}
}

// Close closes the connection.
func (l *messageLink) Close() {
	if l.link != nil {
		l.disconnect()
	}
}

// unreachable reports that a connection could not be made again.
func (t *transport) unreachable(target string, err error) {
	if t.context.Err() != nil {
		return
	}
	if passed, missed := t.stats.outages.pass(time.Now()); passed {
		t.log.Warn().Err(err).Str("member", target).Int("suppressed", missed).Msg("member cannot be reached, trying again")
	}
}

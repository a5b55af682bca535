package server

import (
	"fmt"
	"runtime/debug"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// What a client has sent must not end the process for the others, whatever mistake of ours it meets. So a panic ends no more
// than the connection where the code that may panic has changed nothing but what is the connection's own, and holds no lock:
//
//   - taking in: reading from the socket and decoding (containReader),
//   - answering a read: the state is only looked at, and who holds the locks gives them back (containAnswer),
//   - sending, by the writer (containWriter). What the reader sends in passing (flush) is not contained: the writer would wait for
//     its turn for ever. It is a dozen lines that look at no content.
//
// Everywhere else a panic ends the process: it might have left half a change in what many share, the watches, the open batch,
// the lease, or a lock that nobody would give back. And one in the course of applying an entry must: going on would skip a part
// of it here and not elsewhere. To answer a read is no part of that, also where an entry waits for it.

// failedOn is what a client is told by a server that has a mistake.
const failedOn = "the server has failed on what this client has sent: its log tells where"

// containReader ends c if its reader has panicked while it touched nothing that is shared. It must be deferred.
func (c *conn) containReader() {
	if !c.takingIn {
		return // no recover: the panic goes on
	}
	if p := recover(); p != nil {
		c.failed("taking in", p)
		c.end(wire.CodeRuntimeInconsistency, failedOn)
	}
}

// containAnswer answers the request xid with an error and ends c if answering it has panicked, and not in the watches, which
// are shared. out had mark bytes before the answer. It must be deferred where the state's lock and c.mu are held and stay so.
func (c *conn) containAnswer(xid wire.Xid, mark int) {
	if c.inWatches {
		return // no recover: the panic goes on
	}
	if p := recover(); p != nil {
		c.failed("answering", p)
		c.out = c.out[:min(mark, len(c.out))]
		// With an answer the client does not ask the next server the same.
		c.fail(xid, c.srv.st.Zxid(), wire.CodeRuntimeInconsistency, &znode.Error{Detail: failedOn})
		c.goodbyeLocked(wire.CodeRuntimeInconsistency, failedOn)
	}
}

// containWriter ends c if its writer has panicked while it touched nothing that is shared. It must be deferred.
func (c *conn) containWriter() {
	if !c.sendingOut {
		return // no recover: the panic goes on
	}
	if p := recover(); p != nil {
		c.failed("sending", p)
		c.mu.Lock()
		c.refuseAll()
		c.mu.Unlock()
	}
}

// failed counts and logs a panic that ends a connection and nothing else.
func (c *conn) failed(doing string, p any) {
	c.srv.metrics.panics.Inc()
	c.srv.log.Error().Str("doing", doing).Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).
		Stringer("client", c.socket.RemoteAddr()).Msg("a mistake in the server: one connection ends because of it. Please report it")
}

// lockWatches takes the watches' lock for answering: until unlockWatches a panic is not contained. The caller holds c.mu.
func (c *conn) lockWatches() {
	c.srv.watchMu.Lock()
	c.inWatches = true
}

func (c *conn) unlockWatches() {
	c.inWatches = false
	c.srv.watchMu.Unlock()
}

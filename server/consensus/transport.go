package consensus

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/rs/zerolog"
)

// transport carries Dragonboat's messages and snapshots and answers census questions, all on the raft port. It is also
// the factory that hands itself to Dragonboat, which starts and closes it.
type transport struct {
	// Immutable after Create.
	listener net.Listener
	creds    *credentials // nil: plaintext
	insecure bool         // plaintext is allowed beyond loopback
	vet      *vetting
	answer   func(censusQuestion) censusAnswer
	connect  func(ctx context.Context, network, addr string) (net.Conn, error) // Config.Dial
	log      zerolog.Logger
	stats    *stats
	messages raftio.MessageHandler
	chunks   raftio.ChunkHandler
	self     censusQuestion  // what to ask a stranger: about this replica
	meetings chan meeting    // nil unless this replica waits to be added to a cluster
	context  context.Context // ends when the transport closes
	cancel   context.CancelFunc

	running sync.WaitGroup // the accept loop, every connection's goroutine, and those that ask strangers

	// held keeps everything but the census from Dragonboat until the replica may run.
	held atomic.Bool
	// heardAt is when the last message from a replica came, as time since born.
	heardAt atomic.Int64
	born    time.Time // immutable

	mu      sync.Mutex
	closed  bool
	inbound map[net.Conn]struct{}
	links   map[string]int      // open connections for messages, by the address they lead to
	heard   map[uint64]struct{} // replicas from which a Raft message has come
	asking  map[uint64]struct{} // strangers who are being asked who they are
}

func newTransport(listener net.Listener, creds *credentials, insecure bool, vet *vetting, answer func(censusQuestion) censusAnswer, log zerolog.Logger, stats *stats) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	return &transport{
		listener: listener, creds: creds, insecure: insecure, vet: vet, answer: answer, connect: plainDial, log: log, stats: stats,
		context: ctx, cancel: cancel,
		inbound: make(map[net.Conn]struct{}), links: make(map[string]int), heard: make(map[uint64]struct{}),
		asking: make(map[uint64]struct{}), born: time.Now(),
	}
}

// Create implements Dragonboat's TransportFactory.
func (t *transport) Create(_ config.NodeHostConfig, messages raftio.MessageHandler, chunks raftio.ChunkHandler) raftio.ITransport {
	t.messages, t.chunks = messages, chunks
	return t
}

// Validate implements Dragonboat's TransportFactory: it reports whether addr can be a member's address.
func (t *transport) Validate(addr string) bool { return validAddr(addr) }

// Name implements ITransport.
func (t *transport) Name() string { return "coxswain-tcp" }

// Start implements ITransport: from here on connections are served.
func (t *transport) Start() error {
	t.running.Go(t.accept)
	return nil
}

// Close implements ITransport. It waits for all goroutines of the transport.
func (t *transport) Close() error {
	t.mu.Lock()
	t.closed = true
	for c := range t.inbound {
		c.Close()
	}
	t.mu.Unlock()
	t.cancel()
	err := t.listener.Close()
	t.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// accept survives every error but the end of the listener: without descriptors the port must come back by itself.
func (t *transport) accept() {
	pause := acceptPauseMin
	for {
		c, err := t.listener.Accept()
		if err != nil {
			if t.context.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			t.log.Warn().Err(err).Dur("pause", pause).Msg("raft port cannot accept connections for now")
			select {
			case <-time.After(pause):
			case <-t.context.Done():
				return
			}
			pause = min(2*pause, acceptPauseMax)
			continue
		}
		pause = acceptPauseMin
		t.mu.Lock()
		if t.closed || len(t.inbound) >= inboundMax {
			t.mu.Unlock()
			t.stats.connectionsRefused.Inc()
			c.Close()
			continue
		}
		t.inbound[c] = struct{}{}
		t.running.Go(func() { t.serve(c) })
		t.mu.Unlock()
	}
}

// serve reads one incoming connection until it ends or breaks the rules.
func (t *transport) serve(c net.Conn) {
	raw := c
	defer func() {
		t.mu.Lock()
		delete(t.inbound, raw)
		t.mu.Unlock()
		raw.Close()
	}()
	if t.creds != nil {
		secured := tls.Server(raw, t.creds.serverConfig())
		ctx, cancel := context.WithTimeout(t.context, handshakeTimeout)
		err := secured.HandshakeContext(ctx)
		cancel()
		if err != nil {
			if t.context.Err() == nil {
				t.refused(raw, frameError("TLS handshake: "+err.Error()))
			}
			return
		}
		c = secured
	}
	if err := t.receive(c); err != nil && t.context.Err() == nil {
		t.refused(raw, err)
	}
	if c != raw {
		c.Close() // sends the end of the TLS stream, for which a snapshot's sender waits
	}
}

// refused counts and reports a connection that was closed for what came on it; that a peer went away is not news.
func (t *transport) refused(c net.Conn, err error) {
	var broken frameError
	if !errors.As(err, &broken) {
		t.log.Debug().Err(err).Stringer("peer", c.RemoteAddr()).Msg("connection to the raft port ended")
		return
	}
	t.stats.framesRefused.Inc()
	if passed, missed := t.stats.refusals.pass(time.Now()); passed {
		t.log.Warn().Err(err).Stringer("peer", c.RemoteAddr()).Int("suppressed", missed).Msg("connection to the raft port refused")
	}
}

// receive hands on frame after frame. It returns nil at a clean end.
func (t *transport) receive(c net.Conn) error {
	var heard uint64 // the replica last marked as heard, so that the lock is taken once per connection
	frames := frameReader{r: bufio.NewReaderSize(c, growBytes)}
	frames.begun = func(payloadBytes int) { c.SetReadDeadline(time.Now().Add(transferTime(payloadBytes))) }
	wait := handshakeTimeout
	for {
		c.SetReadDeadline(time.Now().Add(wait))
		kind, payload, err := frames.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		wait = idleTimeout
		switch kind {
		case frameMessages:
			batch, err := decodeBatch(payload)
			if err != nil {
				return frameError("undecodable messages: " + err.Error())
			}
			claimed := batch.SourceAddress
			if n := t.vet.batch(&batch); n > 0 {
				t.stats.messagesRefused.Add(n)
			}
			if len(batch.Requests) == 0 {
				continue
			}
			from := batch.Requests[0].From
			if from != heard {
				heard = from
				t.mark(from)
			}
			t.heardAt.Store(int64(time.Since(t.born)))
			held := t.held.Load()
			if held && t.meetings != nil || batch.SourceAddress == "" && t.vet.stranger(from) {
				t.meet(from, claimed)
			}
			if !held {
				t.messages(batch)
			}
		case frameChunk:
			chunk, err := decodeChunk(payload)
			if err != nil {
				return frameError("undecodable piece of a snapshot: " + err.Error())
			}
			if err := t.vet.chunk(&chunk); err != nil {
				return err
			}
			if t.held.Load() {
				return errHeld
			}
			if !t.chunks(chunk) {
				return frameError("piece of a snapshot rejected")
			}
		case frameQuestion:
			question, err := decodeQuestion(payload)
			if err != nil {
				return err
			}
			frame := t.answer(question).frame()
			c.SetWriteDeadline(time.Now().Add(transferTime(len(frame))))
			if _, err := c.Write(frame); err != nil {
				return err
			}
		default:
			return frameError("an answer to no question")
		}
	}
}

// mark notes that a replica has spoken, and so has run.
func (t *transport) mark(replica uint64) {
	t.mu.Lock()
	t.heard[replica] = struct{}{}
	t.mu.Unlock()
}

// hasHeard reports whether a Raft message of replica has come since this process started.
func (t *transport) hasHeard(replica uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.heard[replica]
	return ok
}

// silent is how long no message of another replica has come.
func (t *transport) silent() time.Duration {
	return time.Since(t.born) - time.Duration(t.heardAt.Load())
}

// reachable reports whether a connection for messages to addr is open.
func (t *transport) reachable(addr string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links[addr] > 0
}

// transferTime is how long n bytes may take.
func transferTime(n int) time.Duration {
	return frameTimeout + time.Duration(n>>20)*frameTimePerMiB
}

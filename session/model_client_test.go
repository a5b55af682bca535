package session

import (
	"encoding/binary"
	"fmt"
)

type messageKind uint8

const (
	// To a server.
	hello messageKind = iota
	ping
	write
	bye
	// To a client.
	welcome
	answered
	refused // the connection is of no use
	over    // so is the session
)

// message is one of either direction. Messages of a connection can overtake each other, be lost and be doubled: more
// than TCP allows, so that nothing rests on it.
type message struct {
	kind      messageKind
	client    int
	session   int // the client's count of its sessions
	boot      Boot
	id        ID
	attempt   Attempt // the connection
	request   uint64
	seq, ack  Seq
	payload   uint64
	timeoutMS int64
	secret    Secret
	code      Code
	last      Seq
	reply     []byte
}

func (w *world) deliverMessage(c, s, way int, e event) {
	for range 2 {
		if w.now >= w.cut[c][s][way] && !w.chance(w.loss) {
			delay := 1 + w.Int64N(20)
			if w.chance(w.late) {
				delay += w.Int64N(w.lateMS)
			}
			w.at(w.now+delay, e)
		}
		if !w.chance(w.dup) {
			return
		}
	}
}

// client is one client of the model. It opens a session, pings, writes, moves, and now and then closes and starts again.
type client struct {
	w           *world
	index       int
	clock       clock
	pausedUntil int64
	left        bool // it must leave its connection
	dead        bool // it does nothing any more

	session   int // counts its sessions
	belief    Belief
	id        ID // 0 until welcomed
	timeoutMS int64
	secret    Secret
	closing   bool

	to         peer
	before     peer // the connection before, which some clients keep until the next one is welcomed
	connected  bool // welcomed on the present connection
	request    uint64
	pinged     uint64 // the newest ping
	heardAt    Mono   // the newest answer on this connection, or its beginning
	resent     map[uint64]Mono
	nextSeq    Seq
	ack        Seq
	unanswered []pendingWrite
}

// peer is the far end of a connection.
type peer struct {
	server  int
	boot    Boot // of the server when the connection began
	attempt Attempt
}

type pendingWrite struct {
	seq     Seq
	request uint64
}

func (c *client) now() Mono { return c.clock.at(c.w.now) }

// renew gives up the session, if any, for another.
func (c *client) renew() {
	w := c.w
	c.session++
	c.belief = Belief{}
	c.id, c.closing, c.connected, c.request, c.nextSeq, c.ack = 0, false, false, 0, 1, 0
	c.unanswered, c.resent, c.pinged, c.before = c.unanswered[:0], nil, 0, peer{}
	c.timeoutMS = MinTimeoutMS + w.Int64N(3)*w.Int64N(1500)
	c.secret = Secret{byte(c.index), byte(c.session), byte(c.session >> 8)}
	c.left = true
}

// think is the client's ticker.
func (c *client) think() {
	w := c.w
	if c.dead {
		return
	}
	if w.now < c.pausedUntil {
		w.at(c.pausedUntil, event{kind: eventThink, whom: c.index})
		return
	}
	w.at(w.now+c.timeoutMS/8+w.Int64N(c.timeoutMS/6), event{kind: eventThink, whom: c.index})
	now := c.now()
	if w.calm && c.connected && !c.closing && !c.belief.Valid(now) {
		w.seen.calmDoubts++
	}
	switch {
	case c.left || now-c.heardAt > Mono(c.timeoutMS*w.patience/8):
		if c.id == 0 && c.belief.Attempt() > 0 {
			c.renew() // whatever came of the Open, nobody knows its id
		}
		c.connect()
	case !c.connected:
		if w.clinging && c.before.attempt > 0 && c.id != 0 {
			c.request++
			c.belief.Sent(c.request, now)
			c.sendTo(c.before, message{kind: ping, request: c.request})
		}
	case c.pinged != 0 && !w.calm && w.IntN(3) == 0:
		c.again(c.pinged)
		c.send(message{kind: ping, request: c.pinged})
	default:
		c.request++
		c.pinged = c.request
		c.belief.Sent(c.request, now)
		c.send(message{kind: ping, request: c.request})
	}
	if !c.connected {
		return
	}
	switch {
	case len(c.unanswered) > 0 && w.IntN(4) == 0:
		p := c.unanswered[w.IntN(len(c.unanswered))]
		c.again(p.request)
		c.write(p)
	case len(c.unanswered) < 4 && !c.closing && w.IntN(3) == 0:
		c.request++
		c.belief.Sent(c.request, now)
		p := pendingWrite{c.nextSeq, c.request}
		c.nextSeq++
		c.unanswered = append(c.unanswered, p)
		c.write(p)
		if w.IntN(60) == 0 {
			c.close()
		}
	case c.closing:
		c.close()
	}
}

// connect begins another connection, often to another server.
func (c *client) connect() {
	w := c.w
	if c.connected {
		c.before = c.to
	}
	c.left, c.connected, c.pinged = false, false, 0
	if w.IntN(4) > 0 {
		c.to.server = w.IntN(len(w.servers))
	}
	c.to.boot = w.servers[c.to.server].boot
	c.heardAt = c.now()
	c.to.attempt = c.belief.Begin(c.now())
	m := message{kind: hello, secret: c.secret, timeoutMS: c.timeoutMS}
	c.send(m)
	if c.id != 0 && w.IntN(8) == 0 {
		c.send(m)
	}
}

func (c *client) send(m message) { c.sendTo(c.to, m) }

func (c *client) sendTo(p peer, m message) {
	m.client, m.session, m.boot, m.id, m.attempt = c.index, c.session, p.boot, c.id, p.attempt
	c.w.deliverMessage(c.index, p.server, 0, event{kind: eventRequest, whom: p.server, msg: m})
}

func (c *client) write(p pendingWrite) {
	c.send(message{kind: write, request: p.request, seq: p.seq, ack: c.ack, payload: uint64(p.seq)<<8 | uint64(c.index)})
}

// close asks for the end of the session, as the write that comes next.
func (c *client) close() {
	c.closing = true
	c.belief.Ended()
	c.request++
	c.send(message{kind: bye, request: c.request, seq: c.nextSeq, ack: c.ack})
	if c.w.IntN(3) == 0 {
		c.renew()
	}
}

// again notes that a request is sent once more.
func (c *client) again(request uint64) {
	c.belief.Sent(request, c.now())
	if c.w.flaw == beliefFromResending {
		if c.resent == nil {
			c.resent = map[uint64]Mono{}
		}
		c.resent[request] = c.now()
	}
}

func (c *client) receive(m message) {
	w := c.w
	if w.now < c.pausedUntil {
		w.at(c.pausedUntil+w.Int64N(5), event{kind: eventResponse, whom: c.index, msg: m})
		return
	}
	if c.dead || m.session != c.session {
		return
	}
	if m.kind == over {
		if c.id != 0 && !w.log.ends[c.id] {
			w.violated(fmt.Sprintf("client %d was told that its session %v is over, and it is not", c.index, c.id))
		}
		c.renew()
		return
	}
	if m.attempt != c.belief.Attempt() {
		if w.flaw == oldConnectionsCount && c.id != 0 && (m.kind == answered || m.kind == welcome) {
			c.counts(m)
		}
		return
	}
	switch m.kind {
	case welcome:
		if !c.connected {
			c.connected, c.id = true, m.id
			c.pinged = 0
			for _, p := range c.unanswered { // send again what is still open, in order
				c.again(p.request)
				c.write(p)
			}
		}
		c.heardAt = c.now()
		c.belief.Welcomed(m.attempt, m.timeoutMS)
	case answered:
		c.heardAt = c.now()
		c.outcome(m)
		c.counts(m)
	case refused:
		c.left = true
	}
	if w.flaw == noMargin {
		c.extend(c.belief.validUntil + Mono(c.timeoutMS) - shortened(c.timeoutMS))
	}
	w.checkBelief(c)
}

// counts is Belief.Answered, with what is planted.
func (c *client) counts(m message) {
	switch c.w.flaw {
	case beliefFromReply:
		c.extend(c.now() + shortened(c.timeoutMS))
	case oldConnectionsCount:
		now, welcomed := c.belief.attempt, c.belief.welcomed
		c.belief.welcomed = true
		c.belief.Answered(now, m.request)
		c.belief.welcomed = welcomed
		c.w.checkBelief(c)
		return
	case beliefFromResending:
		if at, ok := c.resent[m.request]; ok {
			c.extend(at + shortened(c.timeoutMS))
		}
	}
	c.belief.Answered(m.attempt, m.request)
}

// extend plants a belief.
func (c *client) extend(until Mono) {
	if c.belief.valid {
		c.belief.validUntil = max(c.belief.validUntil, until)
	}
}

// outcome takes in the outcome of a write.
func (c *client) outcome(m message) {
	if m.seq == 0 {
		return
	}
	for i, p := range c.unanswered {
		if p.seq != m.seq {
			continue
		}
		if m.code == CodeGap {
			return // it is sent again
		}
		if c.w.log.took(c.id) < int(m.seq) {
			c.w.violated(fmt.Sprintf("write %d of session %v was answered before it took effect", m.seq, c.id))
		}
		if m.code != CodeOK || binary.LittleEndian.Uint64(m.reply)>>8 != uint64(m.seq) {
			c.w.violated(fmt.Sprintf("write %d of session %v got code %d and reply %x", m.seq, c.id, m.code, m.reply))
		}
		c.unanswered = append(c.unanswered[:i], c.unanswered[i+1:]...)
		break
	}
	c.ack = c.nextSeq - 1
	for _, p := range c.unanswered {
		c.ack = min(c.ack, p.seq-1)
	}
}

package session

// Belief is what a client may assume about its session: that it is alive for certain until ValidUntil. It is the client's
// side of the rules in the package comment. The zero value is a session not yet opened; each session has a Belief of its
// own. Times are readings of the client's monotonic clock. No call allocates.
type Belief struct {
	timeoutMS  int64
	attempt    Attempt // of the connection in use; 0: none yet
	welcomed   bool    // the service has attached the session by that attempt
	helloAt    Mono    // when that attempt was first sent
	validUntil Mono
	valid      bool // there is a validUntil

	// marks are first send times of requests not yet answered, oldest first, both fields ascending. A mark stands for all
	// requests from its own up to that of the next mark, so that no request seems sent later than it was.
	marks [marksMax]mark
	head  int
	count int
	sent  uint64 // the highest request number sent
}

type mark struct {
	request uint64
	at      Mono
}

// Begin numbers a new attempt to open (1) or attach the session, which is sent now on a new connection. From here on
// answers on older connections count for nothing: the session may already be attached elsewhere.
func (b *Belief) Begin(now Mono) Attempt {
	b.attempt++
	b.welcomed, b.helloAt = false, now
	return b.attempt
}

// Welcomed notes that the service attached the session by attempt a, with the timeout that it was given when it was opened.
// It reports whether a is the attempt in use; otherwise nothing happens.
func (b *Belief) Welcomed(a Attempt, timeoutMS int64) bool {
	if a != b.attempt || a == 0 {
		return false
	}
	b.welcomed, b.timeoutMS = true, timeoutMS
	b.answeredFrom(b.helloAt)
	return true
}

// Sent notes that a request is sent now on the connection in use. Numbers ascend, over all connections of the session. A
// request that is sent again, on the same connection or another, keeps its number, and with it the time of its first
// sending; numbering it anew is right only on another connection. Calls for several requests that are written at once may
// be made with one reading of the clock, taken before the write.
func (b *Belief) Sent(request uint64, now Mono) {
	if request <= b.sent {
		return
	}
	b.sent = request
	if b.count > 0 {
		newest := &b.marks[(b.head+b.count-1)%marksMax]
		newest.at = min(newest.at, now) // callers may have read the clock in another order
		if now-newest.at <= Mono(b.timeoutMS/marksMax) {
			return // counts as sent with the newest mark: a little earlier than it was
		}
	}
	if b.count == marksMax {
		b.dropMark() // sent so long ago that its answer would make nothing valid
	}
	b.marks[(b.head+b.count)%marksMax] = mark{request, now}
	b.count++
}

// Answered notes an answer, of whatever content, to request on the connection of attempt a. It counts only if that is the
// connection in use, on which the session has been attached. It takes no time: the moment of the answer means nothing.
func (b *Belief) Answered(a Attempt, request uint64) {
	if a != b.attempt || !b.welcomed || request > b.sent {
		return
	}
	for b.count > 1 && b.marks[(b.head+1)%marksMax].request <= request {
		b.dropMark()
	}
	if b.count > 0 && b.marks[b.head].request <= request {
		b.answeredFrom(b.marks[b.head].at)
	}
}

// Ended notes that the service has said that the session is over, or that the client has closed it.
func (b *Belief) Ended() { *b = Belief{attempt: b.attempt + 1} }

// Valid reports whether the session is certain to be alive now.
func (b *Belief) Valid(now Mono) bool { return b.valid && now < b.validUntil }

// ValidUntil is when that certainty ends unless another answer comes: the first sending of the newest request answered, plus
// the timeout, less the margin for unequal clocks. It is false if there was none yet. It never goes back.
func (b *Belief) ValidUntil() (Mono, bool) { return b.validUntil, b.valid }

// Attempt is the attempt of the connection in use; 0 if there was none.
func (b *Belief) Attempt() Attempt { return b.attempt }

func (b *Belief) answeredFrom(sentAt Mono) {
	if until := sentAt + shortened(b.timeoutMS); !b.valid || until > b.validUntil {
		b.validUntil, b.valid = until, true
	}
}

func (b *Belief) dropMark() {
	b.head = (b.head + 1) % marksMax
	b.count--
}

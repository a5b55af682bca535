package session

// Limits and times that replicas enforce together: constant, because every replica must decide the same.
const (
	// Window is the number of unacknowledged replies kept per session. Enough to keep a pipelining client busy for a
	// round trip of 10 ms at 100,000 writes per second; announced in the handshake.
	Window = 1024

	// WindowBytes is the size in bytes of the replies kept per session at which no further write is admitted. One reply
	// more than this can be retained.
	WindowBytes = 1 << 20

	// WindowsBytes is the size in bytes of the replies of all sessions together at which those that keep WindowShareBytes or
	// more are not admitted any further write until they acknowledge. Without it a million sessions could make every
	// server keep a terabyte.
	WindowsBytes = 256 << 20

	// WindowShareBytes is what a session may keep in any case, so that the greedy do not stop the others.
	WindowShareBytes = 4 << 10

	// MinTimeoutMS is the shortest session timeout: it must cover a change of leader, some 400 ms, and a few lost pings.
	MinTimeoutMS = 1_000

	// MaxTimeoutMS is the longest session timeout: for so long the ephemerals of a dead client stay.
	MaxTimeoutMS = 600_000

	// LeaseMS is how long a Beat keeps its server's lease. Six Beats, so that a change of leader or a slow disk does not
	// end it; it adds to the life of the sessions of a server that has died.
	LeaseMS = 3_000

	// MaxStepMS is the most that one Advance adds to the cluster clock. It is added to lease ends and deadlines because the
	// first Advance after them may count that much time from before. Twice the usual interval of Advances.
	MaxStepMS = 1_000

	// ExpirePerAdvance is the number of sessions that one Advance removes at most; each removal deletes ephemerals under
	// the state's lock. Later ones keep their order and go with the next Advance.
	ExpirePerAdvance = 1_000

	// SessionsMax bounds the sessions of a cluster: 240 bytes each, its name, and 512 more for one that has written.
	SessionsMax = 1 << 20

	// NameBytesMax is the longest name, in bytes, that is kept of a session; of a longer one the beginning is kept. Enough
	// for a program, a host and a process id, and no burden for a million sessions.
	NameBytesMax = 128

	// GraveKeepMS is how long, in ms of the cluster clock, it can be asked what became of the writes of a session that is
	// over: longer than a client needs to find out that its session has expired and to reach a server with a new one.
	GraveKeepMS = 10 * 60 * 1000

	// GravesMax bounds the sessions that are over and remembered, 200 bytes each. Beyond it the oldest is forgotten: more
	// than 100 ends in a second for GraveKeepMS are a storm, and those who ask, ask at once.
	GravesMax = 1 << 16

	// GraveBytesMax is the size in bytes of the replies that are kept of sessions that are over, each counted with the 48
	// bytes of its bookkeeping. Beyond it the oldest is forgotten. It is on top of WindowsBytes.
	GraveBytesMax = 64 << 20

	// GravesPerAdvance is the number of graves that one Advance drops at most for their age. More than ExpirePerAdvance, so
	// that old graves go faster than new ones come.
	GravesPerAdvance = 2 * ExpirePerAdvance

	// ServersMax bounds the replica ids that have ever run; their records are never removed, because an id must not come
	// back with an empty disk. 64 thousand replacements of 210 bytes.
	ServersMax = 1 << 16

	// ClockMax is the end of the cluster clock, in ms: 146 million years, and room to add a timeout.
	ClockMax Clock = 1 << 62
)

// Times and limits of one server or client.
const (
	// BeatEveryMS is the interval between a server's Beats while it has sessions.
	BeatEveryMS = 500

	// StallMS is the gap between two ticks of a server from which it takes itself to have been asleep: what its clients
	// sent meanwhile may still be unread. Half of MinTimeoutMS, and several ticks.
	StallMS = 500

	// ExpirePerTick bounds the sessions whose end one Tick of a server proposes, and so the size of that log entry.
	ExpirePerTick = 1_000

	// ClockMarginDivisor sets the margin for clocks that do not run at the same rate: what must end first (a client's
	// belief, a server's cover) ends 1/8 of the interval early. Safe while the fastest clock runs at most 8/7 times as fast
	// as the slowest. Crystals differ by less than 1/5,000, but a time daemon that corrects an offset slews the monotonic
	// clock too: ntpd by 1/2,000, chrony by up to 1/12 unless told otherwise, 12/11 in ratio. 1/8 covers that, the rounding
	// to milliseconds (at most 3 of the 125 at the shortest timeout), and costs a client that hears nothing an eighth of
	// its timeout.
	ClockMarginDivisor = 8

	// beatsRemembered bounds the Beats whose proposal time a server remembers. One older than a lease covers nothing, so
	// at BeatEveryMS six would do; the rest is for Beats out of turn.
	beatsRemembered = 16

	// marksMax bounds the send times that a client remembers. Marks are a 1/marksMax of the timeout apart, so the oldest is
	// forgotten only when its answer could not extend the belief any more.
	marksMax = 128

	// graveReplyBytes is what a reply in a grave costs besides its bytes: a slice of 24, and the rounding of what it refers
	// to. Without it the graves of sessions with many small replies would take several times GraveBytesMax.
	graveReplyBytes = 48

	// ringKeep is the number of reply slots that a session with no unacknowledged reply keeps: 16 of 32 bytes.
	ringKeep = 16
)

// shortened is an interval less the margin for unequal clocks.
func shortened(intervalMS int64) Mono { return Mono(intervalMS - intervalMS/ClockMarginDivisor) }

package planted

import "github.com/coxswain-io/coxswain/internal/overlay"

// edit replaces text in a file of this module.
func edit(file, before, after string) overlay.Replacement {
	return overlay.Replacement{File: file, Old: before, New: after}
}

// simulated is the simulation, for as many runs as fit into the time.
func simulated(words string) Suite {
	return Suite{Package: "./server/simulation", Run: "^TestHistories$",
		Args: []string{"-simulation.runs", "400", "-simulation.operations", "400"}, Words: words}
}

// Bugs is the set.
var Bugs = []Bug{
	{
		Name:   "skip-fsync",
		Breaks: "an acknowledged write is on disk: the log's newest segment is written and never synced",
		Edits: []overlay.Replacement{edit("server/consensus/segment.go",
			"err := s.syncData()", "err := error(nil)")},
		Suite: Suite{Package: "./server/consensus", Run: "^TestPowerLossOfOneServer$", Words: `power lost in sync .*|acknowledged .* is lost`},
	},
	{
		Name:   "forgotten-vote",
		Breaks: "a vote is on disk before it is given: it is saved with the next entries only",
		Edits: []overlay.Replacement{edit("server/consensus/logdb.go",
			`u.Term != known.Term || u.Vote != known.Vote`,
			`u.Term != known.Term`)},
		Suite: Suite{Package: "./server/consensus", Run: "Log|Thrifty|Power", Words: `vote`},
	},
	{
		Name:   "apply-twice",
		Breaks: "a write is applied exactly once: one that comes again is carried out again, and its reply not kept twice",
		Edits: []overlay.Replacement{
			edit("session/sequence.go", "return Replay, e.replies.at(int(seq - e.acked - 1)), CodeOK", "return Apply, nil, CodeOK"),
			edit("session/sequence.go", `if seq != e.last+1 {
		panic(`, `if seq <= e.last {
		return
	}
	if seq != e.last+1 {
		panic(`),
		},
		Suite: simulated(`\bP[123]\b`),
	},
	{
		Name:   "gap-accepted",
		Breaks: "a session's writes take effect in their order: one that comes before its time is carried out",
		Edits: []overlay.Replacement{
			edit("session/sequence.go", `	case seq != e.last+1:
		return Refuse, nil, CodeGap
`, ""),
			edit("session/sequence.go", "if seq != e.last+1 {", "if seq <= e.last {"),
		},
		Suite: Suite{Package: "./session", Run: "Sequence|Model", Args: []string{"-rapid.nofailfile"}, Words: `gap|order|twice|write`},
	},
	{
		Name:   "event-dropped",
		Breaks: "a watch tells every change: now and then one is not told",
		Edits: []overlay.Replacement{edit("server/replica.go",
			`func (s *Server) addFired(c *conn, t watch.Told) { s.firing = append(s.firing, fired{c, t}) }`,
			`func (s *Server) addFired(c *conn, t watch.Told) {
	if t.Event.Zxid%32 != 0 {
		s.firing = append(s.firing, fired{c, t})
	}
}`)},
		Suite: simulated(`\bP6`),
	},
	{
		Name:   "resume-off-by-one",
		Breaks: "a persistent watch goes on exactly behind the last event: on a new connection it leaves out the next transaction",
		Edits: []overlay.Replacement{edit("server/watch/replay.go",
			"from := max(s.spec.Since, r.done)", "from := max(s.spec.Since, r.done)\n\t\tif r.done == 0 && s.spec.Since < now {\n\t\t\tfrom++\n\t\t}")},
		Suite: simulated(`\bP6`),
	},
	{
		Name:   "local-read",
		Breaks: "a read is linearizable by default: it is answered from the server's own state, however old that is",
		Edits: []overlay.Replacement{edit("server/reader.go",
			"if c.queue.len() == 0 && req.Level == wire.Session && len(c.out) < outHighBytes {",
			"if c.queue.len() == 0 && len(c.out) < outHighBytes {")},
		Suite: simulated(`\bP1\b`),
	},
	{
		Name:   "barrier-of-another",
		Breaks: "a read waits for a barrier that began behind it: one that was under way already counts for it too",
		Edits: []overlay.Replacement{edit("server/reader.go",
			"c.barrier.confirmed = c.barrier.armed", "c.barrier.confirmed = c.barrier.wanted")},
		Suite: simulated(`\bP1\b`),
	},
	{
		Name:   "map-order",
		Breaks: "replicas are equal: which of several sessions ends first is left to the order of a map",
		Edits: []overlay.Replacement{
			edit("session/clock.go", "	for len(a.Expired) < ExpirePerAdvance {\n		e, ok := t.deadlines.Min()",
				"	for len(a.Expired) < 1 {\n		e, ok := t.deadlines.Min()\n		for _, other := range t.sessions {\n			if !other.attached && other.deadline <= t.clock {\n				e, ok = other, true\n				break\n			}\n		}"),
		},
		Suite: simulated(`\bP9\b|state differs`),
	},
	{
		Name:   "early-expiry",
		Breaks: "a session outlives its timeout of silence: its server ends it after half of it",
		Edits: []overlay.Replacement{edit("session/silence.go",
			"if due := heardAt + Mono(s.timeoutMS); due > now {", "if due := heardAt + Mono(s.timeoutMS/2); due > now {"),
			edit("session/host.go", "due: heardAt + Mono(timeoutMS)}", "due: heardAt + Mono(timeoutMS/2)}")},
		Suite: simulated(`\bP5\b`),
	},
	{
		Name:   "clock-runs-twice",
		Breaks: "the cluster clock never runs faster than time: steps that two servers have measured of the same time both count",
		Edits: []overlay.Replacement{
			edit("session/clock.go", "if from != t.clock || to <= from || from >= ClockMax {", "if to <= from || from >= ClockMax {"),
			edit("session/clock.go", "t.clock = from + min(to-from, MaxStepMS)", "t.clock += min(to-from, MaxStepMS)"),
		},
		Suite: Suite{Package: "./session", Run: "Model|Script|Clock|Lease", Args: []string{"-rapid.nofailfile"}, Words: `clock|believe|expired`},
	},
	{
		Name:   "lease-ignored",
		Breaks: "a server that is cut off answers nobody: its sessions are answered as long as they like",
		Edits: []overlay.Replacement{edit("session/host.go",
			"func (h *Host) Covered(now Mono) bool { return h.covered && now < h.coverUntil }",
			"func (h *Host) Covered(now Mono) bool { return h.covered }")},
		Suite: simulated(`\bP5\b`),
	},
	{
		Name:   "belief-from-the-answer",
		Breaks: "a client believes in its session no longer than the service: it counts from the answer and not from the question",
		Edits: []overlay.Replacement{edit("session/belief.go",
			"b.sent = request\n", "b.sent = request\n\tnow += Mono(b.timeoutMS / 2)\n")},
		Suite: simulated(`\bP5\b`),
	},
	{
		Name:   "ephemeral-left",
		Breaks: "ephemeral nodes end with their session: of several one is left behind",
		Edits: []overlay.Replacement{edit("znode/close.go",
			"for _, n := range doomed {", "for _, n := range doomed[:max(1, len(doomed)-1)] {")},
		Suite: simulated(`\bP(1|4)\b`),
	},
	{
		Name:   "abandoned-for-ever",
		Breaks: "a session without a client ends: its server finds it silent, and asks the others to end it only if there are more",
		Edits: []overlay.Replacement{edit("server/pulse.go",
			"	if len(expiries) > 0 {\n", "	if len(expiries) > 1 {\n")},
		Suite: simulated(`P4: .* after all clients have gone`),
	},
	{
		Name:   "torn-transaction",
		Breaks: "a transaction happens as a whole or not at all: what was done before the operation that failed is kept",
		Edits: []overlay.Replacement{edit("znode/apply.go",
			"		if err != nil {\n			t.rollBack()\n", "		if err != nil {\n			t.keep()\n")},
		Suite: simulated(`\bP1\b`),
	},
	{
		Name:   "fence-ignored",
		Breaks: "a lock can be enforced: the gate lets an older token in behind a newer one",
		Edits: []overlay.Replacement{edit("recipes/memorygate.go",
			"	after, err := r.marks.admit(resource, token, shared)\n	if err != nil {\n",
			"	after, err := r.marks.admit(resource, token, shared)\n	if err != nil {\n		err, after = nil, r.marks\n	}\n	if err != nil {\n")},
		Suite: Suite{Package: "./recipes", Run: "^TestLockCheck$", Args: []string{"-locks.cycles", "20"}, Words: `fence|token|admitted`},
	},
	{
		Name:   "sequence-reused",
		Breaks: "a sequence number is given once: it is the number of children that are there",
		Edits: []overlay.Replacement{edit("znode/create.go",
			"path, taken = withSuffix(op.Path, parent.created)", "path, taken = withSuffix(op.Path, parent.children)")},
		Suite: simulated(`\bP(1|10)\b|somebody chose the name`),
	},
}

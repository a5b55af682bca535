package main

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/recipes"
)

func whyVerb() *verb {
	return &verb{
		name: "why", args: "PATH…", argsMin: 1, argsMax: -1, paths: 1, group: "Coordination",
		summary: "tell who has a lock, a term or permits, who waits for whom, and in which sessions",
		options: []option{{"r", "recursive", "", "of everything at or below each PATH, as of one moment"}},
		details: `It knows locks, read-write locks, semaphores, elections and leases by the names of their nodes, and tells
of any other ephemeral node which session it belongs to. since is when a node was made, which for those in
line is when they asked; fence is the number of that transaction. When a session was last heard only the
server that it is attached to knows; the service ends it when that, or the server itself, has been silent
for the timeout. A session that is attached to no server ends when the time shown has passed. Names are
what clients call themselves, and not to be trusted.

With -r, or several paths, sessions that wait for each other in a circle are told too: a deadlock, unless
one of them does several things at a time, or, with several paths, which are looked at one after the
other, things have changed in between. With --json there is one object for each path, then one for each
circle.

  why /locks/backup
  why -r /locks
  kill-session 0x1f          takes it away from a session; see help kill-session`,
		run: runWhy,
	}
}

type explanationRecord struct {
	Path    string        `json:"path"`
	Purpose string        `json:"purpose"`
	Zxid    string        `json:"zxid"`
	Stat    *statRecord   `json:"stat,omitempty"`
	Claims  []claimRecord `json:"claims"`
	Permits int           `json:"permits,omitempty"`
	LeftMS  int64         `json:"left_ms,omitempty"`

	of recipes.Explanation
}

type claimRecord struct {
	Path     string              `json:"path"`
	Holds    bool                `json:"holds"`
	Shared   bool                `json:"shared,omitempty"`
	Permits  int                 `json:"permits,omitempty"`
	WaitsFor string              `json:"waits_for,omitempty"`
	Fence    string              `json:"fence"`
	SinceMS  int64               `json:"since_ms"`
	Session  *sessionEntryRecord `json:"session,omitempty"`
	Ended    bool                `json:"ended,omitempty"`
	*dataRecord
}

func newClaimRecord(c recipes.Claim) claimRecord {
	r := claimRecord{
		Path: c.Path, Holds: c.Holds, Shared: c.Shared, Permits: c.Permits, WaitsFor: c.WaitsFor,
		Fence: c.Stat.Czxid.String(), SinceMS: c.Stat.CtimeMS, Ended: c.Ended,
	}
	if c.Session.ID != 0 {
		s := newSessionEntryRecord(c.Session)
		r.Session = &s
	}
	if len(c.Data) > 0 {
		data := newDataRecord(c.Data)
		r.dataRecord = &data
	}
	return r
}

func newExplanationRecord(e recipes.Explanation) *explanationRecord {
	r := &explanationRecord{
		Path: e.Path, Purpose: string(e.Purpose), Zxid: e.Zxid.String(), Claims: []claimRecord{}, Permits: e.Permits,
		LeftMS: e.Left.Milliseconds(), of: e,
	}
	if e.Purpose != recipes.PurposeAbsent {
		r.Stat = newStatRecord(e.Stat)
	}
	for _, c := range e.Claims {
		r.Claims = append(r.Claims, newClaimRecord(c))
	}
	return r
}

func (r *explanationRecord) text(o *output) {
	o.printf("%s: %s\n", r.Path, summaryOf(r.of))
	if len(r.of.Claims) == 0 {
		return
	}
	rows := [][]string{{"", "node", "since", "fence", "session", "client", "session ends", "label"}}
	for _, c := range r.of.Claims {
		rows = append(rows, claimRow(r.of, c))
	}
	o.table("  ", rows)
}

// summaryOf is what a node is for, and how things stand, in one line.
func summaryOf(e recipes.Explanation) string {
	hold, wait := e.Holders(), len(e.Waiters())
	state := "free"
	if len(hold) > 0 {
		state = "held"
	}
	waiting := ""
	if wait > 0 {
		waiting = fmt.Sprintf(", %d waiting", wait)
	}
	switch e.Purpose {
	case recipes.PurposeAbsent:
		return "there is no such node: nobody holds it, nobody waits"
	case recipes.PurposeLock:
		if len(hold) > 0 && hold[0].Shared {
			state = "held by " + counted(int64(len(hold)), "reader")
		} else if len(hold) == 0 {
			state = "nobody's until the lock-delay is over"
		}
		return "a lock, " + state + waiting
	case recipes.PurposeElection:
		return fmt.Sprintf("an election, led by %s (session %s)%s", cmp.Or(hold[0].Session.Name, "?"), hold[0].Session.ID, waiting)
	case recipes.PurposeSemaphore:
		taken := 0
		for _, h := range hold {
			taken += h.Permits
		}
		return fmt.Sprintf("a semaphore, %d of %s taken%s", taken, counted(int64(e.Permits), "permit"), waiting)
	case recipes.PurposeMembers:
		return counted(int64(len(hold)), "member")
	case recipes.PurposePlace:
		return "a place in the line of " + path.Dir(e.Path)
	case recipes.PurposeEphemeral:
		return "a node of one session"
	case recipes.PurposeLease:
		return fmt.Sprintf("a node with a time to live, gone in about %v if nobody sets it", max(0, e.Left).Round(100*time.Millisecond))
	}
	return fmt.Sprintf("a %s node with %d children, none of which belongs to a session", e.Stat.Kind, e.Stat.NumChildren)
}

func claimRow(e recipes.Explanation, c recipes.Claim) []string {
	state := "holds"
	switch {
	case !c.Holds:
		state = "waits for " + below(e.Path, c.WaitsFor)
	case e.Purpose == recipes.PurposeElection:
		state = "leads"
	case e.Purpose == recipes.PurposeMembers || e.Purpose == recipes.PurposeEphemeral:
		state = "is there"
	}
	if c.Shared && e.Purpose == recipes.PurposeLock {
		state += " (shared)"
	}
	if c.Permits > 0 {
		state += " (" + counted(int64(c.Permits), "permit") + ")"
	}
	since := time.UnixMilli(c.Stat.CtimeMS)
	label := string(c.Data)
	if len(label) > labelShown {
		label = label[:labelShown] + "…"
	}
	return []string{
		state, below(e.Path, c.Path), since.Format(time.DateTime) + " (" + age(since) + ")", c.Stat.Czxid.String(),
		c.Session.ID.String(), cmp.Or(c.Session.Name, "?"), endOf(c), label,
	}
}

// below is a path as one below another.
func below(parent, path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, parent), "/")
}

// age is how long something has been, roughly.
func age(since time.Time) string {
	d := max(0, time.Since(since))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// endOf tells when a claim's session ends.
func endOf(c recipes.Claim) string {
	switch {
	case c.Ended:
		return "it has ended"
	case c.Session.Attached:
		return fmt.Sprintf("%v after its last sign (server %d)", c.Session.Timeout, c.Session.Server)
	default:
		return "in " + c.Session.Left.Round(100*time.Millisecond).String() + " unless it comes back"
	}
}

// holders are those who have something, in one line.
func holders(e recipes.Explanation) string {
	var all []string
	for _, h := range e.Holders() {
		text := fmt.Sprintf("%s (session %s", cmp.Or(h.Session.Name, "?"), h.Session.ID)
		if len(h.Data) > 0 && len(h.Data) <= labelShown {
			text += ", " + string(h.Data)
		}
		all = append(all, text+") since "+age(time.UnixMilli(h.Stat.CtimeMS)))
	}
	return strings.Join(all, ", ")
}

type circleRecord struct {
	Circle []claimRecord `json:"circle"`

	of []recipes.Claim
}

func (r *circleRecord) text(o *output) {
	who := "a session waits for itself"
	if len(r.of) > 1 {
		who = fmt.Sprintf("%d sessions wait for each other", len(r.of))
	}
	o.printf("DEADLOCK, unless a session does several things at a time: %s:\n", who)
	for _, c := range r.of {
		o.printf("  session %s (%s) by %s waits for %s\n", c.Session.ID, cmp.Or(c.Session.Name, "?"), c.Path, c.WaitsFor)
	}
}

func runWhy(c *call) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	var all []recipes.Explanation
	for _, path := range c.args {
		if c.has("recursive") {
			found, err := recipes.ExplainTree(c.ctx, cl, path)
			if err != nil {
				return err
			}
			if len(found) == 0 && !c.out.json {
				c.out.printf("%s: nothing at or below it is held or waited for\n", path)
			}
			all = append(all, found...)
			continue
		}
		e, err := recipes.Explain(c.ctx, cl, path)
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	for _, e := range all {
		if err := c.give(newExplanationRecord(e)); err != nil {
			return err
		}
	}
	for _, circle := range recipes.Circles(all...) {
		r := &circleRecord{of: circle}
		for _, claim := range circle {
			r.Circle = append(r.Circle, newClaimRecord(claim))
		}
		if err := c.give(r); err != nil {
			return err
		}
	}
	return c.out.stdout.Flush()
}

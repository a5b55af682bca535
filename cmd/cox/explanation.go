package main

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/recipes"
)

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
	Fence    uint64              `json:"fence"`
	SinceMS  int64               `json:"since_ms"`
	Session  *sessionEntryRecord `json:"session,omitempty"`
	Ended    bool                `json:"ended,omitempty"`
	*dataRecord
}

func newClaimRecord(c recipes.Claim) claimRecord {
	r := claimRecord{
		Path: c.Path, Holds: c.Holds, Shared: c.Shared, Permits: c.Permits, WaitsFor: c.WaitsFor,
		Fence: uint64(c.Stat.Czxid), SinceMS: c.Stat.CtimeMS, Ended: c.Ended,
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
			state = "kept from everybody by its lock-delay for about another " + left(e)
		}
		return "a lock, " + state + waiting
	case recipes.PurposeElection:
		return fmt.Sprintf("an election, led by %s (session %s)%s", nameOf(hold[0]), sessionOf(hold[0]), waiting)
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
		return fmt.Sprintf("a node with a time to live, gone in about %s if nobody sets it", left(e))
	case recipes.PurposeConfig:
		return "a config (config history tells its versions)"
	case recipes.PurposeIdle:
		return "a container without children: nobody holds it, nobody waits, and the service removes it"
	}
	return summaryOfNode(e)
}

// summaryOfNode is what is known about a node that nothing tells what it is for, but where it is.
func summaryOfNode(e recipes.Explanation) string {
	childless := e.Stat.NumChildren == 0
	switch parent := path.Dir(e.Path); {
	case parent == "/barriers" && childless && e.Stat.DataLength == 0:
		return "a barrier, raised (barrier lift lets go on who waits)"
	case parent == "/semaphores" && e.Permits > 0:
		return fmt.Sprintf("a semaphore, 0 of %s taken", counted(int64(e.Permits), "permit"))
	case parent == "/config" && childless:
		return "a config"
	case childless:
		return fmt.Sprintf("a %s node without children", e.Stat.Kind)
	}
	none := "none of which belongs to a session"
	if e.Stat.NumChildren == 1 {
		none = "which belongs to no session"
	}
	return fmt.Sprintf("a %s node with %s, %s", e.Stat.Kind, children(e.Stat.NumChildren), none)
}

// left is what is left of a lease, or of a lock-delay.
func left(e recipes.Explanation) string { return max(0, e.Left).Round(100 * time.Millisecond).String() }

// children is "1 child", "2 children".
func children(n int64) string {
	if n == 1 {
		return "1 child"
	}
	return fmt.Sprintf("%d children", n)
}

// nameOf is what the owner of a claim calls itself.
func nameOf(c recipes.Claim) string { return cmp.Or(c.Session.Name, "?") }

// sessionOf is the session of a claim; one that was made by hand may have none.
func sessionOf(c recipes.Claim) string {
	if c.Session.ID == 0 {
		return "none"
	}
	return c.Session.ID.String()
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
		state, below(e.Path, c.Path), since.Format(time.DateTime) + " (" + age(since) + ")", strconv.FormatUint(uint64(c.Stat.Czxid), 10),
		sessionOf(c), nameOf(c), endOf(c), label,
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
	case c.Session.ID == 0:
		return "never: the node stays until somebody deletes it"
	case c.Ended:
		return "it has ended"
	case c.Session.Attached:
		return fmt.Sprintf("%v after its last sign (server %d)", c.Session.Timeout, c.Session.Server)
	default:
		return "in " + c.Session.Left.Round(100*time.Millisecond).String() + " unless it comes back"
	}
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
		o.printf("  session %s (%s) by %s waits for %s\n", c.Session.ID, nameOf(c), c.Path, c.WaitsFor)
	}
}

package recipes

import (
	"cmp"
	"maps"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// Circles finds the sessions that wait for each other: each circle is claims of which each waits for one of the next one's
// session, and the last for one of the first's. A circle of one is a process that waits for what it has itself.
//
// A session is taken for one actor. If a process does several things at a time, a circle through it may come undone by what
// else it does; if each of its sessions stands for one thing, the circle stands until somebody gives up. All explanations
// should be of one [ExplainTree], and so of one point in time: with those of different moments a circle may be one that never
// was.
func Circles(all ...Explanation) [][]Claim {
	g := waits{owner: map[string]client.SessionID{}, out: map[client.SessionID][]Claim{}, path: map[client.SessionID]int{}}
	for _, e := range all {
		for _, c := range e.Claims {
			if c.Session.ID != 0 {
				g.owner[c.Path] = c.Session.ID
			}
		}
	}
	for _, e := range all {
		for _, c := range e.Claims {
			if c.WaitsFor = e.ahead(c); c.WaitsFor != "" && c.Session.ID != 0 {
				g.out[c.Session.ID] = append(g.out[c.Session.ID], c)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.out)) {
		g.visit(id)
	}
	return g.circles
}

// ahead is the node that a claim waits for; "" if there is none. The first in a semaphore's queue waits for whoever has
// permits, if that is one only: of several, any may release.
func (e Explanation) ahead(c Claim) string {
	switch holders := e.Holders(); {
	case c.Holds:
		return ""
	case e.Purpose != PurposeSemaphore || c.WaitsFor != join(e.Path, permitsName):
		return c.WaitsFor
	case len(holders) == 1:
		return holders[0].Path
	}
	return ""
}

// waits is the graph of sessions that wait for sessions, on a walk through it.
type waits struct {
	owner   map[string]client.SessionID
	out     map[client.SessionID][]Claim
	path    map[client.SessionID]int // how far from the beginning of the walk a session is; -1: done with
	claims  []Claim                  // the walk
	circles [][]Claim
}

// visit goes on from a session, depth first: a claim that waits for a session on the way back closes a circle.
func (g *waits) visit(id client.SessionID) {
	if g.path[id] != 0 {
		return
	}
	g.path[id] = len(g.claims) + 1
	for _, c := range g.out[id] {
		next, known := g.owner[c.WaitsFor]
		g.claims = append(g.claims, c)
		if at := g.path[next]; known && at > 0 {
			g.circles = append(g.circles, fromOldest(g.claims[at-1:]))
		} else if known {
			g.visit(next)
		}
		g.claims = g.claims[:len(g.claims)-1]
	}
	g.path[id] = -1
}

// fromOldest turns a circle so that it begins with the claim that was made first.
func fromOldest(circle []Claim) []Claim {
	first := 0
	for i := range circle {
		if cmp.Compare(circle[i].Stat.Czxid, circle[first].Stat.Czxid) < 0 {
			first = i
		}
	}
	return slices.Concat(circle[first:], circle[:first])
}

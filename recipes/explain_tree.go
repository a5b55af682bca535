package recipes

import (
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// explainTree explains the nodes of a tree, of which the first is the top, one by one in the order of the list. Ephemeral nodes
// are parts of their parents' explanations, as a semaphore's two parts are of its, and a lock-delay is of the lock's.
func explainTree(tree []client.Entry, zxid client.Zxid) []Explanation {
	below := map[string][]client.Entry{}
	for _, e := range tree[1:] {
		below[parentOf(e.Path)] = append(below[parentOf(e.Path)], e)
	}
	var all []Explanation
	parts := map[string]bool{} // of semaphores and locks
	for _, n := range tree {
		if n.Stat.Kind == client.KindEphemeral || parts[n.Path] {
			continue
		}
		e := Explanation{Path: n.Path, Purpose: PurposeNode, Stat: n.Stat, Zxid: zxid}
		line, members := places(below[n.Path], linePrefixes...), ephemeral(below[n.Path])
		permits, queue := join(n.Path, permitsName), join(n.Path, queueName)
		granted, asked := places(below[permits], permitPrefix), places(below[queue], waitPrefix)
		delay, delayed := delayOf(n.Path, below[n.Path])
		switch {
		case len(granted) > 0 || len(asked) > 0:
			parts[permits], parts[queue] = true, true
			e.Purpose, e.Permits = PurposeSemaphore, permitsOf(n.Data)
			e.Claims = semaphoreClaims(granted, asked, permits)
		case delayed || anyOf(line, lockPrefix, readPrefix):
			e.Purpose = PurposeLock
			if delayed {
				parts[delay.Path] = true
				e.Left = leftOf(delay.Stat)
			}
			e.Claims = lockClaims(line, delay.Path)
		case anyOf(line, candidatePrefix):
			e.Purpose, e.Claims = PurposeElection, lockClaims(line, "")
		case len(members) > 0:
			e.Purpose = PurposeMembers
			for _, m := range members {
				e.Claims = append(e.Claims, Claim{Path: m.Path, Stat: m.Stat, Data: m.Data, Holds: true})
			}
		case n.Stat.Kind == client.KindTTL:
			e.Purpose, e.Left = PurposeLease, leftOf(n.Stat)
		case n.Stat.Kind == client.KindContainer && n.Stat.NumChildren == 0:
			e.Purpose = PurposeIdle
		case len(places(below[n.Path], versionPrefix)) > 0:
			e.Purpose = PurposeConfig
		default:
			e.Permits = permitsOf(n.Data)
		}
		all = append(all, e)
	}
	return all
}

// leftOf is how long a TTL node stays if nobody sets it.
func leftOf(s client.Stat) time.Duration { return time.Until(time.UnixMilli(s.MtimeMS + s.TTLMS)) }

// lockClaims are the places in a line: a reader waits for the nearest ahead that is not one, everybody else for the one directly
// ahead, and whoever is at the front for the lock-delay, if there is one.
func lockClaims(line []client.Entry, delay string) []Claim {
	var claims []Claim
	exclusive := "" // the nearest ahead
	for i, m := range line {
		claim := Claim{Path: m.Path, Stat: m.Stat, Data: m.Data, Shared: strings.HasPrefix(nameOf(m.Path), readPrefix)}
		if shared(m.Data, m.Stat) { // a writer that has become a reader
			claim.Shared, claim.Data = true, m.Data[len(sharedMark):]
		}
		switch {
		case claim.Shared:
			claim.WaitsFor = exclusive
		case i > 0:
			claim.WaitsFor = claims[i-1].Path
		}
		if claim.WaitsFor == "" {
			claim.WaitsFor = delay
		}
		if claim.Holds = claim.WaitsFor == ""; !claim.Shared {
			exclusive = m.Path
		}
		claims = append(claims, claim)
	}
	return claims
}

// semaphoreClaims are those who have permits, and those who wait for some: the first for any of the permits, the others for the
// one ahead.
func semaphoreClaims(permits, queue []client.Entry, taken string) []Claim {
	var claims []Claim
	for _, m := range permits {
		claims = append(claims, Claim{Path: m.Path, Stat: m.Stat, Permits: permitsOf(m.Data), Holds: true, Shared: true})
	}
	ahead := taken
	for _, m := range queue {
		claims = append(claims, Claim{Path: m.Path, Stat: m.Stat, Permits: permitsOf(m.Data), WaitsFor: ahead})
		ahead = m.Path
	}
	return claims
}

// places are the nodes that have a place in line, in its order: those whose names are one of the prefixes and a number, as recipes
// count them, whoever has made them.
func places(nodes []client.Entry, prefixes ...string) (line []client.Entry) {
	for _, n := range nodes {
		name := nameOf(n.Path)
		if number := sequence(name); number != "" && slices.Contains(prefixes, strings.TrimSuffix(name, number)) {
			line = append(line, n)
		}
	}
	slices.SortFunc(line, func(a, b client.Entry) int { return compareSequences(sequence(a.Path), sequence(b.Path)) })
	return line
}

// anyOf reports whether any place in a line has one of the prefixes.
func anyOf(line []client.Entry, prefixes ...string) bool { return len(places(line, prefixes...)) > 0 }

func ephemeral(nodes []client.Entry) (some []client.Entry) {
	for _, n := range nodes {
		if n.Stat.Kind == client.KindEphemeral {
			some = append(some, n)
		}
	}
	return some
}

// delayOf is the lock-delay that is under way in a line, if there is one.
func delayOf(line string, children []client.Entry) (client.Entry, bool) {
	i := slices.IndexFunc(children, func(e client.Entry) bool {
		return e.Path == join(line, delayName) && e.Stat.Kind == client.KindTTL
	})
	if i < 0 {
		return client.Entry{}, false
	}
	return children[i], true
}

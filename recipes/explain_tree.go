package recipes

import (
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// explainTree explains the nodes of a tree, of which the first is the top, one by one in the order of the list. Ephemeral nodes
// are parts of their parents' explanations, as a semaphore's two parts are of its.
func explainTree(tree []client.Entry, zxid client.Zxid) []Explanation {
	below := map[string][]client.Entry{}
	for _, e := range tree[1:] {
		below[parentOf(e.Path)] = append(below[parentOf(e.Path)], e)
	}
	var all []Explanation
	parts := map[string]bool{} // of semaphores
	for _, n := range tree {
		if n.Stat.Kind == client.KindEphemeral || parts[n.Path] {
			continue
		}
		e := Explanation{Path: n.Path, Purpose: PurposeNode, Stat: n.Stat, Zxid: zxid}
		members := ephemeral(below[n.Path])
		permits, queue := join(n.Path, permitsName), join(n.Path, queueName)
		granted, asked := ephemeral(below[permits]), ephemeral(below[queue])
		switch {
		case slices.ContainsFunc(granted, inLineOf(permitPrefix)) || slices.ContainsFunc(asked, inLineOf(waitPrefix)):
			parts[permits], parts[queue] = true, true
			e.Purpose, e.Permits = PurposeSemaphore, permitsOf(n.Data)
			e.Claims = semaphoreClaims(granted, asked, permits)
		case slices.ContainsFunc(members, inLineOf(lockPrefix, readPrefix)):
			e.Purpose, e.Claims = PurposeLock, lockClaims(members, delayOf(n.Path, below[n.Path]))
		case slices.ContainsFunc(members, inLineOf(candidatePrefix)):
			e.Purpose, e.Claims = PurposeElection, lockClaims(members, "")
		case len(members) > 0:
			e.Purpose = PurposeMembers
			for _, m := range members {
				e.Claims = append(e.Claims, Claim{Path: m.Path, Stat: m.Stat, Data: m.Data, Holds: true})
			}
		case n.Stat.Kind == client.KindTTL:
			e.Purpose = PurposeLease
			e.Left = time.Until(time.UnixMilli(n.Stat.MtimeMS + n.Stat.TTLMS))
		}
		all = append(all, e)
	}
	return all
}

// lockClaims are the places in a line: a reader waits for the nearest ahead that is not one, everybody else for the one directly
// ahead, and whoever is at the front for the lock-delay, if there is one.
func lockClaims(members []client.Entry, delay string) []Claim {
	var claims []Claim
	exclusive := "" // the nearest ahead
	for i, m := range places(members) {
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
	for _, m := range places(permits) {
		claims = append(claims, Claim{Path: m.Path, Stat: m.Stat, Data: m.Data, Permits: permitsOf(m.Data), Holds: true, Shared: true})
	}
	ahead := taken
	for _, m := range places(queue) {
		claims = append(claims, Claim{Path: m.Path, Stat: m.Stat, Data: m.Data, Permits: permitsOf(m.Data), WaitsFor: ahead})
		ahead = m.Path
	}
	return claims
}

// places are the members that have a place in line, in its order.
func places(members []client.Entry) []client.Entry {
	members = slices.DeleteFunc(slices.Clone(members), func(e client.Entry) bool { return sequence(e.Path) == "" })
	slices.SortFunc(members, func(a, b client.Entry) int { return compareSequences(sequence(a.Path), sequence(b.Path)) })
	return members
}

func ephemeral(nodes []client.Entry) (some []client.Entry) {
	for _, n := range nodes {
		if n.Stat.Kind == client.KindEphemeral {
			some = append(some, n)
		}
	}
	return some
}

// inLineOf tells which nodes are places in line whose names begin so.
func inLineOf(prefixes ...string) func(client.Entry) bool {
	return func(e client.Entry) bool {
		name := nameOf(e.Path)
		return sequence(name) != "" && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
}

// delayOf is the path of the lock-delay that is under way in a line; "" if there is none.
func delayOf(line string, children []client.Entry) string {
	delay := join(line, delayName)
	if slices.ContainsFunc(children, func(e client.Entry) bool { return e.Path == delay }) {
		return delay
	}
	return ""
}

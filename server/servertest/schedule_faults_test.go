package servertest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/server/servertest"
)

const (
	// faultsMin and faultsMax bound the faults of one schedule.
	faultsMin, faultsMax = 3, 8

	// faultSpan is the time within which the faults of a schedule begin, and faultLongest how long one lasts at most: longer
	// than an election, and now and then than a client waits for a silent server.
	faultSpan    = 400 * time.Millisecond
	faultLongest = 500 * time.Millisecond
)

// faultPlan is what happens to a cluster, and when.
type faultPlan struct {
	cluster *servertest.Cluster
	steps   []faultStep // in the order of time
	began   time.Time
	done    []string // what has happened, for the report of a failure

	down   int // the server that is killed or drained; -1: none
	paused []int
}

// faultStep is the beginning of a fault, or its end.
type faultStep struct {
	at   time.Duration
	what string
	do   func(w *workload)
}

// planFaults chooses faults. Whom they befall is chosen too, but that half of them befall whoever leads at that moment.
func planFaults(cluster *servertest.Cluster, random *rand.Rand, clients int) *faultPlan {
	p := &faultPlan{cluster: cluster, down: -1}
	for range faultsMin + random.IntN(faultsMax-faultsMin+1) {
		begin := time.Duration(random.Int64N(int64(faultSpan)))
		p.choose(random, begin, begin+time.Duration(random.Int64N(int64(faultLongest))), clients)
	}
	slices.SortStableFunc(p.steps, func(a, b faultStep) int { return int(a.at - b.at) })
	return p
}

// choose adds a fault that lasts from begin to end.
func (p *faultPlan) choose(random *rand.Rand, begin, end time.Duration, clients int) {
	c, leading, whoever := p.cluster, random.IntN(2) == 0, random.IntN(p.cluster.Len())
	session, delay := random.IntN(clients), time.Duration(1+random.IntN(20))*time.Millisecond
	target := whoever
	step := func(at time.Duration, what string, do func(w *workload)) {
		p.steps = append(p.steps, faultStep{at, what, do})
	}
	pick := func() int { // the end of a fault befalls whom its beginning has
		if target = whoever; leading {
			target = p.leader(whoever)
		}
		return target
	}
	switch random.IntN(10) {
	case 0:
		step(begin, "cut clients", func(*workload) { c.CutClients(pick()) })
	case 1:
		step(begin, "refuse clients", func(*workload) { c.RefuseClients(pick()) })
		step(end, "admit clients", func(*workload) { c.AdmitClients(target) })
	case 2:
		step(begin, "kill", func(*workload) { p.end(pick(), c.Kill) })
		step(end, "run", func(*workload) { p.revive() })
	case 3:
		step(begin, "drain", func(*workload) { p.end(pick(), c.Drain) })
		step(end, "run", func(*workload) { p.revive() })
	case 4:
		step(begin, "pause", func(*workload) {
			if pick() != p.down {
				p.paused = append(p.paused, target)
				c.Pause(target)
			}
		})
		step(end, "resume", func(*workload) { p.resume(target) })
	case 5:
		step(begin, "partition", func(*workload) { c.Partition([]int{pick()}, others(c, target)) })
		step(end, "heal", func(*workload) { c.Heal() })
	case 6:
		step(begin, "block", func(*workload) { c.Block(pick(), (target+1)%c.Len()) })
		step(end, "heal", func(*workload) { c.Heal() })
	case 7:
		step(begin, "drop a reply", func(w *workload) { c.DropReply(w.members[session].client.Session().ID) })
	case 8:
		step(begin, "delay", func(*workload) { c.Delay(delay, pick()) })
		step(end, "delay no more", func(*workload) { c.Delay(0, target) })
	case 9:
		step(begin, "hold a session", func(w *workload) { c.HoldSession(w.members[session].client.Session().ID) })
		step(end, "release a session", func(w *workload) { c.ReleaseSession(w.members[session].client.Session().ID) })
	}
}

// happen lets everything happen at its time.
func (p *faultPlan) happen(w *workload) {
	p.began = time.Now()
	for _, step := range p.steps {
		if !w.wait(step.at - time.Since(p.began)) {
			return
		}
		leader := p.leader(-1)
		began := time.Now()
		step.do(w)
		p.note(fmt.Sprintf("%s (planned at %v), leader was %d, took %v", step.what, step.at, leader, time.Since(began)))
	}
}

// heal ends all that is not as it should be.
func (p *faultPlan) heal() {
	for i := range p.cluster.Len() {
		p.cluster.AdmitClients(i)
	}
	p.cluster.Delay(0)
	p.revive()
	p.note("all healed")
}

func (p *faultPlan) note(what string) {
	p.done = append(p.done, fmt.Sprintf("%10v %s", time.Since(p.began).Round(time.Millisecond), what))
}

// leader is the server that leads, as far as somebody knows; otherwise it is the one given.
func (p *faultPlan) leader(otherwise int) int {
	for i := range p.cluster.Len() {
		if s := p.cluster.Server(i); s != nil {
			if leader := int(s.Status().Leader) - 1; leader >= 0 && p.cluster.Server(leader) != nil {
				return leader
			}
		}
	}
	return otherwise
}

// end stops a server in one way or another; only one is down at a time, and instead of the second clients are cut off.
func (p *faultPlan) end(i int, how func(int)) {
	if p.down >= 0 {
		p.cluster.CutClients(i)
		return
	}
	p.down = i
	how(i)
}

// revive starts the server that is down. It needs a majority to become ready, so whatever may be in the way of one ends.
func (p *faultPlan) revive() {
	p.cluster.Heal()
	for len(p.paused) > 0 {
		p.resume(p.paused[0])
	}
	if p.down >= 0 {
		p.cluster.Run(p.down)
		p.down = -1
	}
}

func (p *faultPlan) resume(i int) {
	p.paused = slices.DeleteFunc(p.paused, func(other int) bool { return other == i })
	if i != p.down {
		p.cluster.Resume(i)
	}
}

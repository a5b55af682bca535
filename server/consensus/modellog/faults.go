package modellog

// Crash ends a replica as a loss of power does: nothing of it reaches anybody from now on, nor its machine, but for a batch
// that the machine is applying at this moment. Its disk keeps what it has acknowledged, and perhaps some of what was just being
// written. Its log returns ErrClosed to everybody. The caller then closes the server, and may open the replica again.
func (c *Cluster) Crash(replica uint64) {
	c.mu.Lock()
	l := c.replicas[replica-1].running
	c.mu.Unlock()
	if l != nil {
		l.shut()
	}
}

// Block loses all messages of one replica to another, those under way included.
func (c *Cluster) Block(from, to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked[[2]uint64{from, to}] = true
}

// Heal ends all blocks. It resumes nobody.
func (c *Cluster) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.blocked)
}

// Late makes everything that other replicas send to one take several times as long from now on; 0 ends that. So it learns late
// what the others have decided long ago, and is told things in another order than they have happened in.
func (c *Cluster) Late(replica uint64, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas[replica-1].late = times
}

// Pause stops a replica where it is: it neither sends nor takes nor applies, and its timers stand. What is sent to it waits.
// Whoever calls it is not stopped.
func (c *Cluster) Pause(replica uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas[replica-1].paused = true
}

// Resume lets a replica go on. It first takes what has waited.
func (c *Cluster) Resume(replica uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.replicas[replica-1]
	if !r.paused {
		return
	}
	r.paused = false
	held := r.held
	r.held = nil
	for _, do := range held {
		do()
	}
}

// Depose makes the leader forget that it leads. The others find out, and there is an election.
func (c *Cluster) Depose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.leader(); l != nil {
		l.stepDown()
		for _, r := range c.replicas {
			if r.running != nil {
				r.running.heard = r.running.heard.Add(-c.rates.Election) // nobody holds on to the old one
			}
		}
	}
}

// Transfer has the leader hand over to another replica. It may fail, as such a thing may.
func (c *Cluster) Transfer(to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.leader(); l != nil {
		l.handOver(to)
	}
}

// Snapshot has a replica take a snapshot and forget the entries before it, as soon as its machine is free.
func (c *Cluster) Snapshot(replica uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.replicas[replica-1].running; l != nil {
		l.wantSnapshot = true
		l.work()
	}
}
